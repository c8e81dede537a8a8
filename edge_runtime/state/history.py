"""What the person did: one SQLite file, every event on the disk before the call that told of it returns.

WAL with ``synchronous=FULL``: a commit has reached the disk when it returns; a power cut leaves the old state or the
new one. ``secure_delete`` overwrites what is deleted. Knows nothing of catalogues: an item is an id.
"""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edge_runtime.errors import StateError

SCHEMA: Final = 1
APPLICATION_ID: Final = 0x706F636B
"""``pock``: how SQLite files say whose they are; another program's database is not written into."""
BUSY_TIMEOUT_MS: Final = 5000
DISLIKE: Final = "dislike"
"""Hides its item, and says nothing of what the person wants next."""

_EVENT = re.compile(r"[a-z_]{1,32}")
_MAX_ID = 256
_TABLES = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id TEXT NOT NULL,
    event TEXT NOT NULL,
    time INTEGER NOT NULL
);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the person did with an item.

    Attributes:
        id: grows with every event; never used twice.
        item_id: of the catalogue, or of one that this device does not have yet.
        event: ``click``, ``like``, ``purchase``, ``dislike`` or another name of ``[a-z_]{1,32}``.
        time: milliseconds since 1970, by the clock of the device.
    """

    id: int
    item_id: str
    event: str
    time: int


class History:
    """The events of one person on one device; threads and processes may share it."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self._lock = threading.RLock()
        self._n_removals = 0

    @classmethod
    def open(cls, path: Path | None = None, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the state file, or make it, readable by its owner alone; without a path nothing outlives the process.

        Raises:
            StateError: the file is not ours, is newer than this runtime, or cannot be written.
        """
        with _in_words(path):
            if path is not None:
                _create(path)
            connection = sqlite3.connect(
                path or ":memory:",
                timeout=BUSY_TIMEOUT_MS / 1000,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                _prepare(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(connection, path, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; nothing is pending, so nothing can be lost."""
        with self._lock:
            self._connection.close()

    def add(self, item_id: str, event: str = "click") -> Event:
        """Record one event; it is on the disk when this returns.

        Raises:
            ValueError: the item id or the event's name is not one.
            StateError: it could not be written; nothing was recorded.
        """
        if not 1 <= len(item_id) <= _MAX_ID:
            raise ValueError(f"an item id has 1 to {_MAX_ID} characters, got {len(item_id)}")
        if not _EVENT.fullmatch(event):
            raise ValueError(f"an event's name is made of a-z and _, at most 32 of them, got {event!r}")
        moment = int(self._clock() * 1000)
        with self._changing() as connection:
            cursor = connection.execute(
                "INSERT INTO events (item_id, event, time) VALUES (?, ?, ?)", (item_id, event, moment)
            )
        return Event(cursor.lastrowid or 0, item_id, event, moment)

    def remove(self, event_id: int) -> bool:
        """Delete one event; return whether it was there."""
        with self._changing() as connection:
            cursor = connection.execute("DELETE FROM events WHERE id = ?", (event_id,))
            self._n_removals += 1
        return cursor.rowcount > 0

    def newest(self, limit: int | None = None) -> list[Event]:
        """Return the events, the newest first; ``limit`` of them, or all."""
        return self._events("ORDER BY id DESC LIMIT ?", -1 if limit is None else limit)

    def after(self, event_id: int) -> list[Event]:
        """Return the events that came after one, the oldest first; after 0 come all."""
        return self._events("WHERE id > ? ORDER BY id", event_id)

    def epoch(self) -> tuple[int, int]:
        """Return a value that stays while nothing happens but :meth:`add` on this object.

        Another process's writing changes it, and so do removals; until then :meth:`after` tells all that is new.
        """
        with self._lock, _in_words(self._path):
            (foreign,) = self._connection.execute("PRAGMA data_version").fetchone()
            return foreign, self._n_removals

    def setting(self, name: str) -> str | None:
        """Return a setting, or None."""
        with self._lock, _in_words(self._path):
            found = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
            return None if found is None else str(found[0])

    def set(self, name: str, value: str) -> None:
        """Keep a setting."""
        with self._changing() as connection:
            connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))

    def forget(self) -> None:
        """Delete everything about the person: events, settings, the counter of ids, and what a file still holds of it.

        Raises:
            StateError: another program holds the file open in the middle of a reading; the events are deleted, but
                their bytes may still be in the file. Calling again when it is done completes it.
        """
        with self._changing() as connection:
            for table in ("events", "settings", "sqlite_sequence"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the names stand one line above
            self._n_removals += 1
        with self._lock, _in_words(self._path):
            self._connection.execute("VACUUM")
            (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StateError(
                f"{self._path}: everything is deleted, but another program is reading the file, so that traces "
                "may remain in it. Close that program and forget once more."
            )

    def _events(self, which: str, parameter: int) -> list[Event]:
        with self._lock, _in_words(self._path):
            rows = self._connection.execute(
                f"SELECT id, item_id, event, time FROM events {which}",  # noqa: S608 - two constants of this class
                (parameter,),
            )
            return [Event(*row) for row in rows]

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, durable, or nothing."""
        with self._lock, _in_words(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


def _create(path: Path) -> None:
    """Make an empty file that only its owner may read; SQLite gives its companions the same rights."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    """Check whose file it is, and make the tables where it is new."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA secure_delete = ON")
    _check_owner(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _number(connection, "user_version") == 0:  # asked again inside: another process may have been quicker
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check_owner(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse another program's database, and one of a newer runtime."""
    version, owner = _number(connection, "user_version"), _number(connection, "application_id")
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (n_tables or version or owner):
        raise StateError(
            f"{path}: this is a database of another program. Nothing was changed; name another file (--state)."
        )
    if version > SCHEMA:
        raise StateError(
            f"{path}: written by a newer pocketrec (schema {version}, this one knows {SCHEMA}). Nothing was changed; "
            "update pocketrec, or name another file (--state)."
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


_ADVICE: Final = {
    sqlite3.SQLITE_NOTADB: "it is not a database. Nothing was changed; name another file (--state), or move this one.",
    sqlite3.SQLITE_CORRUPT: "it is damaged. Move it away to start afresh, or name another file (--state).",
    sqlite3.SQLITE_FULL: "the disk is full; the event was not recorded. Make room and try again.",
    sqlite3.SQLITE_READONLY: "it cannot be written. Give yourself the right to, or name another file (--state).",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Check the folder and its rights, or name another file (--state).",
    sqlite3.SQLITE_BUSY: "another program kept it locked. Close that program and try again.",
    sqlite3.SQLITE_IOERR: "the disk reported an error; the event was not recorded. Check the disk and try again.",
}


@contextmanager
def _in_words(path: Path | None) -> Iterator[None]:
    """Turn what SQLite and the system say into advice."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise StateError(f"{path or 'the state'}: {_ADVICE.get(code, f'{error}.')}") from error
    except OSError as error:
        raise StateError(
            f"{path}: {error.strerror or error}. The state file must be in a folder that can be written; "
            "name another file (--state)."
        ) from error
