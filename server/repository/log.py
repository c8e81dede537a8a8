"""What was released when: the operator's own record, which no device reads.

It has one file for each version of the snapshot, so that it changes in the same moment as the release on offer.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.manifest import Digest, Word
from edge_runtime.bundle.release import Number
from server.errors import RepositoryError

FOLDER: Final = "log"
ROLLBACK: Final = "rollback"
BUNDLE: Final = "bundle"


class Entry(Struct, frozen=True, omit_defaults=True):
    """A release of one target.

    Attributes:
        release: its number.
        what: what was released: ``bundle``, a component, or ``rollback``.
        final: sha256 of the manifest that devices have after it.
        published: when, in UTC.
        restores: the release whose files a rollback has.
    """

    release: Number
    what: str
    final: Digest
    published: str
    restores: int | None = None


class Log(Struct, frozen=True):
    """All releases, oldest first, by target."""

    releases: Annotated[dict[Word, tuple[Entry, ...]], Meta(max_length=256)] = {}

    def of(self, target: str) -> tuple[Entry, ...]:
        """Return the releases of a target, oldest first."""
        return self.releases.get(target, ())

    def last_number(self, target: str) -> int:
        """Return the highest release number of a target, 0 before the first."""
        return max((entry.release for entry in self.of(target)), default=0)

    def with_entries(self, entries: Mapping[str, Entry]) -> "Log":
        """Return the log with one more release for some targets."""
        return Log({**self.releases, **{target: (*self.of(target), entry) for target, entry in entries.items()}})


def read_log(folder: Path, version: int) -> Log:
    """Read the log of a version of the snapshot, or the last one before it, if another program made the snapshot.

    Raises:
        RepositoryError: there is no log.
    """
    versions = [int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal()]
    newest = max((found for found in versions if found <= version), default=None)
    if newest is None:
        raise RepositoryError(
            f"{folder}: found no record of the releases, expected one for the snapshot on offer. "
            "Restore the whole repository from a copy: its folders belong together."
        )
    path = folder / f"{newest}.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Log)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RepositoryError(f"{path}: {error}. Restore the repository from a copy.") from error


def dump_log(log: Log) -> bytes:
    """Return the bytes of a file of the log."""
    return msgspec.json.format(msgspec.json.encode(log), indent=1) + b"\n"
