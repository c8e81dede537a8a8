r"""What is shown less because something that resembles it was not wanted. Knows nothing of lists or files.

A dislike hides its item; the score of every other item falls by how much it resembles one of the newest disliked:

.. math::
    s'_i = s_i - \frac34 (s_{(1)} - s_{(100)}) \max_{a < 8} \Bigl(1 - \frac a 8\Bigr)\, r_{ia}, \qquad
    r_{ia} = \max\Bigl(0, \frac{c_{ia} - t_a}{1 - t_a}\Bigr), \qquad t_a = \mu_a + \frac{1 - \mu_a}{3}

with ``s_(n)`` the n-th best score, ``c_ia`` the cosine of the decoded vectors of item ``i`` and of the ``a``-th newest
disliked item, and ``mu_a`` the mean of ``c_ia`` over the catalogue. So a copy of what was just disliked falls by three
quarters of what lies between the first place and the hundredth; the score of whatever is less than a third of the way
from the average item to the disliked one stays as it is; and without dislikes nothing is computed. ADR 0028 has the
alternatives.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.ranking import Floats, Rows, best_rows, item_lengths, score_all
from edge_runtime.state.history import DISLIKE, Event

N_DISLIKES: Final = 8
"""How many disliked items lower others; each is a pass over the catalogue's codes, and the oldest counts an eighth."""
N_EVENTS: Final = 256
"""How many of the newest events are looked at for them."""

STRENGTH: Final = 0.75
"""How far a copy falls, of what lies between the first place and the hundredth."""

_DEPTH = 100
_FAR = 1 / 3


def newest_dislikes(events: Sequence[Event]) -> list[str]:
    """Return the ids of the newest disliked items, the newest first; one that was wanted later is none of them.

    Args:
        events: the newest first; those beyond :data:`N_EVENTS` are not looked at.
    """
    newest: dict[str, str] = {}
    for event in events[:N_EVENTS]:
        newest.setdefault(event.item_id, event.event)
    return [item_id for item_id, event in newest.items() if event == DISLIKE]


class Resemblance:
    """How much items resemble each other; it keeps the length of each item's vector from the first dislike on."""

    def __init__(self, codes: ProductCodes) -> None:
        self._codes = codes
        self._lengths: Floats | None = None

    def lowered(self, scores: Floats, disliked: Rows) -> Floats:
        """Return the scores after some dislikes; ``scores`` itself where there are none.

        Args:
            scores: finite, ``[n_items]``; left as they are.
            disliked: rows, the newest first; those beyond :data:`N_DISLIKES` do not count.
        """
        if not len(disliked):
            return scores
        ends = scores[best_rows(scores, _DEPTH)]
        most = np.zeros(len(scores), dtype=np.float32)
        for age, vector in enumerate(self._codes.decode(disliked[:N_DISLIKES])):
            np.maximum(most, np.float32(1 - age / N_DISLIKES) * self._to(vector), out=most)
        lowered: Floats = scores - np.float32(STRENGTH) * (ends[0] - ends[-1]) * most
        return lowered

    def _to(self, vector: Floats) -> Floats:
        """Return ``r`` of every item to the item with this vector, ``[n_items]``."""
        if self._lengths is None:
            self._lengths = item_lengths(self._codes)
        length = float(np.sqrt(np.square(vector, dtype=np.float64).sum()))
        if not length:
            return np.zeros_like(self._lengths)
        products = score_all(self._codes, (vector / length).astype(np.float32))
        cosines = np.divide(products, self._lengths, out=np.zeros_like(products), where=self._lengths > 0)
        mean = float(cosines.mean(dtype=np.float64))
        far = mean + (1 - mean) * _FAR
        if far >= 1:  # all items are alike
            return np.zeros_like(cosines)
        resemblance: Floats = np.clip((cosines - np.float32(far)) / np.float32(1 - far), 0, 1)
        return resemblance
