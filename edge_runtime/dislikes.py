r"""Score penalty for items that are similar to recently disliked ones.

A disliked item is hidden; the score of every other item is lowered by its similarity to the newest disliked items:

.. math::
    s'_i = s_i - \frac34 (s_{(1)} - s_{(100)}) \max_{a < 8} \Bigl(1 - \frac a 8\Bigr)\, r_{ia}, \qquad
    r_{ia} = \max\Bigl(0, \frac{c_{ia} - t_a}{1 - t_a}\Bigr), \qquad t_a = \mu_a + \frac{1 - \mu_a}{3}

with ``s_(n)`` the n-th best score, ``c_ia`` the cosine of the decoded vectors of item ``i`` and of the ``a``-th newest
disliked item, and ``mu_a`` the mean of ``c_ia`` over the catalogue. A duplicate of the last disliked item loses three
quarters of the difference between the best and the hundredth score; an item whose cosine is less than a third of the
way from the mean to 1 keeps its score; without dislikes nothing is computed. ADR 0028 lists the alternatives.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from edge_runtime.events import DISLIKE
from edge_runtime.ranking import Floats, Rows, best_rows
from edge_runtime.similar import Cosines
from edge_runtime.state.history import Event

N_DISLIKES: Final = 8
"""Number of disliked items that count; each costs a pass over the codes, and the oldest has weight 1/8."""
N_EVENTS: Final = 256
"""Number of newest events searched for dislikes."""

STRENGTH: Final = 0.75
"""Penalty of a duplicate, as a share of the difference between the best and the hundredth score."""

_DEPTH = 100
_THRESHOLD = 1 / 3


def newest_dislikes(events: Sequence[Event]) -> list[str]:
    """Return the ids of the items whose latest event is a dislike, newest first.

    Args:
        events: newest first; only the first :data:`N_EVENTS` are read.
    """
    newest: dict[str, str] = {}
    for event in events[:N_EVENTS]:
        newest.setdefault(event.item_id, event.event)
    return [item_id for item_id, event in newest.items() if event == DISLIKE]


class DislikePenalty:
    """Lowers the scores of items similar to disliked ones."""

    def __init__(self, cosines: Cosines) -> None:
        self._cosines = cosines

    def apply(self, scores: Floats, disliked: Rows) -> Floats:
        """Return the penalized scores; ``scores`` itself if ``disliked`` is empty.

        Args:
            scores: finite, ``[n_items]``; not modified.
            disliked: rows, newest first; only the first :data:`N_DISLIKES` count.
        """
        if not len(disliked):
            return scores
        top = scores[best_rows(scores, _DEPTH)]
        penalty = np.zeros(len(scores), dtype=np.float32)
        for age, vector in enumerate(self._cosines.vectors(disliked[:N_DISLIKES])):
            np.maximum(penalty, np.float32(1 - age / N_DISLIKES) * similarity(self._cosines.of(vector)), out=penalty)
        lowered: Floats = scores - np.float32(STRENGTH) * (top[0] - top[-1]) * penalty
        return lowered


def similarity(cosines: Floats) -> Floats:
    """Return ``r`` of every item, ``[n_items]``, by its cosine."""
    mean = float(cosines.mean(dtype=np.float64))
    threshold = mean + (1 - mean) * _THRESHOLD
    if threshold >= 1:  # all items are equal
        return np.zeros_like(cosines)
    similarity: Floats = np.clip((cosines - np.float32(threshold)) / np.float32(1 - threshold), 0, 1)
    return similarity
