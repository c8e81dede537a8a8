"""The device's store of signed metadata: one SQLite file, of which every change is durable or did not happen.

Signatures protect the metadata in it, and a digest of each row protects the rest from a damaged disk. Whoever can write
the file can replace it: the device's own storage is trusted.
"""

import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from edge_runtime.errors import BusyError, UpdateRefusedError
from edge_runtime.sync.tuf import store_file
from edge_runtime.sync.tuf.keys import ED25519, Schemes
from edge_runtime.sync.tuf.trusted import Floors, TrustedMetadata

DRAW_BYTES: Final = 16
_DRAW, _FLOORS, _LOST_AT = "draw", "floors", "lost_at"


def _first_settings() -> dict[str, bytes]:
    return {_DRAW: secrets.token_bytes(DRAW_BYTES), _FLOORS: msgspec.json.encode(Floors())}


class MetadataStore:
    """Trusted metadata, its lower bounds, this device's draw for staged rollouts, and settings.

    Args:
        path: the file; created if missing.
        schemes: the signature schemes.

    Raises:
        DamagedStoreError: the file cannot be read back. It is never taken for an empty one, which would lose the bounds
            in silence; :meth:`replaced` starts over.
        StateError: the file is another program's, is newer than this runtime, or cannot be opened.
    """

    def __init__(self, path: Path, *, schemes: Schemes = ED25519) -> None:
        self._path = path
        self._schemes = schemes
        with store_file.translated(path):
            self._connection = store_file.open_file(path, _first_settings)
            self._seen = store_file.changes_of_others(self._connection)

    @classmethod
    def replaced(cls, path: Path, *, schemes: Schemes = ED25519) -> Self:
        """Move a damaged file aside (``NAME.damaged``) and start over; :attr:`lost_at` tells it from then on."""
        with store_file.translated(path):
            store_file.set_aside(path)
        self = cls(path, schemes=schemes)
        self._write({_LOST_AT: str(int(time.time())).encode()})
        return self

    @property
    def draw(self) -> bytes:
        """The random bytes that place this device in staged rollouts; drawn once."""
        return self._setting(_DRAW)

    @property
    def lost_at(self) -> float | None:
        """When the bounds on versions and time were lost with a damaged file, in seconds since 1970; None if never."""
        lost_at = self.settings().get(_LOST_AT)
        return None if lost_at is None else float(lost_at)

    def load(self) -> TrustedMetadata | None:
        """Return the trusted metadata, or None if none was saved yet.

        Raises:
            DamagedStoreError: a row is damaged, or the root is not valid.
        """
        with store_file.translated(self._path), store_file.transaction(self._connection):
            self._seen = store_file.changes_of_others(self._connection)
            files = store_file.read_rows(self._connection, "metadata", self._path)
            floors = self._setting(_FLOORS)
        if not files:
            return None
        try:
            return TrustedMetadata.restored(files, msgspec.json.decode(floors, type=Floors), self._schemes)
        except (KeyError, UpdateRefusedError, msgspec.MsgspecError) as error:
            raise store_file.damaged(self._path, str(error)) from error

    def commit(self, trusted: TrustedMetadata, settings: Mapping[str, bytes] | None = None) -> None:
        """Save metadata, its bounds and settings in one durable transaction; write nothing if nothing changed.

        Raises:
            BusyError: another process has changed the store since :meth:`load`.
            StateError: the disk is full or cannot be written; the store is as before.
        """
        self._write({_FLOORS: msgspec.json.encode(trusted.floors), **(settings or {})}, trusted.files)

    def settings(self) -> dict[str, bytes]:
        """Return all settings, by name."""
        with store_file.translated(self._path):
            return store_file.read_rows(self._connection, "settings", self._path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _setting(self, name: str) -> bytes:
        settings = self.settings()
        if name not in settings:
            raise store_file.damaged(self._path, f"the setting {name!r} is missing")
        return settings[name]

    def _write(self, settings: Mapping[str, bytes], files: Mapping[str, bytes] | None = None) -> None:
        with store_file.translated(self._path), store_file.transaction(self._connection):
            if store_file.changes_of_others(self._connection) != self._seen:
                raise BusyError(f"{self._path}: another process has updated it meanwhile. Sync again.")
            self._change("settings", settings)
            if files is not None:
                self._change("metadata", files)
                gone = store_file.read_rows(self._connection, "metadata", self._path).keys() - files.keys()
                self._connection.executemany("DELETE FROM metadata WHERE name = ?", [(name,) for name in gone])

    def _change(self, table: str, rows: Mapping[str, bytes]) -> None:
        here = store_file.read_rows(self._connection, table, self._path)
        changed = {name: content for name, content in rows.items() if here.get(name) != content}
        store_file.write_rows(self._connection, table, changed)
