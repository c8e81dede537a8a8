"""Every error that the device raises on purpose. Those of training and export are in their own packages.

PocketRecError
├── BundleError                 the files are not a usable bundle
│   ├── BundleVersionError      written by a newer exporter
│   └── BundleIntegrityError    a file does not match its digest
├── EngineError                 no engine, or one that fails its self-test
├── StateError                  the device's state file cannot be used
├── UnknownItemError            the catalogue has no such item
├── BusyError                   another process is writing into the same folder
└── SyncError                   nothing was installed; the device keeps what it has
    ├── UnprotectedError        plain http to another machine, which nobody asked for
    ├── ServerUnreachableError  no answer, a broken one, or one that never ends: try again later
    └── UpdateRefusedError      what the server offers is stale, forged, damaged or not for this device

A message says what, what was found, what was expected, and what to do.
"""

from pathlib import PurePath


class PocketRecError(Exception):
    """Root of every error that a caller may want to handle."""


class BundleError(PocketRecError):
    """The files are not a usable bundle."""


class BundleVersionError(BundleError):
    """The bundle needs a newer runtime than this one."""


class BundleIntegrityError(BundleError):
    """A file of the bundle does not match its manifest."""

    def __init__(self, path: PurePath, *, expected: str, found: str) -> None:
        super().__init__(
            f"{path}: found {found}, but the manifest says {expected}. The download was cut short "
            "or the file was changed; fetch the bundle again (`pocketrec sync`)."
        )
        self.path = path
        self.expected = expected
        self.found = found


class EngineError(PocketRecError):
    """An engine cannot be used: its library is missing, or it fails the self-test."""


class StateError(PocketRecError):
    """The device's state file cannot be used."""


class UnknownItemError(PocketRecError):
    """The catalogue has no such item."""


class BusyError(PocketRecError):
    """Another process is writing into the same folder."""


class SyncError(PocketRecError):
    """A sync installed nothing; the device keeps what it has."""


class UnprotectedError(SyncError):
    """The server would be asked over plain http across a network, and releases are not signed."""


class ServerUnreachableError(SyncError):
    """The server gave no answer, a broken one, or one that never ends: trying again later may help."""


class UpdateRefusedError(SyncError):
    """What the server offers is stale, forged, damaged or not meant for this device."""
