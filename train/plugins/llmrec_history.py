r"""The text vector of a history: a mean of its events' frozen vectors with exponential recency weights.

.. math::
    u_t = \frac{\sum_{i \le t} m_i\, \gamma^{\,c_t - c_i}\, s_i}{\sum_{i \le t} m_i\, \gamma^{\,c_t - c_i}},
    \qquad c_t = \sum_{j \le t} m_j

with ``s_i`` the frozen vector of event ``i``, ``m_i`` its mask, and ``gamma`` the decay: an event weighs ``gamma``
times the next newer one. It approximates encoding the text of every prefix of every history, which is too expensive
for training and for phones; :mod:`train.items.language` has that exact form, and
``python -m benchmarks.history_text`` compares how well they retrieve the next item. Nothing here is trained.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


def recency_weights(counts: Tensor, decay: float, positions: int) -> Tensor:
    """Return the weight of each event at each of the newest positions, ``[batch, positions, length]``.

    The weights of a position sum to 1, or are all 0 if no event up to it counts.

    Args:
        counts: 1 for an event that counts, else 0, ``[batch, length]``, oldest first.
        decay: gamma, in (0, 1].
        positions: number of newest positions.
    """
    length = counts.shape[1]
    order = counts.cumsum(1)
    at = torch.arange(length - positions, length, device=counts.device)
    reached = torch.arange(length, device=counts.device) <= at[:, None]
    age = (order[:, at, None] - order[:, None, :]).clamp(min=0.0)
    weights = decay**age * counts[:, None, :] * reached
    # The newest event that counts weighs 1, so a sum below 1 is 0.
    return weights / weights.sum(2, keepdim=True).clamp(min=1.0)


def recency_means(vectors: Tensor, rows: Tensor, counts: Tensor, decay: float, positions: int) -> Tensor:
    """Return the mean at each of the newest positions, ``[batch, positions, width]``; zeros where no event counts.

    Args:
        vectors: item vectors, ``[n_items, width]``.
        rows: the events, int64 ``[batch, length]``.
        counts: as for :func:`recency_weights`.
        decay: gamma.
        positions: number of newest positions.
    """
    return torch.bmm(recency_weights(counts, decay, positions), F.embedding(rows, vectors))


def newest_means(vectors: Tensor, rows: Tensor, counts: Tensor, decay: float) -> Tensor:
    """Return :func:`recency_means` at the newest position, ``[batch, width]``, without gathering the vectors."""
    weights = recency_weights(counts, decay, 1)[:, 0]
    return F.embedding_bag(rows, vectors, per_sample_weights=weights, mode="sum")


class EventsBefore(NamedTuple):
    """The events that precede each of ``n`` targets in the history of its user.

    Attributes:
        kept: which of the given targets these are, as indices, int64 ``[n]``.
        rows: the user's events, int64 ``[n, length]``.
        counts: 1 for an event before the target that counts, else 0, float32 ``[n, length]``; never all 0.
    """

    kept: Tensor
    rows: Tensor
    counts: Tensor


def before_targets(users: Tensor, targets: Tensor, histories: Tensor, mask: Tensor, counts: Tensor) -> EventsBefore:
    """Return the events before each target; targets without such events, or with an ambiguous position, are left out.

    Backbones choose targets in different ways (next item, cloze, a later item), so the position of a target is looked
    up in the history. Items that occur there more than once are left out.

    Args:
        users: index of the history of each target, int64 ``[R]``.
        targets: catalogue rows, int64 ``[R]``.
        histories: int64 ``[users, length]``.
        mask: 1 for an event, float32 ``[users, length]``.
        counts: 1 for an event with a text, at most ``mask``.
    """
    rows = histories[users]
    occurrences = (rows == targets[:, None]) & (mask[users] > 0)
    position = occurrences.long().argmax(1, keepdim=True)
    earlier = counts[users] * (torch.arange(rows.shape[1], device=rows.device) < position)
    kept = ((occurrences.sum(1) == 1) & (earlier > 0).any(1)).nonzero()[:, 0]
    return EventsBefore(kept, rows[kept], earlier[kept])
