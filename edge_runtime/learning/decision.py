r"""Decides whether a personal adapter is used: only if it helped on the newest events, which it was not trained on.

For each held-out event, with the items before it hidden as in a list,

.. math::
    g = \log P_{with}(y) - \log P_{without}(y), \qquad P = \mathrm{softmax}(\text{scores} / T)

and the gain in NDCG@10. It is used if the mean of ``g`` is above :data:`MIN_GAIN`. The likelihood decides, because few
of a person's events are in the first ten at all. A stricter test, such as more than a standard error, refuses more
adapters that help than such that hurt: a mean of 4 to 30 events is known to some hundredths of a nat only.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_runtime.learning.exact import Doubles, exact_sum
from edge_runtime.ranking import Floats, Rows

MIN_GAIN: Final = 0.01
"""Mean gain in nats that must be exceeded: events that are 1 % more likely."""
TOP: Final = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """What the adapter changes for one held-out event.

    Attributes:
        log_gain: gain in log-likelihood of the item, in nats.
        rank_gain: gain in NDCG@10.
    """

    log_gain: float
    rank_gain: float


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an adapter is used, and why.

    Attributes:
        helps: whether it is used.
        n_tried: number of held-out events.
        gain: mean gain in log-likelihood, in nats.
        error: its standard error.
        rank_gain: mean gain in NDCG@10.
    """

    helps: bool
    n_tried: int
    gain: float
    error: float
    rank_gain: float


def decide(trials: Sequence[Trial]) -> Decision:
    """Return whether an adapter with these trials is used; never with fewer than two."""
    n = len(trials)
    if n < 2:
        return Decision(helps=False, n_tried=n, gain=0.0, error=0.0, rank_gain=0.0)
    gains = np.array([trial.log_gain for trial in trials])
    ranks = np.array([trial.rank_gain for trial in trials])
    if not (np.isfinite(gains).all() and np.isfinite(ranks).all()):
        return Decision(helps=False, n_tried=n, gain=0.0, error=0.0, rank_gain=0.0)
    gain, rank_gain = exact_sum(gains) / n, exact_sum(ranks) / n
    error = math.sqrt(exact_sum((gains - gain) * (gains - gain)) / (n - 1) / n)
    return Decision(gain > MIN_GAIN, n, gain, error, rank_gain)


def trial_of(without: Floats, with_adapter: Floats, target: int, hidden: Rows, temperature: float) -> Trial:
    """Return what an adapter changes for one event.

    Args:
        without: score of every item without the adapter, ``[n_items]``.
        with_adapter: the same with it.
        target: row of the event's item.
        hidden: rows that a list would not have; the target counts all the same.
        temperature: what scores are divided by.
    """
    counts = np.ones(len(without), dtype=bool)
    counts[hidden] = False
    counts[target] = True
    before, after = (_likelihood_and_ndcg(scores, target, counts, temperature) for scores in (without, with_adapter))
    return Trial(after[0] - before[0], after[1] - before[1])


def _likelihood_and_ndcg(
    scores: Floats, target: int, counts: np.typing.NDArray[np.bool_], temperature: float
) -> tuple[float, float]:
    others: Doubles = scores[counts].astype(np.float64) / temperature
    own = float(scores[target]) / temperature
    largest = float(others.max())
    log_sum = largest + math.log(float(np.exp(others - largest).sum()))
    higher = int(np.count_nonzero(scores[counts] > scores[target]))
    ties = int(np.count_nonzero((scores[:target] == scores[target]) & counts[:target]))  # the lower row is first
    rank = higher + ties
    return own - log_sum, 1.0 / math.log2(rank + 2) if rank < TOP else 0.0
