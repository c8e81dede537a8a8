"""The user's history as catalogue rows. Only as many recorded events are read as a list needs."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

import numpy as np

from edge_runtime.dislikes import N_DISLIKES, N_EVENTS, newest_dislikes
from edge_runtime.events import DISLIKE
from edge_runtime.hidden_rows import HiddenRows
from edge_runtime.item_ids import checked_ids
from edge_runtime.ranking import Floats, Rows, best_rows
from edge_runtime.state.history import Event, History

_NO_ROWS: Final[Rows] = np.empty(0, dtype=np.int64)


class HistoryRows(Protocol):
    """A user's interactions with items of this catalogue; unknown items are left out."""

    @property
    def sequence(self) -> Rows:
        """The newest interactions, oldest first, at most the encoder's ``max_length``."""
        ...

    @property
    def disliked(self) -> Rows:
        """The most recently disliked items, newest first."""
        ...

    def best(self, scores: Floats, k: int, among: Rows | None = None, *, include_seen: bool = False) -> Rows:
        """Return the rows of the ``k`` best items that are to be shown, best first.

        Args:
            scores: finite, ``[n_items]``; not modified.
            k: number of items; fewer are returned when the catalogue is exhausted.
            among: rows to choose from, ascending; None for all.
            include_seen: False leaves out all items with an event; True, those whose newest event is a dislike.
                Retired items are left out always.
        """
        ...


@dataclass(frozen=True, slots=True)
class GivenHistory:
    """A history given by the caller.

    Attributes:
        sequence: as in :class:`HistoryRows`.
        seen: all rows of the history.
        retired: rows of retired items.
    """

    sequence: Rows
    seen: Rows
    retired: Rows = field(default_factory=lambda: _NO_ROWS)

    @classmethod
    def of_ids(
        cls, item_ids: Iterable[str], row_of: Mapping[str, int], max_length: int, retired: Rows = _NO_ROWS
    ) -> Self:
        """Build the history from item ids, oldest first; all of them count as interactions.

        Raises:
            TypeError: it is not a list of strings.
        """
        ids = checked_ids("history", item_ids)
        rows = np.array([row_of[item_id] for item_id in ids if item_id in row_of], dtype=np.int64)
        return cls(rows[-max_length:], rows, retired)

    @property
    def disliked(self) -> Rows:
        """Empty: given items are positive interactions."""
        return _NO_ROWS

    def best(self, scores: Floats, k: int, among: Rows | None = None, *, include_seen: bool = False) -> Rows:
        """Return the rows of the ``k`` best items, as in :class:`HistoryRows`."""
        hidden = self.retired if include_seen else self.seen
        if len(self.retired) and not include_seen:
            hidden = np.concatenate([self.seen, self.retired])
        return best_rows(scores, k, hidden, among)


class RecordedHistory:
    """The recorded history. Thread-safe.

    Args:
        history: the event store.
        item_ids: catalogue item ids, by row.
        row_of: item id to row.
        max_length: maximum sequence length of the encoder.
        retired: rows of retired items.
    """

    def __init__(
        self,
        history: History,
        item_ids: Sequence[str],
        row_of: Mapping[str, int],
        max_length: int,
        retired: Rows = _NO_ROWS,
    ) -> None:
        self._lock = threading.Lock()
        self._history = history
        self._row_of = row_of
        self._max_length = max_length
        self._epoch: tuple[int, int] | None = None
        self._last_id = 0
        self._rows: Rows = _NO_ROWS
        self._disliked: Rows | None = None
        self._seen = HiddenRows(item_ids, retired, history.seen_items)
        self._unwanted = HiddenRows(item_ids, retired, self._look_up_dislikes)

    @property
    def sequence(self) -> Rows:
        """The newest interactions, oldest first, including those recorded since the last call."""
        with self._lock:
            self._refresh()
            return self._rows

    @property
    def disliked(self) -> Rows:
        """The most recently disliked items, newest first; read again after any event was recorded or removed."""
        with self._lock:
            self._refresh()
            if self._disliked is None:
                item_ids = newest_dislikes(self._history.newest(N_EVENTS))
                rows = [self._row_of[item_id] for item_id in item_ids if item_id in self._row_of]
                self._disliked = np.array(rows[:N_DISLIKES], dtype=np.int64)
            return self._disliked

    def best(self, scores: Floats, k: int, among: Rows | None = None, *, include_seen: bool = False) -> Rows:
        """Return the rows of the ``k`` best items, as in :class:`HistoryRows`; events of the last read count."""
        with self._lock:
            return (self._unwanted if include_seen else self._seen).best(scores, k, among)

    def _look_up_dislikes(self, item_ids: Sequence[str]) -> set[str]:
        latest = self._history.latest_events(item_ids)
        return {item_id for item_id, event in latest.items() if event == DISLIKE}

    def _refresh(self) -> None:
        epoch = self._history.epoch()
        if epoch == self._epoch:
            self._append(self._history.after(self._last_id))
        else:
            self._reload()
            self._epoch = epoch

    def _reload(self) -> None:
        """Read the newest interactions and clear the caches of hidden items."""
        self._last_id = self._history.newest_id()
        item_ids = self._history.newest_interactions(self._max_length, self._row_of, self._last_id)
        self._rows = np.array([self._row_of[item_id] for item_id in item_ids], dtype=np.int64)
        self._disliked = None
        self._seen.clear()
        self._unwanted.clear()

    def _append(self, events: Sequence[Event]) -> None:
        """Append new events, oldest first; a dislike marks its item as seen but is not an interaction."""
        if not events:
            return
        known = [(self._row_of[event.item_id], event.event) for event in events if event.item_id in self._row_of]
        interactions = np.array([row for row, event in known if event != DISLIKE], dtype=np.int64)
        self._rows = np.concatenate([self._rows, interactions])[-self._max_length :]
        self._seen.mark([row for row, _ in known], is_hidden=True)
        for row, event in dict(known).items():
            self._unwanted.mark([row], is_hidden=event == DISLIKE)
        if self._disliked is None or len(self._disliked) or any(event.event == DISLIKE for event in events):
            self._disliked = None  # else there is still none, and 256 events need not be read again
        self._last_id = events[-1].id
