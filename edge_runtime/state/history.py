"""Event history of one user in one SQLite file; events are durable before :meth:`History.add` returns.

The history is independent of the catalogue: items are ids.
"""

import os
import re
import reprlib
import sqlite3
import threading
import time
from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from edge_runtime.arguments import check_string, check_whole
from edge_runtime.errors import StateError
from edge_runtime.events import CLICK, DISLIKE
from edge_runtime.state.database import (
    DISK_FULL_CODES,
    absolute_file,
    damaged,
    open_database,
    primary_code,
    transact,
    translated_errors,
)
from edge_runtime.state.erasing import erase

LEARNED: Final = "learning"
"""Setting with what was learned from the history, which names events by their ids."""
_EVENT = re.compile(r"[a-z_]{1,32}")
_MAX_ID = 256
_FIRST_MOMENT = 100_000_000_000  # 1973; smaller numbers are seconds
_LAST_MOMENT = 4_102_444_800_000  # 2100
_MAX_SHOWN = 60  # characters of each value in a message
_LARGEST_EVENT_ID = (1 << 63) - 1
_BATCH_SIZE = 250  # items per statement; SQLite before 3.32 takes at most 999 parameters
_NOT_READ = "the history could not be read"
_CANNOT_DELETE = (*DISK_FULL_CODES, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)


@dataclass(frozen=True, slots=True)
class Event:
    """An interaction of the user with an item, or a dislike.

    Attributes:
        id: increases with every event and is never reused.
        item_id: id of the item, which need not be in the current catalogue.
        event: ``click``, ``like``, ``purchase``, ``dislike`` or another name that matches ``[a-z_]{1,32}``.
        time: milliseconds since 1970, by the device's clock.
    """

    id: int
    item_id: str
    event: str
    time: int


class History:
    """The events of one user on one device; safe to share between threads and processes."""

    def __init__(self, connection: sqlite3.Connection, path: Path | None, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self._lock = threading.RLock()
        self._n_removals = 0
        self._is_on_disk = True

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the state file, creating it if needed, with access for its owner only.

        Args:
            path: path of the state file, never a SQLite URI or ``:memory:``; None keeps the history in memory only.
            clock: returns seconds since 1970.

        Raises:
            StateError: the file belongs to another program, is newer than this runtime, is damaged or cannot be
                written.
        """
        file = None if path is None else absolute_file(path)
        return cls(open_database(file), file, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; every recorded event is on the disk already."""
        with self._lock:
            self._connection.close()

    def add(self, item_id: str, event: str = CLICK, moment: int | None = None) -> Event:
        """Record one event; it is durable when this returns.

        Args:
            item_id: the item.
            event: name of the event.
            moment: milliseconds since 1970; None for now. Events keep the order in which they are recorded.

        Raises:
            TypeError: the item id or the event name is not a string, or the moment no whole number.
            ValueError: the item id, the event name or the moment is not valid.
            StateError: the file could not be written; nothing was recorded.
        """
        check_string("an item id", item_id, "the id that the catalogue has, such as 'item-7'")
        check_string("an event name", event, "a name such as 'click'")
        if not 1 <= len(item_id) <= _MAX_ID:
            raise ValueError(f"an item id must have 1 to {_MAX_ID} characters, got {len(item_id)}")
        if item_id.encode(errors="replace").decode() != item_id:
            raise ValueError(
                f"an item id must be valid Unicode text, got {item_id!r}, which cannot be encoded as UTF-8"
            )
        if not _EVENT.fullmatch(event):
            raise ValueError(f"an event name must consist of 1 to 32 characters a-z and _, got {event!r}")
        moment = int(self._clock() * 1000) if moment is None else _checked_moment(moment)
        insert = "INSERT INTO events (item_id, event, time) VALUES (?, ?, ?)"
        cursor = self._change("the event was not recorded", insert, (item_id, event, moment))
        return Event(cursor.lastrowid or 0, item_id, event, moment)

    def merge(self, events: Iterable[tuple[str, str, int]]) -> int:
        """Add events of another device in the order of their times, all or none; return how many were new.

        If some are new, all events of the history are recorded anew, with new ids, and what was learned from the old
        ones is erased: nothing would tell any more from which events it was learned. Of events that are equal in item,
        name and time, one is kept.

        Args:
            events: item id, event name and milliseconds since 1970; valid, as :meth:`add` would check them.

        Raises:
            StateError: the file could not be written; nothing was changed.
        """
        with self._lock, translated_errors(self._path, "the events were not added"):
            self._return_to_disk()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                known = self._connection.execute("SELECT item_id, event, time FROM events ORDER BY id").fetchall()
                before = set(known)
                new = [event for event in dict.fromkeys(events) if event not in before]
                if new:
                    merged = sorted([*known, *new], key=lambda event: event[2])
                    self._connection.execute("DELETE FROM events")
                    self._connection.execute("DELETE FROM settings WHERE name = ?", (LEARNED,))
                    self._connection.executemany("INSERT INTO events (item_id, event, time) VALUES (?, ?, ?)", merged)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._n_removals += 1
            return len(new)

    def has(self, event_id: int) -> bool:
        """Return whether there is an event with this id.

        Raises:
            TypeError: the id is no whole number.
        """
        check_whole("event_id", event_id, "the id of an event, such as history()[0].id")
        if not 1 <= event_id <= _LARGEST_EVENT_ID:
            return False
        return bool(self._events("WHERE id = ?", event_id))

    def remove(self, event_id: int) -> bool:
        """Delete one event; return whether it existed.

        Raises:
            TypeError: the id is no whole number.
            StateError: the event could not be deleted; nothing was changed.
        """
        check_whole("event_id", event_id, "the id of an event, such as history()[0].id")
        if not 1 <= event_id <= _LARGEST_EVENT_ID:
            return False
        with self._lock:
            cursor = self._change("the event was not removed", "DELETE FROM events WHERE id = ?", (event_id,))
            self._n_removals += 1
        return cursor.rowcount > 0

    def newest(self, limit: int | None = None) -> list[Event]:
        """Return the newest ``limit`` events, or all events, newest first.

        Raises:
            TypeError: ``limit`` is no whole number.
            ValueError: ``limit`` is negative.
        """
        if limit is not None:
            check_whole("limit", limit, "for example 10, or None for all events")
            if limit < 0:
                raise ValueError(f"limit must be at least 0, got {limit}")
        return self._events("ORDER BY id DESC LIMIT ?", -1 if limit is None else min(limit, _LARGEST_EVENT_ID))

    def count(self) -> int:
        """Return the number of events."""
        with self._lock, translated_errors(self._path, _NOT_READ):
            (n_events,) = self._connection.execute("SELECT count(*) FROM events").fetchone()
            return int(n_events)

    def after(self, event_id: int) -> list[Event]:
        """Return the events with an id above ``event_id``, oldest first; 0 returns all."""
        return self._events("WHERE id > ? ORDER BY id", event_id)

    def newest_id(self) -> int:
        """Return the id of the newest event; 0 without events."""
        newest = self.newest(1)
        return newest[0].id if newest else 0

    def newest_interactions(self, limit: int, known: Container[str], up_to: int, after: int = 0) -> list[str]:
        """Return the item ids of the newest interactions, oldest first, reading no more rows than necessary.

        Dislikes do not count as interactions.

        Args:
            limit: maximum number of interactions.
            known: item ids of the catalogue; interactions with other items are skipped.
            up_to: id of the newest event to include.
            after: id of the newest event that is too old.
        """
        newest: list[str] = []
        with self._lock, translated_errors(self._path, _NOT_READ):
            rows = self._connection.execute(
                "SELECT item_id FROM events WHERE id <= ? AND id > ? AND event <> ? ORDER BY id DESC",
                (up_to, after, DISLIKE),
            )
            for (item_id,) in rows:
                if item_id in known:
                    newest.append(item_id)
                    if len(newest) == limit:
                        break
            rows.close()
        return newest[::-1]

    def seen_items(self, item_ids: Sequence[str]) -> set[str]:
        """Return the ids among ``item_ids`` that occur in an event, by index look-ups, however long the history is."""
        seen: set[str] = set()
        with self._lock, translated_errors(self._path, _NOT_READ):
            for start in range(0, len(item_ids), _BATCH_SIZE):
                batch = item_ids[start : start + _BATCH_SIZE]
                values = ", ".join(["(?)"] * len(batch))
                rows = self._connection.execute(
                    f"WITH batch(item_id) AS (VALUES {values}) "  # noqa: S608 - placeholders only
                    "SELECT item_id FROM batch "
                    "WHERE EXISTS (SELECT 1 FROM events WHERE events.item_id = batch.item_id)",
                    batch,
                )
                seen.update(item_id for (item_id,) in rows)
        return seen

    def latest_events(self, item_ids: Sequence[str]) -> dict[str, str]:
        """Return the name of the newest event of each item that has one, by index look-ups."""
        newest = "SELECT event FROM events WHERE item_id = ? ORDER BY id DESC LIMIT 1"
        latest: dict[str, str] = {}
        with self._lock, translated_errors(self._path, _NOT_READ):
            for item_id in item_ids:
                row = self._connection.execute(newest, (item_id,)).fetchone()
                if row is not None:
                    latest[item_id] = str(row[0])
        return latest

    def epoch(self) -> tuple[int, int]:
        """Return a value that stays equal as long as the only changes are calls of :meth:`add` on this object.

        Removals and writes by other processes change it. While it is equal, :meth:`after` returns all changes.
        """
        with self._lock, translated_errors(self._path, _NOT_READ):
            (foreign,) = self._connection.execute("PRAGMA data_version").fetchone()
            return foreign, self._n_removals

    def setting(self, name: str) -> str | None:
        """Return a setting, or None."""
        with self._lock, translated_errors(self._path, _NOT_READ):
            row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
            return None if row is None else str(row[0])

    def set(self, name: str, value: str) -> None:
        """Save a setting.

        Raises:
            StateError: the setting could not be saved and is unchanged.
        """
        replace = "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)"
        self._change("the setting was not saved", replace, (name, value))

    def swap(self, name: str, expected: str | None, value: str) -> bool:
        """Save a setting if it still has the expected value, or is missing for None; return whether it was saved.

        Raises:
            StateError: the setting could not be saved and is unchanged.
        """
        consequence = "the setting was not saved"
        if expected is None:
            insert = "INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)"
            return self._change(consequence, insert, (name, value)).rowcount > 0
        update = "UPDATE settings SET value = ? WHERE name = ? AND value = ?"
        return self._change(consequence, update, (value, name, expected)).rowcount > 0

    def forget(self) -> None:
        """Delete all data of the user: events, settings, all other tables, and their remains in the file.

        No free disk space is needed: if rows cannot be deleted because the disk is full or the file is damaged, the
        files are erased in place (ADR 0020).

        Raises:
            StateError: another program uses the file, so that its bytes may still contain the events, or, if the disk
                is full as well, nothing was deleted; the message says which. Call again after closing that program.
        """
        with self._lock, translated_errors(self._path, "nothing was deleted"):
            self._n_removals += 1
            if not (self._is_on_disk or self._try_return_to_disk()):
                return  # the files were erased, and nothing could be recorded since
            try:
                self._delete_rows()
            except sqlite3.DatabaseError as error:
                self._erase(error)
                return
            is_complete = self._delete_bytes()
        if not is_complete:
            raise StateError(
                f"{self._path}: everything is deleted, but another program is reading the file, so traces "
                "may remain in it. Close that program and run forget again."
            )

    def _delete_rows(self) -> None:
        with suppress(sqlite3.OperationalError):  # worth trying: an empty log has space for the deletion
            self._checkpoint()
        tables = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        names = ['"' + name.replace('"', '""') + '"' for (name,) in tables]  # those of other packages too
        transact(self._connection, *((f"DELETE FROM {name}", ()) for name in names))  # noqa: S608 - quoted

    def _delete_bytes(self) -> bool:
        """Remove the remains of deleted rows from the files; return False if another program prevents it."""
        try:
            is_complete = self._checkpoint()
            with suppress(sqlite3.OperationalError):  # without free space the file keeps its length, filled with zeros
                self._connection.execute("VACUUM")
            return self._checkpoint() and is_complete
        except sqlite3.DatabaseError as error:
            try:
                self._erase(error)
            except sqlite3.OperationalError:
                return False
            return True

    def _checkpoint(self) -> bool:
        """Checkpoint the write-ahead log and truncate it; return False if a reader prevents it."""
        (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy

    def _erase(self, error: sqlite3.DatabaseError) -> None:
        """Erase the files in place if ``error`` means that rows cannot be deleted, and reopen them; else raise it."""
        if self._path is None or primary_code(error) not in _CANNOT_DELETE:
            raise error
        erase(self._connection, self._path)
        try:
            self._connection = open_database(self._path)
        except StateError:  # no space for a new file: until there is, an empty history is read from memory
            self._connection = open_database(None)
            self._is_on_disk = False

    def _return_to_disk(self) -> None:
        if not self._is_on_disk:
            in_memory, self._connection = self._connection, open_database(self._path)
            in_memory.close()
            self._is_on_disk = True

    def _try_return_to_disk(self) -> bool:
        """Reopen the file after it was erased; return False if the disk is still full."""
        try:
            self._return_to_disk()
        except StateError as error:
            if isinstance(error.__cause__, sqlite3.Error) and primary_code(error.__cause__) in DISK_FULL_CODES:
                return False
            raise
        return True

    def _change(self, consequence: str, statement: str, parameters: tuple[object, ...]) -> sqlite3.Cursor:
        """Execute one statement durably; if the disk is full, retry in the space freed by a checkpoint."""
        with self._lock, translated_errors(self._path, consequence):
            self._return_to_disk()
            try:
                return transact(self._connection, (statement, parameters))
            except sqlite3.OperationalError as error:
                if primary_code(error) not in DISK_FULL_CODES:
                    raise
                with suppress(sqlite3.OperationalError):  # the next line raises the error to report
                    self._checkpoint()
                return transact(self._connection, (statement, parameters))

    def _events(self, condition: str, parameter: int) -> list[Event]:
        with self._lock, translated_errors(self._path, _NOT_READ):
            rows = self._connection.execute(
                f"SELECT id, item_id, event, time FROM events {condition}",  # noqa: S608 - constants of this class
                (parameter,),
            ).fetchall()
        for row in rows:
            if not _is_event(row):
                raise damaged(self._path, f"found the event {_shortened(row)}")
        return [Event(*row) for row in rows]


def _checked_moment(moment: object) -> int:
    if isinstance(moment, bool) or not isinstance(moment, int):
        raise TypeError(f"time must be milliseconds since 1970 as a whole number, got {reprlib.repr(moment)}.")
    if not _FIRST_MOMENT <= moment < _LAST_MOMENT:
        raise ValueError(
            f"time must be milliseconds since 1970, from {_FIRST_MOMENT} to {_LAST_MOMENT}, got {moment}. "
            "Multiply seconds by 1000."
        )
    return moment


def _is_event(row: tuple[object, ...]) -> bool:
    """Return whether :meth:`History.add` could have written this row."""
    if tuple(map(type, row)) != (int, str, str, int):
        return False
    _, item_id, event, _ = row
    return 1 <= len(str(item_id)) <= _MAX_ID and _EVENT.fullmatch(str(event)) is not None


def _shortened(row: tuple[object, ...]) -> str:
    """Return the values of a row for a message; a damaged row can have megabytes."""
    values = (repr(value[:_MAX_SHOWN] if isinstance(value, str | bytes) else value) for value in row)
    return f"({', '.join(values)})"
