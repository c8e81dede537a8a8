r"""Diversity re-ranking with one parameter in [0, 1].

The parameter is the share of the replaceable items of the plain top-k list that are replaced: none at 0, half at 0.5,
all at 1. The list is chosen greedily from the hundred best candidates; each step adds the item that increases the
following objective most:

.. math::
    (1 - w) \sum_{i \in Y} \frac{s_i - \bar s}{4 \sigma} + \frac{w}{2} \log\det K_Y,
    \qquad K = (1 - \rho)\, \frac{1 + C}{2} + \rho\, I \text{ with ones on its diagonal},\quad \rho = 0.1

with ``s`` the scores of the candidates, ``C`` the cosines of their decoded vectors, and ``w`` the smallest of 64
weights between 0 and 1 that replaces that many items. The effect of a fixed weight depends on the data: ``w = 0.8``
keeps 5 of the top 12 items on average on Beauty and 8 on the synthetic data, and a slider over ``w`` would have no
effect on its first half. On Beauty, over 600 users, 12, 9.0, 6.0, 3.9 and 1.1 of the top 12 are kept at diversity 0,
0.25, 0.5, 0.75 and 1, with a standard deviation over users of at most 0.5 (``kept@10`` of ``pocketrec evaluate``).

Source: Chen, Zhang and Zhou, "Fast Greedy MAP Inference for Determinantal Point Process to Improve Recommendation
Diversity", NeurIPS 2018, https://arxiv.org/abs/1709.05135 (their objective, with ``w = 1 - theta``). Deviations:
scores are standardized over the candidates, in units of four standard deviations, about the difference between the
best and the hundredth score; the ridge ``rho`` bounds the penalty of a duplicate; and the kernel is conditioned on each
choice (a Schur complement, computed only for the diagonal and the chosen rows) instead of extending a Cholesky factor:
equally fast, and without a sum whose order other runtimes would have to reproduce.

Compared with MMR (Carbonell and Goldstein, SIGIR 1998, scores scaled to [0, 1]) on Beauty, 3,000 users, with item and
user vectors from a factorization of item transitions: at NDCG@10 0.0310 (plain list 0.0317), the mean distance of
titles and facts in the list rose from 0.690 to 0.753, with MMR to 0.732; where 3.5 of ten items were replaced, the
standard deviation of that number over users was 1.2, with MMR 1.6.
"""

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edge_runtime.arguments import check_type
from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.events import DISLIKE, LIKE, PURCHASE, READ, WATCH
from edge_runtime.ranking import Floats, Rows

Diversity = float | Literal["auto"]
"""Share of the replaceable items that are replaced, in [0, 1]; ``auto`` adapts it to the user's feedback."""

POOL: Final = 100
"""Number of best candidates to choose from."""
AUTO_DIVERSITY: Final = 0.1
"""The value of ``auto`` without feedback: one of ten items is replaced."""
HALF_LIFE_EVENTS: Final = 3
N_FEEDBACK: Final = 64
"""Number of newest events that count; older ones would have a weight below one millionth."""

_RIDGE = 0.1
_UNIT = 4.0
_N_STEPS = 64
# Unit vectors are rounded to multiples of 1/1023: their scaled products are integers that float32 represents exactly
# in any order of summation, so both runtimes compute the same cosines, and items with the same codes tie.
_STEPS = 1023
_FEEDBACK = {DISLIKE: 1.0, LIKE: -1.0, PURCHASE: -1.0, WATCH: -1.0, READ: -1.0}
_OTHER_EVENTS = -0.5


def diversified_rows(codes: ProductCodes, scores: Floats, best: Rows, k: int, diversity: float) -> Rows:
    """Return the rows of a re-ranked list of ``k`` items, in display order.

    Args:
        codes: the item codes.
        scores: finite, ``[n_items]``; not modified.
        best: candidate rows, best first: ``max(k, POOL)``, or all if there are fewer.
        k: number of items; fewer are returned when the catalogue is exhausted. Rows beyond the pool keep their order.
        diversity: in [0, 1]; 0 returns the first ``k`` of ``best``.
    """
    pool = best[:POOL]
    positions = diversified_positions(scores[pool], codes.decode(pool), min(k, POOL), diversity)
    return np.concatenate([pool[positions], best[POOL:k]])


def diversified_positions(scores: Floats, vectors: Floats, k: int, diversity: float) -> Rows:
    """Return the positions of ``k`` candidates in display order; ties are broken by the lower position.

    The number of replaced items is counted among the first ``m``, which is ``k`` or half of the candidates, whichever
    is smaller. It is the share ``diversity`` of the number that the most diverse list replaces, rounded to whole items.

    Args:
        scores: candidate scores, best first, finite, ``[n]``.
        vectors: candidate vectors, ``[n, d]``.
        k: number of items; all candidates if there are fewer.
        diversity: in [0, 1].
    """
    k = min(k, len(scores))
    n_counted = min(k, (len(scores) + 1) // 2)
    relevance, kernel = _standardized(scores), _kernel(vectors)

    def n_replaced(step: int) -> int:
        return int((_chosen(relevance, kernel, n_counted, _weight(step)) >= n_counted).sum())

    return _chosen(relevance, kernel, k, _weight(_step(n_replaced, diversity)))


def positions_for_weight(scores: Floats, vectors: Floats, k: int, weight: float) -> Rows:
    """Return the positions chosen greedily for a given weight ``w`` of the objective."""
    return _chosen(_standardized(scores), _kernel(vectors), min(k, len(scores)), weight)


def adapted_diversity(diversity: float, feedback: Sequence[str]) -> float:
    r"""Return the diversity adapted to feedback: higher after dislikes, lower after positive events.

    .. math::
        m = (1 - q) \sum_{a \ge 0} q^a f_a,\quad q = 2^{-1/3},\qquad
        v' = \begin{cases} v + m (1 - v) & m > 0 \\ v (1 + m) & m \le 0 \end{cases}

    with ``f_a`` the value of the event that is ``a`` events old: 1 for a dislike, -1 for a like, purchase,
    watch or read, -1/2 for any other event. It follows the idea of SAGE, an exploration rate driven by the latest
    feedback. ``m`` is an exponential moving average that starts at 0 and halves the weight of an event after three
    more. It is computed from the history alone, so removing an event removes its effect.

    Args:
        diversity: the value without feedback, in [0, 1].
        feedback: event names, newest first.

    Returns:
        A number in [0, 1]; ``diversity`` itself without feedback.
    """
    quotient = 0.5 ** (1 / HALF_LIFE_EVENTS)
    mean = 0.0
    for event in reversed(feedback[:N_FEEDBACK]):
        mean += (1 - quotient) * (_FEEDBACK.get(event, _OTHER_EVENTS) - mean)
    return diversity + mean * (1 - diversity) if mean > 0 else diversity * (1 + mean)


def checked_diversity(diversity: float) -> float:
    """Return ``diversity``.

    Raises:
        TypeError: it is no number.
        ValueError: it is not in [0, 1].
    """
    check_type("diversity", diversity, Real, "a number from 0 (precise) to 1 (diverse) or 'auto'", "for example 0.3")
    if not 0.0 <= diversity <= 1.0:
        raise ValueError(f"diversity must be between 0 (precise) and 1 (diverse), got {diversity}")
    return diversity


def _step(n_replaced: Callable[[int], int], diversity: float) -> int:
    """Return the first step that replaces the requested share: a bisection that assumes the number grows."""
    low, high = 0, _N_STEPS
    if diversity in (0, 1):
        return high if diversity else low
    requested = math.floor(diversity * n_replaced(high) + 0.5)
    if not requested:
        return low
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if n_replaced(middle) >= requested else (middle, high)
    return high


def _weight(step: int) -> float:
    """Return the weight ``w`` of a step in 0..:data:`_N_STEPS`; denser towards 1, where lists change most."""
    share = step / _N_STEPS
    return 4 * share / (1 + 3 * share)


def _chosen(relevance: NDArray[np.float64], kernel: NDArray[np.float64], k: int, weight: float) -> Rows:
    """Return the positions of ``k`` candidates, chosen greedily.

    Args:
        relevance: standardized scores, ``[n]``.
        kernel: ``K``, ``[n, n]``; not modified.
        k: at most ``n``.
        weight: ``w``.
    """
    weighted = (1.0 - weight) * relevance
    available = np.ones(len(relevance), dtype=bool)
    chosen = np.empty(k, dtype=np.int64)
    rows, shares = np.empty((2, k, len(relevance)))
    variance = kernel.diagonal().copy()
    for index in range(k):
        gain = weighted + weight * 0.5 * np.log(variance)
        chosen[index] = position = int(np.where(available, gain, -np.inf).argmax())
        available[position] = False
        # Subtract one after the other, in the order of choice, as in the browser: a matrix product may sum in any
        # order.
        explained = rows[:index, position, None] * shares[:index]
        rows[index] = np.subtract.reduce(np.vstack([kernel[None, position], explained]), axis=0)
        shares[index] = rows[index] / rows[index, position]
        variance -= rows[index] * shares[index]
        # The gain of a chosen item is not used any more; avoid log(0).
        variance[position] = 1.0
    return chosen


def _standardized(scores: Floats) -> NDArray[np.float64]:
    """Return the scores standardized to units of ``4 sigma``; zeros if all are equal."""
    below_best = scores.astype(np.float64) - float(scores.max(initial=-np.inf))
    centred = below_best - below_best.sum() / max(len(scores), 1)
    deviation = np.sqrt((centred * centred).sum() / max(len(scores), 1))
    standardized: NDArray[np.float64] = centred / (deviation * _UNIT if deviation > 0 else 1.0)
    return standardized


def _kernel(vectors: Floats) -> NDArray[np.float64]:
    """Return the kernel ``K``, ``[n, n]``; the ridge keeps it positive definite despite rounding."""
    exact = vectors.astype(np.float64)
    length = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
    # Round half up, as in the browser; `rint` rounds half to even.
    steps = np.floor(exact / np.where(length > 0, length, 1.0) * _STEPS + 0.5).astype(np.float32)
    kernel = ((steps @ steps.T).astype(np.float64) + _STEPS * _STEPS) * ((1.0 - _RIDGE) / (2 * _STEPS * _STEPS))
    np.fill_diagonal(kernel, 1.0)
    return kernel
