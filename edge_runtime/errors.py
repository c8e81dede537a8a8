"""Every error this project raises on purpose.

PocketRecError
├── DataError                   a data folder breaks the contract
├── RunError                    a training run cannot be used, resumed or overwritten
├── BundleError                 the files are not a usable bundle
│   ├── BundleVersionError      written by a newer exporter
│   └── BundleIntegrityError    a file does not match its digest
├── EngineError                 no engine, or one that fails its self-test
├── StateError                  the device's state file cannot be used
├── UnknownItemError            the catalogue has no such item
├── BudgetError                 a bundle is larger or slower than its target allows
├── ParityError                 two engines disagree beyond the stated tolerance
└── SyncError                   the server cannot be reached, or sent something unusable

A message says what, what was found, what was expected, and what to do.
"""

from pathlib import PurePath


class PocketRecError(Exception):
    """Root of every error that a caller may want to handle."""


class DataError(PocketRecError):
    """A data folder breaks the contract."""


class RunError(PocketRecError):
    """A training run cannot be used, resumed or overwritten."""


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


class BudgetError(PocketRecError):
    """A bundle breaks the budget of its target."""


class ParityError(PocketRecError):
    """Two engines disagree beyond the stated tolerance."""


class SyncError(PocketRecError):
    """The server cannot be reached, or sent something that cannot be used."""
