"""Creates, opens and checks the SQLite file of the metadata store, and translates SQLite's errors."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from edge_runtime.errors import DamagedStoreError, StateError
from edge_runtime.files import rename_durably
from edge_runtime.state.database import primary_code

SCHEMA: Final = 1
APPLICATION_ID: Final = 0x706F7475
"""``potu``, the application id in the header of the file."""
TABLES: Final = ("metadata", "settings")

_BUSY_TIMEOUT_MS: Final = 5000
_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def open_file(path: Path, first_settings: Callable[[], Mapping[str, bytes]]) -> sqlite3.Connection:
    """Open the file, or create one with what ``first_settings`` returns if there is none.

    A new file is complete before it gets its name, so that an empty file under this name is a damaged one. It has no
    log until then: what is in a log comes into the file when it is closed, and a full disk would leave a part of it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(path.name + ".new")
        _remove(fresh)
        os.close(os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(_connect(fresh, is_new=True)) as connection, transaction(connection):
            for table in TABLES:
                connection.execute(
                    f"CREATE TABLE {table} (name TEXT PRIMARY KEY, content BLOB NOT NULL, sha256 BLOB NOT NULL)"
                )
            write_rows(connection, "settings", first_settings())
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
        rename_durably(fresh, path)
    return _connect(path)


def set_aside(path: Path) -> None:
    """Rename a damaged file and its companions to ``NAME.damaged``, in place of an earlier one."""
    aside = path.with_name(path.name + ".damaged")
    _remove(aside)
    for suffix in _COMPANIONS:
        if (old := path.with_name(path.name + suffix)).exists():
            rename_durably(old, aside.with_name(aside.name + suffix))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Do everything in the block in one durable transaction, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def read_rows(connection: sqlite3.Connection, table: str, path: Path) -> dict[str, bytes]:
    """Return the rows of a table.

    Raises:
        DamagedStoreError: a row does not match its digest.
    """
    rows: dict[str, bytes] = {}
    for name, content, digest in connection.execute(f"SELECT name, content, sha256 FROM {table}"):  # noqa: S608
        if not isinstance(name, str) or not isinstance(content, bytes) or digest != _digest(name, content):
            raise damaged(path, f"the row {name!r} of {table} does not match its digest")
        rows[name] = content
    return rows


def write_rows(connection: sqlite3.Connection, table: str, rows: Mapping[str, bytes]) -> None:
    """Insert or replace rows of a table."""
    connection.executemany(
        f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?)",  # noqa: S608
        [(name, content, _digest(name, content)) for name, content in rows.items()],
    )


def changes_of_others(connection: sqlite3.Connection) -> int:
    """Return a number that changes whenever another connection commits."""
    return _number(connection, "data_version")


def damaged(path: Path, what: str) -> DamagedStoreError:
    """Return the error for a file that cannot be read back."""
    return DamagedStoreError(
        f"{path}: the store of signed metadata is damaged ({what}). With it, this device has lost which versions it "
        "has seen. Check the disk; to start over from the root that came with the app, replace the store."
    )


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Translate errors of SQLite and of the operating system.

    Raises:
        DamagedStoreError: the file is damaged.
        StateError: any other error.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        code = primary_code(error) if isinstance(error, sqlite3.Error) else sqlite3.SQLITE_CORRUPT
        if code in _DAMAGED or (code == 0 and not isinstance(error, sqlite3.ProgrammingError)):
            raise damaged(path, str(error)) from error
        raise StateError(
            f"{path}: the store of signed metadata cannot be used: {error}. Nothing was changed. Check the disk's free "
            "space and the file's permissions, and sync again."
        ) from error
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}. The store must be in a writable folder.") from error


def _connect(path: Path, *, is_new: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False)
    try:
        if not is_new:
            _check_owner(connection, path)  # before the first pragma that writes
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA trusted_schema = OFF")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    (n_tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    version, owner = _number(connection, "user_version"), _number(connection, "application_id")
    if not n_tables:
        raise damaged(path, "it is empty")
    if owner != APPLICATION_ID:
        raise StateError(f"{path}: this is a database of another program. Nothing was changed; move it away.")
    if version > SCHEMA:
        raise StateError(
            f"{path}: written by a newer pocketrec (schema {version}, this one supports {SCHEMA}). Nothing was "
            "changed; update pocketrec."
        )


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _digest(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + content).digest()


def _remove(path: Path) -> None:
    for suffix in _COMPANIONS:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
