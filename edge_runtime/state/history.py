"""What the person did: one SQLite file, every event on the disk before the call that reports it returns.

Knows nothing of catalogues: an item is an id.
"""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edge_runtime.errors import StateError
from edge_runtime.state.database import WANTS_ROOM, damaged, in_words, open_database, primary_code, transact
from edge_runtime.state.erasing import erase

DISLIKE: Final = "dislike"
"""Hides its item and lowers what resembles it; it is no interaction."""

_EVENT = re.compile(r"[a-z_]{1,32}")
_MAX_ID = 256
_LARGEST_EVENT_ID = (1 << 63) - 1
_N_ASKED = 250  # items a statement; SQLite before 3.32 takes at most 999 parameters
_NOT_READ = "it could not be read"
_CANNOT_DELETE = (*WANTS_ROOM, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)


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
        self._is_on_disk = True

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the state file, or make it, readable by its owner alone; without a path nothing outlives the process.

        Raises:
            StateError: the file is not ours, is newer than this runtime, is damaged, or cannot be written.
        """
        place = None if path is None else Path(path)
        return cls(open_database(place), place, clock)

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
        if item_id.encode(errors="replace").decode() != item_id:
            raise ValueError(f"an item id is text, got {item_id!r}, which UTF-8 cannot write")
        if not _EVENT.fullmatch(event):
            raise ValueError(f"an event's name is made of a-z and _, at most 32 of them, got {event!r}")
        moment = int(self._clock() * 1000)
        insert = "INSERT INTO events (item_id, event, time) VALUES (?, ?, ?)"
        cursor = self._change("the event was not recorded", insert, (item_id, event, moment))
        return Event(cursor.lastrowid or 0, item_id, event, moment)

    def remove(self, event_id: int) -> bool:
        """Delete one event; return whether it was there.

        Raises:
            StateError: it could not be deleted; nothing was changed.
        """
        if not 1 <= event_id <= _LARGEST_EVENT_ID:
            return False
        with self._lock:
            cursor = self._change("the event was not removed", "DELETE FROM events WHERE id = ?", (event_id,))
            self._n_removals += 1
        return cursor.rowcount > 0

    def newest(self, limit: int | None = None) -> list[Event]:
        """Return the events, the newest first; ``limit`` of them, or all.

        Raises:
            ValueError: ``limit`` is negative.
        """
        if limit is not None and limit < 0:
            raise ValueError(f"limit must be at least 0, got {limit}")
        return self._events("ORDER BY id DESC LIMIT ?", -1 if limit is None else min(limit, _LARGEST_EVENT_ID))

    def after(self, event_id: int) -> list[Event]:
        """Return the events that came after one, the oldest first; after 0 come all."""
        return self._events("WHERE id > ? ORDER BY id", event_id)

    def newest_interactions(self, limit: int, known: Container[str], up_to: int) -> list[str]:
        """Return the items of the newest interactions, oldest first; no more is read than that takes.

        Args:
            limit: how many.
            known: item ids; interactions with others are left out. Dislikes are no interactions.
            up_to: id of the newest event that counts.
        """
        found: list[str] = []
        with self._lock, in_words(self._path, _NOT_READ):
            rows = self._connection.execute(
                "SELECT item_id FROM events WHERE id <= ? AND event <> ? ORDER BY id DESC", (up_to, DISLIKE)
            )
            for (item_id,) in rows:
                if item_id in known:
                    found.append(item_id)
                    if len(found) == limit:
                        break
            rows.close()
        return found[::-1]

    def met(self, item_ids: Sequence[str]) -> set[str]:
        """Return which of some items any event is about; looked up one by one, whatever the length of the history."""
        found: set[str] = set()
        with self._lock, in_words(self._path, _NOT_READ):
            for start in range(0, len(item_ids), _N_ASKED):
                batch = item_ids[start : start + _N_ASKED]
                values = ", ".join(["(?)"] * len(batch))
                rows = self._connection.execute(
                    f"WITH asked(item_id) AS (VALUES {values}) SELECT item_id FROM asked "  # noqa: S608 - marks alone
                    "WHERE EXISTS (SELECT 1 FROM events WHERE events.item_id = asked.item_id)",
                    batch,
                )
                found.update(item_id for (item_id,) in rows)
        return found

    def epoch(self) -> tuple[int, int]:
        """Return a value that stays while nothing happens but :meth:`add` on this object.

        Another process's writing changes it, and so do removals; until then :meth:`after` returns all that is new.
        """
        with self._lock, in_words(self._path, _NOT_READ):
            (foreign,) = self._connection.execute("PRAGMA data_version").fetchone()
            return foreign, self._n_removals

    def setting(self, name: str) -> str | None:
        """Return a setting, or None."""
        with self._lock, in_words(self._path, _NOT_READ):
            found = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
            return None if found is None else str(found[0])

    def set(self, name: str, value: str) -> None:
        """Keep a setting.

        Raises:
            StateError: it could not be written; the setting is as it was.
        """
        replace = "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)"
        self._change("the setting was not kept", replace, (name, value))

    def forget(self) -> None:
        """Delete everything about the person: events, settings, the counter of ids, and what a file still holds of it.

        It needs no room on the disk: where rows cannot be deleted, because the disk is full or the file is damaged,
        the files are erased in place (ADR 0020).

        Raises:
            StateError: another program uses the file, and its bytes may still hold the events; where the disk is full
                as well, nothing was deleted. The message says which. Calling again when the program is closed
                completes it.
        """
        with self._lock, in_words(self._path, "nothing was deleted"):
            self._n_removals += 1
            if not (self._is_on_disk or self._has_room()):
                return  # the files are erased, and nothing could be recorded since
            try:
                self._delete_rows()
            except sqlite3.DatabaseError as error:
                self._erase(error)
                return
            is_complete = self._delete_bytes()
        if not is_complete:
            raise StateError(
                f"{self._path}: everything is deleted, but another program is reading the file, so that traces "
                "may remain in it. Close that program and forget once more."
            )

    def _delete_rows(self) -> None:
        with suppress(sqlite3.OperationalError):  # it is worth trying: an empty log has room
            self._shorten_log()
        tables = ("events", "settings", "sqlite_sequence")
        transact(self._connection, *((f"DELETE FROM {table}", ()) for table in tables))  # noqa: S608 - our own names

    def _delete_bytes(self) -> bool:
        """Remove what files still hold of deleted rows; return False where another program prevents it."""
        try:
            is_complete = self._shorten_log()
            with suppress(sqlite3.OperationalError):  # without room the file stays as long as it was, and holds zeros
                self._connection.execute("VACUUM")
            return self._shorten_log() and is_complete
        except sqlite3.DatabaseError as error:
            try:
                self._erase(error)
            except sqlite3.OperationalError:
                return False
            return True

    def _shorten_log(self) -> bool:
        """Move what the log holds into the file and cut the log to nothing; return False where a reader prevents it."""
        (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy

    def _erase(self, error: sqlite3.DatabaseError) -> None:
        """Erase the files in place where ``error`` says that deleting cannot work, and begin again."""
        if self._path is None or primary_code(error) not in _CANNOT_DELETE:
            raise error
        erase(self._connection, self._path)
        try:
            self._connection = open_database(self._path)
        except StateError:  # no room for a new file: until there is, an empty history is read from memory
            self._connection = open_database(None)
            self._is_on_disk = False

    def _return_to_disk(self) -> None:
        if not self._is_on_disk:
            in_memory, self._connection = self._connection, open_database(self._path)
            in_memory.close()
            self._is_on_disk = True

    def _has_room(self) -> bool:
        """Return to the disk after its files were erased; return False where it is still full."""
        try:
            self._return_to_disk()
        except StateError as error:
            if isinstance(error.__cause__, sqlite3.Error) and primary_code(error.__cause__) in WANTS_ROOM:
                return False
            raise
        return True

    def _change(self, undone: str, statement: str, parameters: tuple[object, ...]) -> sqlite3.Cursor:
        """Do one statement durably, or nothing; on a full disk in the room that the log takes."""
        with self._lock, in_words(self._path, undone):
            self._return_to_disk()
            try:
                return transact(self._connection, (statement, parameters))
            except sqlite3.OperationalError as error:
                if primary_code(error) not in WANTS_ROOM:
                    raise
                with suppress(sqlite3.OperationalError):  # the next line raises what is to be said
                    self._shorten_log()
                return transact(self._connection, (statement, parameters))

    def _events(self, which: str, parameter: int) -> list[Event]:
        with self._lock, in_words(self._path, _NOT_READ):
            rows = self._connection.execute(
                f"SELECT id, item_id, event, time FROM events {which}",  # noqa: S608 - two constants of this class
                (parameter,),
            ).fetchall()
        for row in rows:
            if tuple(map(type, row)) != (int, str, str, int):
                raise damaged(self._path, f"found the event {row!r}")
        return [Event(*row) for row in rows]
