r"""From precise to varied: a list that repeats itself less, by one number. Of people it knows the names of events.

The number is the share of the precise list that gives way: 0 leaves it as it is, 0.5 exchanges half of what can be
exchanged, 1 all of it. What it gives way to are others of the best hundred, chosen greedily, each time the item that
adds most to

.. math::
    (1 - w) \sum_{i \in Y} \frac{s_i - \bar s}{4 \sigma} + \frac{w}{2} \log\det K_Y,
    \qquad K = (1 - \rho)\, \frac{1 + C}{2} + \rho\, I \text{ with ones on its diagonal},\quad \rho = 0.1

with ``s`` the scores of the hundred, ``C`` the cosines of their decoded vectors, and ``w`` the smallest weight, of 64
between 0 and 1, that exchanges so many. A weight does not mean the same everywhere: at ``w = 0.8`` there remain 5 of
the twelve most precise items on average on Beauty and 8 in the made world, and a slider over ``w`` itself would do
nothing on its first half. On Beauty, over 600 people, there remain 12, 9.0, 6.0, 3.9 and 1.1 of twelve at 0, 0.25, 0.5,
0.75 and 1, with a standard deviation over people of 0.5 at most (``pocketrec evaluate --front``: ``kept@10``).

Source: Chen, Zhang and Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
Diversity", NeurIPS 2018, https://arxiv.org/abs/1709.05135 (their objective, with ``w = 1 - theta``). Where we deviate:
scores are standardized within the hundred, four standard deviations, about what lies between the first and the
hundredth, being the unit; the ridge ``rho`` bounds what a copy costs; and the kernel is conditioned on each choice (a
Schur complement, of which only the diagonal and the rows of the chosen are computed) in place of the Cholesky row: as
quick, and without a sum whose order another runtime would have to share.

Against MMR (Carbonell and Goldstein, SIGIR 1998, scores between 0 and 1) on Beauty, 3,000 people, items and people from
a factorisation of what follows what: at NDCG@10 0.0310, from 0.0317, the mean distance of titles and facts in the list
rose from 0.690 to 0.753, with MMR to 0.732; where 3.5 items of ten were exchanged, the standard deviation of that
number over people was 1.2, with MMR 1.6.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.ranking import Floats, Rows
from edge_runtime.state.history import DISLIKE

Variety = float | Literal["auto"]
"""The share of the precise list that gives way, from 0 to 1; ``auto`` follows the feedback."""

POOL: Final = 100
"""How many of the best are chosen from."""
AUTO_VARIETY: Final = 0.1
"""Where ``auto`` stands before there is any feedback: one of ten items gives way."""
HALF_LIFE_EVENTS: Final = 3
N_FEEDBACK: Final = 64
"""Older events count for less than a millionth, and are not read."""

_RIDGE = 0.1
_UNIT = 4.0
_N_STEPS = 64
# Unit vectors are rounded to whole multiples of 1/1023: their products are whole numbers that float32 holds exactly,
# whatever the order of summation, so that both runtimes compute the same cosines and items with the same codes tie.
_STEPS = 1023
_FEEDBACK = {DISLIKE: 1.0, "like": -1.0, "purchase": -1.0}
_OTHER_EVENTS = -0.5


def varied_rows(codes: ProductCodes, scores: Floats, best: Rows, k: int, variety: float) -> Rows:
    """Return the rows of a list of ``k``, in the order in which they are shown.

    Args:
        codes: the items.
        scores: finite, ``[n_items]``; left as they are.
        best: the rows that may be listed, best first, as many as there are or the larger of ``k`` and ``POOL``.
        k: how many; fewer come back when the catalogue runs out. What lies beyond the hundred keeps its order.
        variety: in [0, 1]; with 0 the first ``k`` of ``best`` come back.
    """
    pool = best[:POOL]
    places = varied_places(scores[pool], codes.decode(pool), min(k, POOL), variety)
    return np.concatenate([pool[places], best[POOL:k]])


def varied_places(scores: Floats, vectors: Floats, k: int, variety: float) -> Rows:
    """Return the places of ``k`` candidates in the order in which they are shown; among equals the lower place wins.

    Of the list's first ``m``, which are ``k`` or half of the candidates, the share ``variety`` of those that the most
    varied list exchanges is exchanged, rounded to whole items.

    Args:
        scores: of the candidates, the best first, finite, ``[n]``.
        vectors: of the candidates, ``[n, d]``.
        k: how many; all of them where there are fewer.
        variety: in [0, 1].
    """
    k = min(k, len(scores))
    n_looked_at = min(k, (len(scores) + 1) // 2)
    relevance, kernel = _standardized(scores), _kernel(vectors)

    def n_exchanged(step: int) -> int:
        return int((_chosen(relevance, kernel, n_looked_at, _weight(step)) >= n_looked_at).sum())

    return _chosen(relevance, kernel, k, _weight(_step(n_exchanged, variety)))


def places_of_weight(scores: Floats, vectors: Floats, k: int, weight: float) -> Rows:
    """Return the places that the greedy choice gives, with ``w`` of the objective itself; otherwise as above."""
    return _chosen(_standardized(scores), _kernel(vectors), min(k, len(scores)), weight)


def adapted_variety(variety: float, feedback: Sequence[str]) -> float:
    r"""Return the variety after some feedback: more after what was not wanted, less after what was.

    .. math::
        m = (1 - q) \sum_{a \ge 0} q^a f_a,\quad q = 2^{-1/3},\qquad
        v' = \begin{cases} v + m (1 - v) & m > 0 \\ v (1 + m) & m \le 0 \end{cases}

    with ``f_a`` the event that is ``a`` events old: 1 for a dislike, -1 for a like or a purchase, -1/2 for anything
    else that was done with an item. After the description of SAGE: the exploration rate follows the feedback just
    received. ``m`` is an exponential mean that began at 0, so an event counts half after three more, nothing is kept
    but the history, and taking an event back takes back its effect.

    Args:
        variety: where it stands without feedback, in [0, 1].
        feedback: names of events, the newest first.

    Returns:
        A number in [0, 1]; ``variety`` itself where there is no feedback.
    """
    quotient = 0.5 ** (1 / HALF_LIFE_EVENTS)
    mean = 0.0
    for event in reversed(feedback[:N_FEEDBACK]):
        mean += (1 - quotient) * (_FEEDBACK.get(event, _OTHER_EVENTS) - mean)
    return variety + mean * (1 - variety) if mean > 0 else variety * (1 + mean)


def checked_variety(variety: float) -> float:
    """Return ``variety``.

    Raises:
        ValueError: it is not in [0, 1].
    """
    if not 0.0 <= variety <= 1.0:
        raise ValueError(f"variety must be between 0 (precise) and 1 (varied), got {variety}")
    return variety


def _step(n_exchanged: Callable[[int], int], variety: float) -> int:
    """Return the first step at which the wanted share is exchanged; found by halving, as if the number only grew."""
    low, high = 0, _N_STEPS
    if variety in (0, 1):
        return high if variety else low
    wanted = math.floor(variety * n_exchanged(high) + 0.5)
    if not wanted:
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if n_exchanged(middle) >= wanted else (middle, high)
    return high


def _weight(step: int) -> float:
    """Return ``w`` of one of the steps from 0 to :data:`_N_STEPS`, denser towards 1, where lists change most."""
    share = step / _N_STEPS
    return 4 * share / (1 + 3 * share)


def _chosen(relevance: NDArray[np.float64], kernel: NDArray[np.float64], k: int, weight: float) -> Rows:
    """Return the places of ``k`` candidates, chosen greedily.

    Args:
        relevance: standardized scores, ``[n]``.
        kernel: ``K``, ``[n, n]``; left as it is.
        k: at most ``n``.
        weight: ``w``.
    """
    weighted = (1.0 - weight) * relevance
    free = np.ones(len(relevance), dtype=bool)
    chosen = np.empty(k, dtype=np.int64)
    rows, shares = np.empty((2, k, len(relevance)))
    left = kernel.diagonal().copy()
    for index in range(k):
        gain = weighted + weight * 0.5 * np.log(left)
        chosen[index] = place = int(np.where(free, gain, -np.inf).argmax())
        free[place] = False
        # One subtraction after the other, in the order of the choices, as in the browser: a product of matrices may
        # add in any order.
        told = rows[:index, place, None] * shares[:index]
        rows[index] = np.subtract.reduce(np.vstack([kernel[None, place], told]), axis=0)
        shares[index] = rows[index] / rows[index, place]
        left -= rows[index] * shares[index]
        # What is chosen needs no gain of its own any more, and must not become log(0).
        left[place] = 1.0
    return chosen


def _standardized(scores: Floats) -> NDArray[np.float64]:
    """Return how many units each score lies above the mean; zeros where all are equal."""
    below_best = scores.astype(np.float64) - float(scores.max(initial=-np.inf))
    centred = below_best - below_best.sum() / max(len(scores), 1)
    deviation = np.sqrt((centred * centred).sum() / max(len(scores), 1))
    standardized: NDArray[np.float64] = centred / (deviation * _UNIT if deviation > 0 else 1.0)
    return standardized


def _kernel(vectors: Floats) -> NDArray[np.float64]:
    """Return ``K`` ``[n, n]``; the ridge keeps it positive definite, whatever the rounding."""
    exact = vectors.astype(np.float64)
    length = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
    # Half goes up, as in the browser; `rint` would send it to the even neighbour.
    steps = np.floor(exact / np.where(length > 0, length, 1.0) * _STEPS + 0.5).astype(np.float32)
    kernel = ((steps @ steps.T).astype(np.float64) + _STEPS * _STEPS) * ((1.0 - _RIDGE) / (2 * _STEPS * _STEPS))
    np.fill_diagonal(kernel, 1.0)
    return kernel
