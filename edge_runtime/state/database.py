"""Open the SQLite file of a history and translate SQLite's errors into advice.

The journal mode is WAL with ``synchronous=FULL``: a commit is on the disk when it returns, and a power failure leaves
either the old state or the new one. ``secure_delete`` overwrites deleted content.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edge_runtime.errors import ClosedError, StateError

SCHEMA: Final = 1
APPLICATION_ID: Final = 0x706F636B
"""``pock``, the application id in the header of our files; databases with another id are not written to."""
BUSY_TIMEOUT_MS: Final = 5000
DISK_FULL_CODES: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
"""SQLite's result codes on a full disk."""

_COMPANIONS = ("-journal", "-wal", "-shm")
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
    """Open the state file, creating it if needed, with access for its owner only.

    Args:
        path: path of the file; None opens a database in memory.

    Raises:
        StateError: the file belongs to another program, is newer than this runtime, is damaged or cannot be written.
    """
    with translated_errors(path, "the state file could not be opened"):
        if path is not None:
            _create(path)
        try:
            return _connected(path)
        except sqlite3.OperationalError as error:
            if path is None or primary_code(error) not in DISK_FULL_CODES:
                raise
            # The WAL index that processes share needs 32 KiB of disk. In exclusive mode it is kept in memory, so that
            # the history can be read and deleted on a full disk.
            return _connected(path, is_exclusive=True)


def absolute_file(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a state file.

    SQLite reads the names ``:memory:`` and ``file:...`` as something other than a file, but never an absolute path.

    Raises:
        StateError: the path is empty.
    """
    if not os.fspath(path):
        raise StateError("the path of the state file is empty. Choose a file (--state).")
    return Path(path).absolute()


@contextmanager
def translated_errors(path: Path | None, consequence: str) -> Iterator[None]:
    """Translate errors of SQLite and of the operating system into :class:`StateError` with advice.

    Args:
        path: path of the state file; None for a database in memory.
        consequence: what did not happen because of the error, such as "the event was not recorded".

    Raises:
        ClosedError: the database was closed before the call, or during it.
        StateError: in place of any other error.
    """
    try:
        yield
    except sqlite3.Error as error:
        kind = ClosedError if _is_closed(error) else StateError
        raise kind(f"{path or 'the state'}: {_advice(error, consequence)}") from error
    except UnicodeDecodeError as error:  # SQLite's message quotes the damaged bytes
        raise StateError(f"{path}: {_DAMAGED}") from error
    except OSError as error:
        raise StateError(
            f"{path}: {error.strerror or error}. The state file must be in a writable folder; "
            "choose another file (--state)."
        ) from error


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code, or 0 for an error that Python's module raised itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def damaged(path: Path | None, what: str) -> StateError:
    """Return the error for a file with invalid content."""
    return StateError(f"{path}: {what}: {_DAMAGED}")


def transact(connection: sqlite3.Connection, *statements: tuple[str, tuple[object, ...]]) -> sqlite3.Cursor:
    """Execute the statements in one durable transaction; return the cursor of the last one."""
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


def _connected(path: Path | None, *, is_exclusive: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path or ":memory:",
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if is_exclusive:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Create an empty file that only its owner can read; SQLite gives the -wal and -shm files the same permissions."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for suffix in _COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if companion.exists() and not companion.is_file():
            raise StateError(
                f"{companion}: found a folder, a pipe or a device, where SQLite has to write a file. "
                "Move it away, or choose another file (--state)."
            )
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StateError(
                f"{path}: found a pipe or a device, expected a regular file. Choose another file (--state)."
            )
    finally:
        os.close(descriptor)


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    """Check which program the file belongs to, and create the tables in a new file."""
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")  # no part of the history is written to other files
    _check_owner(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if (
            _number(connection, "user_version") == 0
        ):  # checked within the transaction: another process may have created them
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
    with suppress(sqlite3.OperationalError):  # files of the first releases have no index; reads are slower without
        connection.execute(_INDEX)


def _check_owner(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse a database of another program or of a newer runtime."""
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    version = _number(connection, "user_version")
    owner = _number(connection, "application_id")  # last: another process may create the tables and this one meanwhile
    if owner != APPLICATION_ID and (n_tables or version or owner):
        raise StateError(
            f"{path}: this is a database of another program. Nothing was changed; choose another file (--state)."
        )
    if version > SCHEMA:
        raise StateError(
            f"{path}: written by a newer pocketrec (schema {version}, this one supports {SCHEMA}). Nothing was "
            "changed; update pocketrec, or choose another file (--state)."
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


_DAMAGED: Final = "it is damaged. Move it away to start with an empty history, or choose another file (--state)."
_NETWORK: Final = "file locks do not work there, as in many network folders. Choose a file on a local disk (--state)."
_ADVICE: Final = {
    sqlite3.SQLITE_NOTADB: "it is not a database. Nothing was changed; move it, or choose another file (--state).",
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_FULL: "the disk is full; {consequence}. Free some space and try again.",
    sqlite3.SQLITE_READONLY: "it cannot be written. Change its permissions, or choose another file (--state).",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened. Check the folder's permissions, or choose another file (--state).",
    sqlite3.SQLITE_BUSY: "it is locked by another program; {consequence}. Close that program and try again.",
    sqlite3.SQLITE_IOERR: "the disk reported an error; {consequence}. Check the disk and its free space.",
    sqlite3.SQLITE_PROTOCOL: _NETWORK,
    sqlite3.SQLITE_NOLFS: "it is too large for its disk; {consequence}. Move it to another disk (--state).",
    sqlite3.SQLITE_IOERR_LOCK: _NETWORK,
    sqlite3.SQLITE_IOERR_SHMOPEN: _NETWORK,
    sqlite3.SQLITE_IOERR_SHMLOCK: _NETWORK,
    sqlite3.SQLITE_IOERR_SHMMAP: _NETWORK,
}


def _is_closed(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error)


def _advice(error: sqlite3.Error, consequence: str) -> str:
    code = getattr(error, "sqlite_errorcode", 0)
    if _is_closed(error):
        return f"it was closed before this call; {consequence}. Open it again, or close it after the last call."
    if code in (0, sqlite3.SQLITE_ERROR) and isinstance(error, sqlite3.OperationalError):
        # The statements are constants, so the tables are wrong, or a text is not UTF-8.
        return f"{error}: {_DAMAGED}"
    advice = _ADVICE.get(code) or _ADVICE.get(primary_code(error)) or f"{str(error).rstrip('.')}; {{consequence}}."
    return advice.replace("{consequence}", consequence)
