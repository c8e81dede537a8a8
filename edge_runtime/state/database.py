"""The SQLite file below a history: opened with the promises that a history makes, and its errors in words.

WAL with ``synchronous=FULL``: a commit has reached the disk when it returns; a power cut leaves the old state or the
new one. ``secure_delete`` overwrites what is deleted.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edge_runtime.errors import StateError

SCHEMA: Final = 1
APPLICATION_ID: Final = 0x706F636B
"""``pock``: how a SQLite file names its program; another program's database is not written into."""
BUSY_TIMEOUT_MS: Final = 5000
WANTS_ROOM: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""What SQLite answers where the disk takes no more."""

_TABLES = """
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    item_id TEXT NOT NULL,
    event TEXT NOT NULL,
    time INTEGER NOT NULL
);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_INDEX = "CREATE INDEX IF NOT EXISTS events_by_item ON events (item_id)"


def open_database(path: Path | None) -> sqlite3.Connection:
    """Open the state file, or make it, readable by its owner alone; without a path the database is in memory.

    Raises:
        StateError: the file is not ours, is newer than this runtime, is damaged, or cannot be written.
    """
    with in_words(path, "the state file could not be opened"):
        if path is not None:
            _create(path)
        try:
            return _connected(path)
        except sqlite3.OperationalError as error:
            if path is None or primary_code(error) not in WANTS_ROOM:
                raise
            # What processes share needs 32 KiB of disk. One process alone keeps it in memory: the history can be
            # read, and forgotten, on a full disk.
            return _connected(path, is_alone=True)


@contextmanager
def in_words(path: Path | None, undone: str) -> Iterator[None]:
    """Turn what SQLite and the system say into advice.

    Args:
        path: of the state file; None is a database in memory.
        undone: what did not happen where the disk could not take it, such as "the event was not recorded".

    Raises:
        StateError: in place of their errors.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise StateError(f"{path or 'the state'}: {_advice(error, undone)}") from error
    except UnicodeDecodeError as error:  # SQLite quotes the damaged bytes in its own message
        raise StateError(f"{path}: {_DAMAGED}") from error
    except OSError as error:
        raise StateError(
            f"{path}: {error.strerror or error}. The state file must be in a folder that can be written; "
            "name another file (--state)."
        ) from error


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its details; 0 where the error is Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def damaged(path: Path | None, what: str) -> StateError:
    """Return the error of a file whose content cannot be what we wrote."""
    return StateError(f"{path}: {what}: {_DAMAGED}")


def transact(connection: sqlite3.Connection, *statements: tuple[str, tuple[object, ...]]) -> sqlite3.Cursor:
    """Do all statements, durably, or none; return the cursor of the last one."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement, parameters in statements:
            cursor = connection.execute(statement, parameters)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return cursor


def _connected(path: Path | None, *, is_alone: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path or ":memory:",
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if is_alone:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make an empty file that only its owner may read; SQLite gives its companions the same rights."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StateError(f"{path}: this is not a file but a pipe or a device. Name another file (--state).")
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    """Check which program's file it is, and make the tables where it is new."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")  # nothing of the history goes into other files
    _check_owner(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _number(connection, "user_version") == 0:  # asked again inside: another process may have been quicker
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(_INDEX)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    with suppress(sqlite3.OperationalError):  # files of the first releases lack it; without it reading is slower
        connection.execute(_INDEX)


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


_DAMAGED: Final = "it is damaged. Move it away to start afresh, or name another file (--state)."
_NETWORK: Final = (
    "file locks do not work there, as in many network folders. Name a file on a disk of this device (--state)."
)
_ADVICE: Final = {
    sqlite3.SQLITE_NOTADB: "it is not a database. Nothing was changed; name another file (--state), or move this one.",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: "the disk is full; {undone}. Make room and try again.",
    sqlite3.SQLITE_READONLY: "it cannot be written. Give yourself the right to, or name another file (--state).",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Check the folder and its rights, or name another file (--state).",
    sqlite3.SQLITE_BUSY: "another program kept it locked; {undone}. Close that program and try again.",
    sqlite3.SQLITE_IOERR: "the disk reported an error; {undone}. Check the disk and its room, and try again.",
    sqlite3.SQLITE_PROTOCOL: _NETWORK,
    sqlite3.SQLITE_NOLFS: "it is too large for its disk; {undone}. Move it to another disk (--state).",
    sqlite3.SQLITE_IOERR_LOCK: _NETWORK,
    sqlite3.SQLITE_IOERR_SHMOPEN: _NETWORK,
    sqlite3.SQLITE_IOERR_SHMLOCK: _NETWORK,
    sqlite3.SQLITE_IOERR_SHMMAP: _NETWORK,
}


def _advice(error: sqlite3.Error, undone: str) -> str:
    code = getattr(error, "sqlite_errorcode", 0)
    if code in (0, sqlite3.SQLITE_ERROR) and isinstance(error, sqlite3.OperationalError):
        # Our statements are right: it is the tables that are not, or a text that is no UTF-8.
        return f"{error}: {_DAMAGED}"
    advice = _ADVICE.get(code) or _ADVICE.get(primary_code(error)) or f"{str(error).rstrip('.')}; {{undone}}."
    return advice.replace("{undone}", undone)
