r"""Which events of a history the score of an item rests on, by leaving one after the other out.

.. math::
    d_{e,i} = s_i(h) - s_i(h \setminus e)

with ``s`` the scores of the device's own engine and ``e`` an item of the history, of which all occurrences are left out
together. One pass over the shortened history scores all items of a list, so a list costs as many passes as there are
events that may be cited, and one more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

MAX_EVENTS: Final = 16
"""Items of the history that may be cited: the newest ones."""
STEPS: Final = 1000
"""A difference of scores is compared in steps of a thousandth, so that runtimes agree in spite of rounding."""

Rows = NDArray[np.int64]
Score = Callable[[Rows], NDArray[np.float32]]
"""Returns the score of every item ``[n_items]`` after a non-empty sequence of rows, oldest first."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What each event of a history adds to the scores of some items.

    Attributes:
        pasts: rows of the events that may be cited, newest first, without duplicates.
        older: rows of the other events, which are too old to be cited.
        drops: for each item and event, by how many thousandths the score falls without the event.
    """

    pasts: tuple[int, ...]
    older: tuple[int, ...]
    drops: tuple[tuple[int, ...], ...]


def find_evidence(sequence: Rows, rows: Sequence[int], score: Score) -> Evidence:
    """Leave out the events of a history one by one.

    Args:
        sequence: rows of the history as the encoder sees it, oldest first.
        rows: catalogue rows of the items of a list.
        score: scores all items for a sequence.

    Returns:
        The evidence. A history of a single item has a drop of one step: without it, there is no list to compare with.
    """
    pasts = tuple(dict.fromkeys(sequence[::-1].tolist()))
    cited, older = pasts[:MAX_EVENTS], pasts[MAX_EVENTS:]
    if len(pasts) <= 1:
        return Evidence(cited, older, tuple((1,) * len(cited) for _ in rows))
    listed = np.array(rows, dtype=np.int64)
    full = score(sequence)[listed].astype(np.float64)
    drops = [full - score(sequence[sequence != past])[listed] for past in cited]
    steps = np.floor(np.stack(drops, axis=1) * STEPS + 0.5).astype(np.int64)
    return Evidence(cited, older, tuple(tuple(line) for line in steps.tolist()))


def without_engine(sequence: Sequence[int], rows: Sequence[int]) -> Evidence:
    """Return evidence in which every event counts the same, for texts that are made without an engine."""
    pasts = tuple(dict.fromkeys(reversed(sequence)))
    cited = pasts[:MAX_EVENTS]
    return Evidence(cited, pasts[MAX_EVENTS:], tuple((1,) * len(cited) for _ in rows))
