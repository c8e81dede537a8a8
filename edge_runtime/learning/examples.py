"""Which events of a history are learned from, which are held out to try the result on, and against which items.

All of it follows from the history, the settings and a seed, so the page's twin chooses the same.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.learning.adapter_step import EXCLUDED
from edge_runtime.learning.exact import Doubles, log
from edge_runtime.learning.random32 import Random32

Rows = NDArray[np.int64]

MIN_EVENTS: Final = 20
"""Events below which nothing is learned."""
MAX_EVENTS: Final = 4096
"""Newest events that count; older ones are not read."""
MIN_HELD_OUT: Final = 4
MAX_HELD_OUT: Final = 30
HELD_OUT_SHARE: Final = 5
"""One of so many events is held out, within the two limits above."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A history, and what each of its events is for.

    Attributes:
        rows: catalogue rows of the interactions, oldest first.
        examples: the events that are learned from; the first event of all has nothing before it, and is none.
        held_out: the newest events, which the result is tried on.
    """

    rows: Rows
    examples: range
    held_out: range

    @classmethod
    def of(cls, rows: Rows, settings: LearningSettings) -> Self:
        """Split a history of at least :data:`MIN_EVENTS` events."""
        n = len(rows)
        end = n - min(MAX_HELD_OUT, max(MIN_HELD_OUT, n // HELD_OUT_SHARE))
        return cls(rows, range(max(1, end - settings.examples), end), range(end, n))

    @property
    def targets(self) -> Rows:
        """The item of each example, ``[n]``."""
        return self.rows[self.examples.start : self.examples.stop]

    @property
    def own(self) -> Rows:
        """The user's items before the held-out events, ascending; they are no negatives for one another."""
        return np.unique(self.rows[: self.held_out.start])


def candidate_rows(split: Split, n_items: int, limit: int, seed: int) -> Rows:
    """Return the rows that examples are compared with, ascending, the same for all of them.

    They are the whole catalogue if it has at most ``limit`` items; else the items of the examples, and items drawn from
    those that are not the user's, up to ``limit`` in number.
    """
    if n_items <= limit:
        return np.arange(n_items)
    own, chosen = set(split.own.tolist()), set(split.targets.tolist())
    n_drawn = min(max(0, limit - len(chosen)), n_items - len(own))
    random, drawn = Random32(seed, n_items), set[int]()
    while len(drawn) < n_drawn:
        row = random.below(n_items)
        if row not in own:
            drawn.add(row)
    return np.array(sorted(chosen | drawn), dtype=np.int64)


def offsets(targets: Rows, candidates: Rows, excluded: Rows, n_items: int) -> Doubles:
    """Return what is added to the score of each candidate for each example, ``[len(targets), len(candidates)]``.

    Drawn items stand for all that could have been drawn: the logarithm of how many each stands for is added, so that
    the loss estimates that over the whole catalogue (Bengio and Senécal, 2008). Without it, whatever is more popular
    than an item drawn at random would seem to be the person's taste.

    Args:
        targets: the examples' own items, which always count, once.
        candidates: the candidates.
        excluded: the rows that do not count as negatives.
        n_items: number of items of the catalogue.
    """
    left_out = np.isin(candidates, excluded)
    n_drawn = int(np.count_nonzero(~left_out))
    n_others = n_items - len(np.unique(excluded))
    added = np.zeros((len(targets), len(candidates)))
    if n_drawn:
        added += log(np.array([n_others / n_drawn]))[0]
    added[:, left_out] = EXCLUDED
    added[candidates == targets[:, None]] = 0.0
    return added
