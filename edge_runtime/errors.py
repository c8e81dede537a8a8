"""The exceptions of the runtime. Those of training and export are in their own packages.

PocketRecError
├── BundleError                 the files are not a valid bundle
│   ├── BundleVersionError      written by a newer exporter
│   ├── BundleIntegrityError    a file does not match its digest
│   └── DeltaError              a delta is malformed, or does not lead to the file of the manifest
├── EngineError                 an engine is missing or fails its self-test
│   ├── SlowTestError           the self-test exceeds its time limit
│   ├── SelfTestError           a release fails its self-test, and would fail it again
│   └── RefusedReleaseError     a release has failed its self-test on this device before
├── StateError                  the device's state file cannot be used
│   ├── ClosedError             it was closed before the call
│   └── DamagedStoreError       the store of signed metadata cannot be read back
├── UnknownItemError            the catalogue has no such item
├── FilterError                 a filter names a fact that no item has, or compares it with a value of another kind
├── BusyError                   another process is writing into the same folder
├── ProbeError                  a device will not run a bundle, or cannot be probed for it
├── TargetError                 there is no such target, or its file cannot be used
├── ProfileError                a bundle cannot be profiled, or its profile says nothing
├── RoundError                  an update does not fit the plan of its round, or a round cannot be taken part in
└── SyncError                   nothing was installed; the current release stays in use
    ├── UnprotectedError        plain http to another machine before any keys are trusted
    ├── ServerUnreachableError  no response, a broken one, or one that exceeds the time limit: try again later
    └── UpdateRefusedError      the offered release is older, invalid, damaged or for another target
        └── ExpiredMetadataError    the signed metadata expired: the bundle in use is stale since then

A message states what was found, what was expected, and what to do.
"""

from datetime import datetime
from pathlib import PurePath


class PocketRecError(Exception):
    """Base class of all errors that a caller may want to handle."""


class BundleError(PocketRecError):
    """The files are not a valid bundle."""


class BundleVersionError(BundleError):
    """The bundle needs a newer runtime."""


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


class DeltaError(BundleError):
    """A delta is malformed, or does not lead to the file that the manifest states."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"{source}: {problem}. The delta cannot be used; fetch the whole file.")


class EngineError(PocketRecError):
    """An engine cannot be used: its library is missing, or it fails the self-test."""


class SlowTestError(EngineError):
    """The self-test exceeds its time limit, which a busy machine may cause as well as a bundle."""


class SelfTestError(EngineError):
    """A release fails its self-test because of what it is, so that another try would end alike."""


class RefusedReleaseError(EngineError):
    """The release has failed its self-test on this device before, and is not tried again."""


class StateError(PocketRecError):
    """The device's state file cannot be used."""


class ClosedError(StateError):
    """The recommender or its history was closed before the call."""


class DamagedStoreError(StateError):
    """The store of signed metadata cannot be read back as it was written."""


class UnknownItemError(PocketRecError):
    """The catalogue has no such item."""


class VariableError(PocketRecError, ValueError):
    """An environment variable has a value that cannot be used."""


class FilterError(PocketRecError):
    """A filter names a fact that no item has, or compares it with a value of another kind."""


class BusyError(PocketRecError):
    """Another process is writing into the same folder."""


class ProbeError(PocketRecError):
    """A device will not run a bundle, or what it would run is not known."""


class TargetError(PocketRecError):
    """There is no such target, or its file cannot be used."""


class ProfileError(PocketRecError):
    """A bundle cannot be profiled, or the figures of its profile say nothing."""


class AuditError(PocketRecError):
    """A device cannot be audited, or something left it that no receipt has."""


class RoundError(PocketRecError):
    """An update does not fit the plan of its round, or this device cannot take part in a round."""


class SyncError(PocketRecError):
    """A sync installed nothing; the current release stays in use."""


class UnprotectedError(SyncError):
    """The connection would use plain http across a network, and the device trusts no keys yet."""


class ServerUnreachableError(SyncError):
    """The server did not respond, or its response is broken or too slow; trying again later may help."""


class UpdateRefusedError(SyncError):
    """The offered release is older, invalid, damaged or for another target."""


class ExpiredMetadataError(UpdateRefusedError):
    """The signed metadata expired, so that updates are refused; the bundle in use goes on working.

    Attributes:
        stale_since: when the metadata expired.
    """

    def __init__(self, message: str, *, stale_since: datetime) -> None:
        super().__init__(message)
        self.stale_since = stale_since
