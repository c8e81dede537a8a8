"""Rows that a look-up by item id hides from lists, asked for the top candidates only, and cached."""

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from edge_runtime.ranking import Floats, Rows, best_rows


class HiddenRows:
    """Chooses the best rows that are not hidden. Not thread-safe.

    Time and memory do not depend on how many items are hidden, neither at the first list nor after :meth:`clear`.

    Args:
        item_ids: catalogue item ids, by row.
        always: rows that are hidden whatever the look-up says.
        look_up: returns those of some item ids that are hidden.
    """

    def __init__(
        self, item_ids: Sequence[str], always: Rows, look_up: Callable[[Sequence[str]], Collection[str]]
    ) -> None:
        self._item_ids = item_ids
        self._always = always
        self._look_up = look_up
        self._is_checked: NDArray[np.bool_] = np.empty(len(item_ids), dtype=bool)
        self._is_hidden: NDArray[np.bool_] = np.empty(len(item_ids), dtype=bool)
        self.clear()

    def clear(self) -> None:
        """Forget what was looked up."""
        self._is_checked[:] = False
        self._is_hidden[:] = False
        self.mark(self._always, is_hidden=True)

    def mark(self, rows: Sequence[int] | Rows, *, is_hidden: bool) -> None:
        """Set rows without a look-up; those that are always hidden stay so."""
        self._is_checked[rows] = True
        self._is_hidden[rows] = is_hidden
        self._is_hidden[self._always] = True

    def best(self, scores: Floats, k: int, among: Rows | None = None) -> Rows:
        """Return the rows of the ``k`` best items that are not hidden, best first.

        Args:
            scores: finite, ``[n_items]``; not modified.
            k: number of items; fewer are returned when the catalogue is exhausted.
            among: rows to choose from, ascending; None for all.
        """
        n_candidates = k
        while True:
            candidates = self._candidates(scores, n_candidates, among)
            if self._is_checked[candidates[:k]].all():
                return candidates[:k]
            self._check(candidates[~self._is_checked[candidates]])
            n_candidates *= 2  # if most top items are hidden, few large queries are faster than many small ones

    def _candidates(self, scores: Floats, k: int, among: Rows | None) -> Rows:
        if among is None:
            return best_rows(scores, k, np.flatnonzero(self._is_hidden))
        return best_rows(scores, k, among=among[~self._is_hidden[among]])

    def _check(self, rows: Rows) -> None:
        item_ids = [self._item_ids[row] for row in rows.tolist()]
        hidden = self._look_up(item_ids)
        self._is_checked[rows] = True
        self._is_hidden[rows] = [item_id in hidden for item_id in item_ids]
