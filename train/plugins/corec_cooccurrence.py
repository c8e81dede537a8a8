"""Item-to-item co-occurrence in the training events, with sparse arrays throughout."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.data.sequences import IntArray, RowArray, Sequences

_SUBSPACE_STEPS = 6


class Neighbours(NamedTuple):
    """Items that occur close to each item.

    Attributes:
        rows: rows of the most similar items, the most similar first, repeated from the first where there are fewer than
            ``k``; the item itself where there are none, int32 ``[n_items, k]``.
        known: whether an item has a neighbour other than itself, bool ``[n_items]``.
    """

    rows: RowArray
    known: NDArray[np.bool_]


def co_occurring(train: Sequences, n_items: int, *, window: int, k: int) -> Neighbours:
    r"""Return the ``k`` items that occur most within ``window`` events of each item.

    .. math::
        sim(i, j) = \frac{n_{ij}}{\sqrt{n_i n_j}}

    with :math:`n_{ij}` the number of pairs within the window, in either order, and :math:`n_i` the events of an item:
    the cosine of item-to-item recommenders (Sarwar et al., "Item-Based Collaborative Filtering Recommendation
    Algorithms", WWW 2001), over windows instead of whole users. Ties are in the order of rows.
    """
    first, second, count = _pairs(train, n_items, window)
    n_events = np.bincount(train.rows, minlength=n_items)
    similarity = count / np.sqrt(n_events[first] * n_events[second])
    order = np.lexsort((second, -similarity, first))
    counts = np.bincount(first, minlength=n_items)
    start = np.cumsum(counts) - counts
    index = start[:, None] + np.arange(k) % np.clip(counts, 1, k)[:, None]
    # One more entry, as an index for items without neighbours at the end.
    best = np.concatenate((second[order], [0]))[np.minimum(index, len(order))]
    rows = np.where(counts[:, None] > 0, best, np.arange(n_items)[:, None])
    return Neighbours(rows.astype(np.int32), counts > 0)


def co_occurrence_vectors(train: Sequences, n_items: int, *, dim: int, seed: int) -> Tensor:
    r"""Return item vectors that are similar for items with the same users, ``[n_items, dim]`` at most.

    The rows of an orthonormal basis of the leading right singular vectors of

    .. math::
        \tilde X = D_u^{-1/2} X D_i^{-1/2}

    with :math:`X_{ui}` the number of events and :math:`D` its sums, by randomized subspace iteration (Halko, Martinsson
    and Tropp, "Finding Structure with Randomness", SIAM Review 2011, https://arxiv.org/abs/0909.4061). An item without
    has a vector of zeros.
    """
    users, rows = train.users(), train.rows.astype(np.int64)
    n_of_user, n_of_item = np.bincount(users, minlength=len(train)), np.bincount(rows, minlength=n_items)
    scaled = torch.from_numpy(1.0 / np.sqrt(n_of_user[users] * n_of_item[rows])).float()
    indices = torch.from_numpy(np.stack((users, rows)))
    incidence = torch.sparse_coo_tensor(indices, scaled, (len(train), n_items), check_invariants=True).coalesce()
    transposed = incidence.t().coalesce()
    generator = torch.Generator().manual_seed(seed)
    basis = torch.randn(n_items, min(dim, n_items), generator=generator)
    for _ in range(_SUBSPACE_STEPS):
        basis, _ = torch.linalg.qr(transposed @ (incidence @ basis))
    return basis * torch.from_numpy(n_of_item > 0)[:, None]


def _pairs(train: Sequences, n_items: int, window: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return both items of every co-occurring pair, in either order, and its count, each ``[pairs]``."""
    users, rows = train.users(), train.rows.astype(np.int64)
    codes = [np.empty(0, np.int64)]
    for distance in range(1, window + 1):
        older, newer = rows[:-distance], rows[distance:]
        together = (users[:-distance] == users[distance:]) & (older != newer)
        codes += [(older * n_items + newer)[together], (newer * n_items + older)[together]]
    pairs, count = np.unique(np.concatenate(codes), return_counts=True)
    return pairs // n_items, pairs % n_items, count
