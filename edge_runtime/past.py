"""The history as the ranking needs it: catalogue rows. Of a recorded one no more is read than a list takes."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.dislikes import N_DISLIKES, N_EVENTS, newest_dislikes
from edge_runtime.ranking import Floats, Rows, best_rows
from edge_runtime.state.history import DISLIKE, Event, History


class Past(Protocol):
    """What a person did with items of this catalogue; those that it lacks are left out."""

    @property
    def sequence(self) -> Rows:
        """The newest interactions, oldest first, at most as many as the encoder looks at."""
        ...

    @property
    def disliked(self) -> Rows:
        """The newest disliked items, the newest first."""
        ...

    def best_unseen(self, scores: Floats, k: int) -> Rows:
        """Return the rows of the ``k`` best items that were neither met nor disliked, best first."""
        ...


@dataclass(frozen=True, slots=True)
class GivenPast:
    """A history that the caller gives.

    Attributes:
        sequence: as in :class:`Past`.
        seen: all rows of it.
    """

    sequence: Rows
    seen: Rows

    @classmethod
    def of_ids(cls, item_ids: Sequence[str], row_of: Mapping[str, int], max_length: int) -> Self:
        """Return the past that is given as item ids, oldest first, all of them interactions."""
        rows = np.array([row_of[one] for one in item_ids if one in row_of], dtype=np.int64)
        return cls(rows[-max_length:], rows)

    @property
    def disliked(self) -> Rows:
        """No item: what is given is wanted."""
        return np.empty(0, dtype=np.int64)

    def best_unseen(self, scores: Floats, k: int) -> Rows:
        """Return the rows of the ``k`` best items that the history lacks, best first."""
        return best_rows(scores, k, self.seen)


class RecordedPast:
    """The recorded history; threads may share it.

    What was seen is looked up for the items that would be listed, and kept: a million events cost no more time and no
    more memory than ten, at the first list and after each removal.

    Args:
        history: where events are recorded.
        item_ids: of the catalogue, by row.
        row_of: the rows of the items.
        max_length: how many interactions the encoder looks at.
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
        """The newest interactions, oldest first; what was recorded since the last look is read."""
        with self._lock:
            self._look()
            return self._rows

    @property
    def disliked(self) -> Rows:
        """The newest disliked items, the newest first; read anew when anything was recorded or removed."""
        with self._lock:
            self._look()
            if self._disliked is None:
                item_ids = newest_dislikes(self._history.newest(N_EVENTS))
                rows = [self._row_of[item_id] for item_id in item_ids if item_id in self._row_of]
                self._disliked = np.array(rows[:N_DISLIKES], dtype=np.int64)
            return self._disliked

    def best_unseen(self, scores: Floats, k: int) -> Rows:
        """Return the rows of the ``k`` best items that were neither met nor disliked, best first.

        Args:
            scores: finite, ``[n_items]``; left as they are.
            k: how many; fewer come back when the catalogue runs out.
        """
        n_ahead = k
        with self._lock:
            while True:
                ahead = best_rows(scores, n_ahead, np.flatnonzero(self._is_seen))
                if self._is_checked[ahead[:k]].all():
                    return ahead[:k]
                self._look_up(ahead[~self._is_checked[ahead]])
                n_ahead *= 2  # where most of the best were met, a few long looks are quicker than many short ones

    def _look(self) -> None:
        epoch = self._history.epoch()
        if epoch == self._epoch:
            self._follow(self._history.after(self._last_id))
        else:
            self._begin()
            self._epoch = epoch

    def _begin(self) -> None:
        """Read the newest interactions, and keep nothing of what was known of items."""
        newest = self._history.newest(1)
        self._last_id = newest[0].id if newest else 0
        item_ids = self._history.newest_interactions(self._max_length, self._row_of, self._last_id)
        self._rows = np.array([self._row_of[item_id] for item_id in item_ids], dtype=np.int64)
        self._disliked = None
        self._is_checked[:] = False
        self._is_seen[:] = False

    def _follow(self, events: Sequence[Event]) -> None:
        """Take note of new events, oldest first; a dislike hides its item and is no interaction."""
        if not events:
            return
        known = [(self._row_of[event.item_id], event.event) for event in events if event.item_id in self._row_of]
        interactions = np.array([row for row, event in known if event != DISLIKE], dtype=np.int64)
        rows = [row for row, _ in known]
        self._rows = np.concatenate([self._rows, interactions])[-self._max_length :]
        self._is_checked[rows] = self._is_seen[rows] = True
        self._disliked = None
        self._last_id = events[-1].id

    def _look_up(self, rows: Rows) -> None:
        item_ids = [self._item_ids[row] for row in rows.tolist()]
        met = self._history.seen_items(item_ids)
        self._is_checked[rows] = True
        self._is_seen[rows] = [item_id in met for item_id in item_ids]
