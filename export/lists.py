"""How much two lists of recommendations for the same user agree."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

PADDING: Final = -1
PERSISTENCE: Final = 0.9
"""Weight of each position relative to the one before it in rank-biased overlap."""

TopRows = NDArray[np.int64]


def overlap(first: TopRows, second: TopRows) -> NDArray[np.float64]:
    """Return for each user the share of the first list's rows that the second contains too; 1 for an empty list.

    Args:
        first: rows of the best items, ``[n, k]``, padded with -1 at the end.
        second: lists of the same users, ``[n, k]``.
    """
    n_first = (first != PADDING).sum(axis=1)
    n_common = _same(first, second).sum(axis=(1, 2))
    shares: NDArray[np.float64] = np.where(n_first > 0, n_common / np.maximum(1, n_first), 1.0)
    return shares


def rank_biased_overlap(first: TopRows, second: TopRows) -> NDArray[np.float64]:
    r"""Return the extrapolated rank-biased overlap of each user's two lists, 1 for equal lists, 0 for disjoint ones.

    .. math:: \frac{X_k}{k} p^k + \frac{1 - p}{p} \sum_{d=1}^{k} \frac{X_d}{d} p^d

    with :math:`X_d` the number of common items among the first :math:`d` (Webber, Moffat and Zobel, "A Similarity
    Measure for Indefinite Rankings", TOIS 2010, equation 30). :math:`k` is the length of the longer list.

    Args:
        first: rows of the best items, ``[n, k]``, padded with -1 at the end.
        second: lists of the same users, ``[n, k]``.
    """
    same, k = _same(first, second), first.shape[1]
    depths = np.arange(1, k + 1)
    within = np.maximum(*np.meshgrid(depths, depths))  # the depth from which on a pair of positions counts
    common = np.stack([(same & (within <= depth)).sum(axis=(1, 2)) for depth in depths], axis=1)
    lengths = np.maximum((first != PADDING).sum(axis=1), (second != PADDING).sum(axis=1))
    weights = np.where(depths <= lengths[:, None], PERSISTENCE**depths, 0.0)
    last = np.maximum(1, lengths)
    tail = common[:, -1] / last * PERSISTENCE**last
    values = tail + (1 - PERSISTENCE) / PERSISTENCE * (common / depths * weights).sum(axis=1)
    result: NDArray[np.float64] = np.where(lengths > 0, values, 1.0)
    return result


def _same(first: TopRows, second: TopRows) -> NDArray[np.bool_]:
    """Return whether position ``i`` of the first list and ``j`` of the second hold one item, ``[n, k, k]``."""
    same: NDArray[np.bool_] = (first[:, :, None] == second[:, None, :]) & (first != PADDING)[:, :, None]
    return same
