r"""Applies a query: which items are left, and a bounded shift of the scores.

.. math::
    s'_i = s_i + (s_{(1)} - s_{(100)}) \, \max(-B, \min(B, h_i + \lambda [i \in T])), \qquad
    h_i = \tfrac12 \max_{a \in S} r_{ia} - \tfrac12 \max_{a \in U} r_{ia}
        + \max_{w \in P} \bigl([i \in w] + \tfrac12 r_{iw}\bigr) - \tfrac14 \max_{w \in N} r_{iw}

with ``S`` the items that the list should resemble, ``U`` those that it should not, ``P`` the preferred wishes and ``N``
the excluded ones. ``r`` is the similarity of :mod:`edge_runtime.dislikes` with the vector of an item or the mean
direction of the items of a wish, averaged over the decoded item vectors and, if the bundle has them, the text codes.

``T`` are the twenty items that may be shown and resemble an item of ``S`` most, by the mean of the standardized
cosines, and :math:`\lambda \ge 0` is the least for which the fifth best of them has the fifth best score of all that
may be shown. So about half of a list of ten resembles ``S``, in the order of the person, however large the catalogue is
and however alike its vectors are. ADR 0076 has the figures.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from edge_runtime.conversation.query import Limit, Query, Wish
from edge_runtime.dislikes import similarity
from edge_runtime.filters.columns import Mask
from edge_runtime.filters.conditions import Condition, Range, checked_where
from edge_runtime.filters.table import FactTable
from edge_runtime.ranking import Floats, Rows, best_rows
from edge_runtime.search.finder import Finder
from edge_runtime.similar import Cosines

BOUND: Final = 2.0
"""How far a query may shift a score, in differences between the best and the hundredth score."""
SIMILAR: Final = 0.5
N_NEAREST: Final = 20
"""Number of items nearest to those that the list should resemble, which are raised alike."""
N_RAISED: Final = 5
"""How many of them reach as high as as many of all items."""
UNLIKE: Final = 0.5
PREFERRED: Final = 1.0
NEAR_PREFERRED: Final = 0.5
NEAR_EXCLUDED: Final = 0.25

_DEPTH = 100
_MOST_OF_A_WISH = 256

Best = Callable[[Floats, int], Rows]
"""Returns the rows of the best items that may be shown, best first, by scores ``[n_items]`` and a number of items."""


class Application:
    """Applies queries to one catalogue.

    Args:
        n_items: size of the catalogue.
        row_of: returns the row of an item id, or None.
        facts: of the items, with the live ones.
        finder: the search index.
        spaces: the vectors that items are compared by.
    """

    def __init__(
        self,
        n_items: int,
        row_of: Callable[[str], int | None],
        facts: FactTable,
        finder: Finder,
        spaces: Sequence[Cosines],
    ) -> None:
        self._n_items = n_items
        self._row_of = row_of
        self._facts = facts
        self._finder = finder
        self._spaces = spaces

    def allowed(self, query: Query) -> Mask:
        """Return which items a query leaves, ``[n_items]``."""
        mask = np.ones(self._n_items, dtype=bool)
        for wish in query.must:
            mask &= self.holds(wish)
        for wish in query.must_not:
            mask &= ~self._refuses(wish)
        for limit in query.limits:
            mask &= self._within(limit)
        for item_id in (*query.similar_to, *query.unlike):
            row = self._row_of(item_id)
            if row is not None:
                mask[row] = False
        return mask

    def holds(self, wish: Wish) -> Mask:
        """Return which items fulfil a wish, ``[n_items]``."""
        if wish.field is not None and self._facts.has(wish.field):
            condition: Condition = frozenset(wish.values)
            return self._facts.holds(checked_where({wish.field: condition}))
        mask = np.zeros(self._n_items, dtype=bool)
        for value in wish.values:
            mask |= self._finder.holds_words(value)
        return mask

    def _refuses(self, wish: Wish) -> Mask:
        """Return which items a wish leaves out: "no parabens" not those of which the titles say "paraben-free"."""
        mask = self.holds(wish)
        if wish.field is None:
            for value in wish.values:
                mask &= ~self._finder.free_of(value)
        return mask

    def shifted(self, scores: Floats, query: Query, best: Best) -> Floats:
        """Return the scores with the shift of a query; ``scores`` itself, if there is none."""
        if not (query.similar_to or query.unlike or query.prefer or query.must_not):
            return scores
        top = scores[best_rows(scores, _DEPTH)]
        spread = top[0] - top[-1]
        shift = np.float32(SIMILAR) * self._near_items(query.similar_to, similarity)
        shift -= np.float32(UNLIKE) * self._near_items(query.unlike, similarity)
        preferred = np.zeros(self._n_items, dtype=np.float32)
        for wish in query.prefer:
            mask = self.holds(wish)
            near = np.float32(PREFERRED) * mask + np.float32(NEAR_PREFERRED) * self._near_mean(mask)
            np.maximum(preferred, near, out=preferred)
        excluded = np.zeros(self._n_items, dtype=np.float32)
        for wish in query.must_not:
            np.maximum(excluded, self._near_mean(self._refuses(wish)), out=excluded)
        shift += preferred - np.float32(NEAR_EXCLUDED) * excluded
        if spread > 0:
            nearest = self._nearest(query.similar_to, best)
            shift[nearest] += _missing(scores + spread * shift, nearest, best) / spread
        np.clip(shift, -BOUND, BOUND, out=shift)
        shifted: Floats = scores + spread * shift
        return shifted

    def _within(self, limit: Limit) -> Mask:
        if not self._facts.has(limit.field):
            return np.ones(self._n_items, dtype=bool)
        numbers = Range(at_least=limit.at_least, above=limit.above, at_most=limit.at_most, below=limit.below)
        return self._facts.holds(checked_where({limit.field: numbers}))

    def _nearest(self, item_ids: Sequence[str], best: Best) -> Rows:
        """Return the rows of the items that resemble some items most, of those that are more alike than the mean."""
        if not item_ids:
            return np.empty(0, dtype=np.int64)
        near = self._near_items(item_ids, _standardized)
        rows = best(near, N_NEAREST)
        nearest: Rows = rows[near[rows] > 0]
        return nearest

    def _near_items(self, item_ids: Sequence[str], measure: Callable[[Floats], Floats]) -> Floats:
        """Return by a measure of cosines how near every item is to the nearest of some, ``[n_items]``, at least 0."""
        rows = [row for item_id in item_ids if (row := self._row_of(item_id)) is not None]
        near = np.zeros(self._n_items, dtype=np.float32)
        for row in rows:
            np.maximum(near, self._near(np.array([row], dtype=np.int64), measure), out=near)
        return near

    def _near_mean(self, mask: Mask) -> Floats:
        """Return the similarity of every item with the mean direction of some, ``[n_items]``; 0 if they are none."""
        rows = np.flatnonzero(mask)
        if not len(rows):
            return np.zeros(self._n_items, dtype=np.float32)
        return self._near(rows[:: -(-len(rows) // _MOST_OF_A_WISH)], similarity)

    def _near(self, rows: Rows, measure: Callable[[Floats], Floats]) -> Floats:
        total = np.zeros(self._n_items, dtype=np.float32)
        for cosines in self._spaces:
            vectors = cosines.vectors(rows).astype(np.float64)
            lengths = np.sqrt(np.square(vectors).sum(axis=1, keepdims=True))
            units = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
            total += measure(cosines.of(units.mean(axis=0).astype(np.float32)))
        return total / np.float32(max(1, len(self._spaces)))


def _standardized(cosines: Floats) -> Floats:
    """Return the cosines with mean 0 and deviation 1; zeros if they are equal."""
    mean, deviation = float(cosines.mean(dtype=np.float64)), float(cosines.std(dtype=np.float64))
    if not deviation:
        return np.zeros_like(cosines)
    standardized: Floats = (cosines - np.float32(mean)) / np.float32(deviation)
    return standardized


def _missing(scores: Floats, nearest: Rows, best: Best) -> np.float32:
    """Return how much the scores of some items have to rise, at least 0, so that enough of them are among the best."""
    n = min(N_RAISED, len(nearest))
    if not n:
        return np.float32(0)
    level: np.float32 = scores[best(scores, n)[-1]] - np.sort(scores[nearest])[-n]
    return level
