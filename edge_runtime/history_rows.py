"""The user's history as catalogue rows. Only as many recorded events are read as a list needs."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.dislikes import N_DISLIKES, N_EVENTS, newest_dislikes
from edge_runtime.events import DISLIKE
from edge_runtime.ranking import Floats, Rows, best_rows
from edge_runtime.state.history import Event, History


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

    def best_unseen(self, scores: Floats, k: int) -> Rows:
        """Return the rows of the ``k`` best unseen items, best first; disliked items count as seen."""
        ...


@dataclass(frozen=True, slots=True)
class GivenHistory:
    """A history given by the caller.

    Attributes:
        sequence: as in :class:`HistoryRows`.
        seen: all rows of the history.
    """

    sequence: Rows
    seen: Rows

    @classmethod
    def of_ids(cls, item_ids: Sequence[str], row_of: Mapping[str, int], max_length: int) -> Self:
        """Build the history from item ids, oldest first; all of them count as interactions."""
        rows = np.array([row_of[item_id] for item_id in item_ids if item_id in row_of], dtype=np.int64)
        return cls(rows[-max_length:], rows)

    @property
    def disliked(self) -> Rows:
        """Empty: given items are positive interactions."""
        return np.empty(0, dtype=np.int64)

    def best_unseen(self, scores: Floats, k: int) -> Rows:
        """Return the rows of the ``k`` best items outside the history, best first."""
        return best_rows(scores, k, self.seen)


class RecordedHistory:
    """The recorded history. Thread-safe.

    Whether an item was seen is looked up for the top candidates only, and cached: time and memory do not depend on
    the number of events, neither at the first list nor after a removal.

    Args:
        history: the event store.
        item_ids: catalogue item ids, by row.
        row_of: item id to row.
        max_length: maximum sequence length of the encoder.
    """

    def __init__(self, history: History, item_ids: Sequence[str], row_of: Mapping[str, int], max_length: int) -> None:
        self._lock = threading.Lock()
        self._history = history
        self._item_ids = item_ids
        self._row_of = row_of
        self._max_length = max_length
        self._epoch: tuple[int, int] | None = None
        self._last_id = 0
        self._rows: Rows = np.empty(0, dtype=np.int64)
        self._disliked: Rows | None = None
        self._is_checked: NDArray[np.bool_] = np.zeros(len(item_ids), dtype=bool)
        self._is_seen: NDArray[np.bool_] = np.zeros(len(item_ids), dtype=bool)

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

    def best_unseen(self, scores: Floats, k: int) -> Rows:
        """Return the rows of the ``k`` best unseen items, best first; disliked items count as seen.

        Args:
            scores: finite, ``[n_items]``; not modified.
            k: number of items; fewer are returned when the catalogue is exhausted.
        """
        n_candidates = k
        with self._lock:
            while True:
                candidates = best_rows(scores, n_candidates, np.flatnonzero(self._is_seen))
                if self._is_checked[candidates[:k]].all():
                    return candidates[:k]
                self._check_seen(candidates[~self._is_checked[candidates]])
                n_candidates *= 2  # if most top items were seen, few large queries are faster than many small ones

    def _refresh(self) -> None:
        epoch = self._history.epoch()
        if epoch == self._epoch:
            self._append(self._history.after(self._last_id))
        else:
            self._reload()
            self._epoch = epoch

    def _reload(self) -> None:
        """Read the newest interactions and clear the cache of seen items."""
        newest = self._history.newest(1)
        self._last_id = newest[0].id if newest else 0
        item_ids = self._history.newest_interactions(self._max_length, self._row_of, self._last_id)
        self._rows = np.array([self._row_of[item_id] for item_id in item_ids], dtype=np.int64)
        self._disliked = None
        self._is_checked[:] = False
        self._is_seen[:] = False

    def _append(self, events: Sequence[Event]) -> None:
        """Append new events, oldest first; a dislike marks its item as seen but is not an interaction."""
        if not events:
            return
        known = [(self._row_of[event.item_id], event.event) for event in events if event.item_id in self._row_of]
        interactions = np.array([row for row, event in known if event != DISLIKE], dtype=np.int64)
        rows = [row for row, _ in known]
        self._rows = np.concatenate([self._rows, interactions])[-self._max_length :]
        self._is_checked[rows] = self._is_seen[rows] = True
        self._disliked = None
        self._last_id = events[-1].id

    def _check_seen(self, rows: Rows) -> None:
        item_ids = [self._item_ids[row] for row in rows.tolist()]
        seen = self._history.seen_items(item_ids)
        self._is_checked[rows] = True
        self._is_seen[rows] = [item_id in seen for item_id in item_ids]
