"""What a device has contributed to rounds, in the state file: each upload is durable before it is sent.

A device that is stopped at any moment sends the same bytes with the same token again, so that they count once; and a
round that was prepared counts as a participation even if no answer came. ``History.forget`` deletes all of it.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self, get_args

from edge_runtime.paths import AnyPath
from edge_runtime.state.database import absolute_file, damaged, open_database, transact, translated_errors

Outcome = Literal["training", "prepared", "counted", "counted before", "closed", "too late", "refused", "missed"]

_TABLE: Final = """CREATE TABLE IF NOT EXISTS rounds (
    round TEXT PRIMARY KEY,
    time INTEGER NOT NULL,
    loss REAL NOT NULL,
    operator TEXT NOT NULL,
    deadline INTEGER NOT NULL,
    retry_after_s INTEGER NOT NULL,
    digest TEXT NOT NULL,
    body BLOB,
    retry_at INTEGER NOT NULL,
    outcome TEXT NOT NULL
)"""
_SECONDS: Final = """CREATE TABLE IF NOT EXISTS round_seconds (
    round TEXT PRIMARY KEY,
    operator TEXT NOT NULL,
    digest TEXT NOT NULL,
    body BLOB
)"""
_TERMS: Final = """CREATE TABLE IF NOT EXISTS round_terms (
    round TEXT PRIMARY KEY,
    terms TEXT NOT NULL
)"""
_COLUMNS: Final = "round, time, loss, operator, deadline, retry_after_s, digest, body, retry_at, outcome"
_KINDS: Final = (str, int, float, str, int, int, str, bytes | None, int, str)
_COUNT: Final = "SELECT count(*) FROM rounds WHERE outcome != 'training'"
_TRAINING: Final = f"round = ? AND outcome = 'training' AND ({_COUNT}) = ?"
_CONSEQUENCE: Final = "the round was not noted, and nothing was sent"


@dataclass(frozen=True, slots=True)
class Second:
    """The share for the second operator, in a round that has two.

    Attributes:
        operator: address of its server.
        digest: SHA-256 of the upload.
        body: the upload, until there is a final answer of both.
    """

    operator: str
    digest: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One round in which this device takes part, or took part.

    Attributes:
        round: id of the round.
        time: when this device decided to take part, in seconds since 1970.
        loss: square of the signal-to-noise ratio against the operator; those of several rounds add up. 0 for the bytes
            of an earlier round, which reveal nothing more when they are sent again.
        operator: address of the server that collects.
        deadline: when the round closes, in seconds since 1970.
        retry_after_s: seconds between attempts.
        digest: SHA-256 of the upload; empty before there is one.
        body: the upload, until there is a final answer; with two operators the first share. One that its round
            certainly did not count is kept for a later round.
        retry_at: when the next attempt is due.
        outcome: the final answer, or ``training``, or ``prepared``.
        second: the second share, if there is one.
    """

    round: str
    time: int
    loss: float
    operator: str
    deadline: int
    retry_after_s: int
    digest: str = ""
    body: bytes | None = None
    retry_at: int = 0
    outcome: Outcome = "training"
    second: Second | None = None


class RoundLedger:
    """The rounds in a state file.

    Args:
        path: the file, which is created if needed.

    Raises:
        StateError: the file cannot be used.
    """

    def __init__(self, path: AnyPath) -> None:
        self._path: Path = absolute_file(path)
        self._connection = open_database(self._path)
        try:
            with translated_errors(self._path, _CONSEQUENCE):
                self._connection.execute(_TABLE)
                self._connection.execute(_SECONDS)
                self._connection.execute(_TERMS)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    @property
    def path(self) -> Path:
        """The state file."""
        return self._path

    def entry(self, round_id: str) -> Entry | None:
        """Return what is noted of a round, or None."""
        return next(iter(self._entries("WHERE round = ?", (round_id,))), None)

    def pending(self) -> list[Entry]:
        """Return the uploads without a final answer, oldest first."""
        return self._entries(
            "WHERE outcome NOT IN ('closed', 'missed') AND (body IS NOT NULL OR round IN "
            "(SELECT round FROM round_seconds WHERE body IS NOT NULL)) ORDER BY time, round",
            (),
        )

    def uncounted(self, terms: str) -> Entry | None:
        """Return the newest upload with such terms that its round did not count, or None."""
        condition = (
            "WHERE outcome IN ('closed', 'missed') AND body IS NOT NULL AND round IN "
            "(SELECT round FROM round_terms WHERE terms = ?) ORDER BY time DESC, round LIMIT 1"
        )
        return next(iter(self._entries(condition, (terms,))), None)

    def move(self, late: Entry, to: Entry) -> bool:
        """Note in one transaction that the upload of a round is sent to a later one; False if it was forgotten."""
        is_there = "WHERE round = ? AND digest = ? AND body IS NOT NULL"
        which = late.round, late.digest
        return self._write(
            (
                f"INSERT OR IGNORE INTO rounds ({_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM rounds {is_there}",  # noqa: S608 - constants
                (*_values(to), *which),
            ),
            (
                "INSERT OR IGNORE INTO round_terms SELECT ?, terms FROM round_terms WHERE round = ?",
                (to.round, late.round),
            ),
            (f"UPDATE rounds SET body = NULL {is_there}", which),  # noqa: S608 - constant
        )

    def since(self, time: float) -> list[Entry]:
        """Return the participations after a time; a clock that was set back makes no participation forgotten."""
        return self._entries("WHERE time > ? AND outcome != 'training'", (int(time),))

    def n_participations(self) -> int:
        """Return how many participations are noted, however old."""
        with translated_errors(self._path, "the rounds could not be read"):
            return int(self._connection.execute(_COUNT).fetchone()[0])

    def begin(self, entry: Entry) -> None:
        """Note a round before training, without effect if it is noted already; :meth:`prepare` notes its terms."""
        self._write(
            (
                f"INSERT OR IGNORE INTO rounds ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
                _values(entry),
            )
        )

    def prepare(self, entry: Entry, n_before: int, terms: str = "") -> Entry | None:
        """Note an upload before it is sent, and return it; if another process was faster, return that one's.

        All that is noted is of the plan that the upload was made for: before a training that was stopped, the round may
        have had another one. Both shares are noted in one transaction, because a new first share would not fit the
        second one of before.

        None if the user had all data forgotten since :meth:`begin`: then nothing must be sent.

        Args:
            entry: the round with its upload.
            n_before: participations when the limit was checked. If there are others by now, nothing is noted, and the
                entry is returned as it is: still ``training``.
            terms: what a later round needs to have in common with this one to take the upload.
        """
        columns = [name for name in map(str.strip, _COLUMNS.split(",")) if name != "round"]
        which = entry.round, n_before
        first = (
            f"UPDATE rounds SET {', '.join(f'{name} = ?' for name in columns)} WHERE {_TRAINING}",  # noqa: S608 - constants
            (*(getattr(entry, name) for name in columns), *which),
        )
        if entry.second is None:
            kept = f"INSERT OR REPLACE INTO round_terms SELECT round, ? FROM rounds WHERE {_TRAINING}"  # noqa: S608 - constant
            self._write((kept, (terms, *which)), first)
        else:
            other = (
                f"INSERT INTO round_seconds SELECT round, ?, ?, ? FROM rounds WHERE {_TRAINING}",  # noqa: S608 - constant
                (entry.second.operator, entry.second.digest, entry.second.body, *which),
            )
            self._write(other, first)
        return self.entry(entry.round)

    def postpone(self, entry: Entry, until: float) -> bool:
        """Note when to try again; return False if it is not to be sent any more: it has an answer, or was forgotten."""
        return self._write(
            (
                "UPDATE rounds SET retry_at = ? WHERE round = ? AND digest = ? AND outcome = 'prepared'",
                (int(until), entry.round, entry.digest),
            )
        )

    def counted_first(self, entry: Entry) -> bool:
        """Note that the first of two operators has counted its share; what is left to send is the second one.

        Return False if that is not to be sent any more.
        """
        return self._write(
            (
                "UPDATE rounds SET body = NULL WHERE round = ? AND digest = ? AND outcome = 'prepared'",
                (entry.round, entry.digest),
            )
        )

    def settle(self, entry: Entry, outcome: Outcome, *, keep: bool = False) -> None:
        """Note the final answer, and delete the bytes of the upload unless a later round may take them."""
        is_kept = keep and entry.second is None
        self._write(
            (
                "UPDATE rounds SET outcome = ?, body = CASE ? WHEN 1 THEN body END WHERE round = ?",
                (outcome, int(is_kept), entry.round),
            ),
            ("UPDATE round_seconds SET body = NULL WHERE round = ?", (entry.round,)),
        )

    def _write(self, *statements: tuple[str, tuple[object, ...]]) -> bool:
        """Execute statements in one transaction; return whether the last one changed something."""
        with translated_errors(self._path, _CONSEQUENCE):
            return transact(self._connection, *statements).rowcount > 0

    def _entries(self, condition: str, parameters: tuple[object, ...]) -> list[Entry]:
        statement = f"SELECT {_COLUMNS} FROM rounds {condition}"  # noqa: S608 - constants of this class
        with translated_errors(self._path, "the rounds could not be read"):
            rows = self._connection.execute(statement, parameters).fetchall()
            others = self._connection.execute("SELECT round, operator, digest, body FROM round_seconds").fetchall()
        if not all(all(map(isinstance, row, (str, str, str, bytes | None))) for row in others):
            raise damaged(self._path, "found a share that no device has written")
        seconds = {row[0]: Second(*row[1:]) for row in others}
        for row in rows:
            if not all(map(isinstance, row, _KINDS)) or row[-1] not in get_args(Outcome):
                raise damaged(self._path, "found a round that no device has written")
        return [replace(Entry(*row), second=seconds.get(row[0])) for row in rows]


def _values(entry: Entry) -> tuple[object, ...]:
    """Return what the columns of an entry have."""
    return tuple(getattr(entry, name.strip()) for name in _COLUMNS.split(","))
