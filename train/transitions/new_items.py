r"""Transitions of items that have none, as new ones: those of the known items with the nearest texts.

.. math::
    C_{in} = \alpha \sum_{j \in N_k(n)} s_{nj} \, C_{ij}, \qquad
    C_{nk} = \sum_{j \in N_k(n)} s_{nj} \, C_{jk}

with the neighbours :math:`N_k(n)` and their weights :math:`s` of :mod:`train.items.stand_ins`: an item that nobody had
follows what the items like it follow, :math:`\alpha` times as often, and is followed by what follows these. Without it,
such an item has its similarity alone, and stays behind every item with a transition from the history.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from train.items.stand_ins import MAX_KNOWN, nearest_known
from train.transitions.graph import most_frequent


def with_new_items(counts: csr_array, vectors: NDArray[np.float32], share: float, followers: int) -> csr_array:
    """Return the counts with those of items that have no transitions filled in.

    Args:
        counts: transition counts, ``[n_items, n_items]``.
        vectors: unit vectors that items are compared by, ``[n_items, W]``, zeros for items without.
        share: the factor alpha, above 0.
        followers: number of new followers to keep for each item, the most frequent ones, and of followers of a new one.
    """
    times_followed = np.bincount(counts.indices, counts.data, minlength=counts.shape[0])
    is_known = (np.diff(counts.indptr) > 0) | (times_followed > 0)
    is_described = (vectors != 0.0).any(axis=1)
    order = np.argsort(-times_followed, kind="stable")[:MAX_KNOWN]
    known, new = order[(is_known & is_described)[order]], np.flatnonzero(~is_known & is_described)
    if not len(known) or not len(new):
        return counts
    neighbours = _neighbours(vectors, known, new)
    following_new = most_frequent(_without_diagonal(counts @ neighbours.T), followers)
    known_counts = csr_array(counts + share * following_new)
    followed_by_new = most_frequent(_without_diagonal(neighbours @ known_counts), followers)
    result = csr_array(known_counts + followed_by_new, dtype=np.float32)
    result.sort_indices()  # products of sparse matrices are in no order
    return result


def _without_diagonal(counts: csr_array) -> csr_array:
    """Return the counts without transitions of an item to itself, in the order of their columns."""
    entries = counts.tocoo()
    moved = entries.row != entries.col
    result = csr_array((entries.data[moved], (entries.row[moved], entries.col[moved])), shape=counts.shape)
    result.sort_indices()
    return csr_array(result, dtype=np.float32)


def _neighbours(vectors: NDArray[np.float32], known: NDArray[np.int64], new: NDArray[np.int64]) -> csr_array:
    """Return the weights of the known neighbours of each new item, ``[n_items, n_items]``."""
    rows, weights = nearest_known(torch.from_numpy(vectors), torch.from_numpy(known), torch.from_numpy(new))
    item = np.repeat(new, rows.shape[1])
    return csr_array((weights.numpy().ravel(), (item, rows.numpy().ravel())), shape=(len(vectors), len(vectors)))
