r"""The transition graph: how often each item follows another, as a sparse matrix.

.. math::
    C_{ij} = F_{ij} + \beta F_{ji}, \qquad
    F_{ij} = \sum_{u} \sum_{\ell=1}^{w} \delta^{\ell-1} \, [\text{user } u \text{ has } j \text{ as the }
    \ell\text{-th event after } i]

with the window :math:`w`, the decay :math:`\delta` and the weight :math:`\beta` of transitions read backwards. Only the
most frequent followers of an item are kept: on Beauty, 32 an item rank better than all of them, and 16 as well (see
docs/transitions.md). Time and memory are proportional to the number of transitions, ``n_events * window``, not to the
square of the catalogue.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

MAX_WINDOW = 50
"""Longest window: with histories of this length it is the whole history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphConfig:
    """Settings of the transition graph.

    Attributes:
        window: largest distance of two events that count as a transition, 1 to :data:`MAX_WINDOW`.
        decay: weight of a transition relative to one that is an event shorter, in (0, 1].
        backward: weight of a transition read backwards, in [0, 1]; with 1 the graph has no direction.
        followers: number of followers to keep for each item, the most frequent ones.
    """

    window: int = 3
    decay: float = 0.5
    backward: float = 0.1
    followers: int = 32

    def __post_init__(self) -> None:
        if not 1 <= self.window <= MAX_WINDOW:
            raise ValueError(f"window must be in [1, {MAX_WINDOW}], got {self.window}")
        if not 0.0 < self.decay <= 1.0:
            raise ValueError(f"decay must be in (0, 1], got {self.decay}")
        if not 0.0 <= self.backward <= 1.0:
            raise ValueError(f"backward must be in [0, 1], got {self.backward}")
        if self.followers < 1:
            raise ValueError(f"followers must be at least 1, got {self.followers}")


def transition_counts(
    rows: NDArray[np.integer], users: NDArray[np.integer], n_items: int, config: GraphConfig
) -> csr_array:
    """Return the weighted transition counts, float32 ``[n_items, n_items]``, without transitions of an item to itself.

    Args:
        rows: catalogue rows of the events, oldest first for each user, ``[E]``.
        users: user of each event, ``[E]``; the events of a user are adjacent.
        n_items: number of items.
        config: settings.
    """
    forward = csr_array((n_items, n_items), dtype=np.float32)
    for lag in range(1, config.window + 1):
        same = users[lag:] == users[:-lag]
        if not same.any():
            break
        first, second = rows[:-lag][same], rows[lag:][same]
        moved = first != second
        weight = np.full(int(moved.sum()), config.decay ** (lag - 1), dtype=np.float32)
        forward = forward + coo_array((weight, (first[moved], second[moved])), shape=(n_items, n_items)).tocsr()
    counts = forward + config.backward * forward.T.tocsr() if config.backward else forward
    return most_frequent(csr_array(counts, dtype=np.float32), config.followers)


def most_frequent(counts: csr_array, followers: int) -> csr_array:
    """Return the largest entries of each row, at most ``followers``; of equal ones those in the lower columns."""
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    order = np.lexsort((counts.indices, -counts.data, row))
    rank = np.arange(len(order)) - counts.indptr[row[order]]
    kept = np.sort(order[rank < followers])
    offsets = np.searchsorted(kept, counts.indptr)
    return csr_array((counts.data[kept], counts.indices[kept], offsets), shape=counts.shape)


def own_transitions(
    rows: NDArray[np.int64], users: NDArray[np.int64], config: GraphConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return the transitions that each user contributes to the counts: user, item, following item, weight; ``[P]``.

    Arguments as for :func:`transition_counts`.
    """
    parts = []
    for lag in range(1, config.window + 1):
        same = (users[lag:] == users[:-lag]) & (rows[lag:] != rows[:-lag])
        user, first, second = users[:-lag][same], rows[:-lag][same], rows[lag:][same]
        weight = config.decay ** (lag - 1)
        parts.append((user, first, second, np.full(len(user), weight, dtype=np.float32)))
        if config.backward:
            parts.append((user, second, first, np.full(len(user), weight * config.backward, dtype=np.float32)))
    user, first, second, weights = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return user, first, second, weights
