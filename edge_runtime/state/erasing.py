"""Erase a state file in place. This needs no free disk space, but exclusive access to the file (ADR 0020)."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

_BLOCK_BYTES = 1 << 20


def erase(connection: sqlite3.Connection, path: Path) -> None:
    """Overwrite and truncate a state file and its write-ahead log, and close the connection.

    The descriptors stay open until SQLite has released its locks, because closing a descriptor would release them.

    Raises:
        sqlite3.OperationalError: another connection uses the file; nothing was changed.
        OSError: a file cannot be written.
    """
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        connection.execute("PRAGMA locking_mode = NORMAL")
        raise
    descriptors: list[int] = []
    try:
        # The log first: a database without its log is an older state, but a log without its database would restore
        # the events.
        for file in (path.with_name(path.name + "-wal"), path):
            with suppress(FileNotFoundError):
                descriptors.append(os.open(file, os.O_RDWR))
                _empty(descriptors[-1])
    finally:
        connection.close()
        for descriptor in descriptors:
            os.close(descriptor)


def _empty(descriptor: int) -> None:
    """Overwrite a file with zeros, if the file system writes in place, and truncate it."""
    n_bytes = os.fstat(descriptor).st_size
    with suppress(OSError):  # a copy-on-write file system may have no space for it
        for start in range(0, n_bytes, _BLOCK_BYTES):
            os.lseek(descriptor, start, os.SEEK_SET)
            os.write(descriptor, bytes(min(_BLOCK_BYTES, n_bytes - start)))
        os.fsync(descriptor)
    os.ftruncate(descriptor, 0)
    os.fsync(descriptor)
