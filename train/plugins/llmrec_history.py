r"""What a history says, as one vector: a mean of its events' frozen vectors in which newer events weigh more.

.. math::
    u_t = \frac{\sum_{i \le t} m_i\, \gamma^{\,c_t - c_i}\, s_i}{\sum_{i \le t} m_i\, \gamma^{\,c_t - c_i}},
    \qquad c_t = \sum_{j \le t} m_j

with ``s_i`` the frozen vector of event ``i``, ``m_i`` whether it counts, and ``gamma`` the decay: an event weighs
``gamma`` times what the next newer one does. It stands in for encoding the text of every prefix of every history, which
no training can afford and no phone can run; :mod:`train.items.language` has that exact form, and
``python -m benchmarks.history_text`` measures which of them finds the next item. Nothing here is learnt.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


def recency_weights(counts: Tensor, decay: float, positions: int) -> Tensor:
    """Return how much each event weighs in the mean at each of the newest positions, ``[batch, positions, length]``.

    The weights of a position sum to 1, or are all 0 where no event up to it counts.

    Args:
        counts: 1 for an event that counts, else 0, ``[batch, length]``, oldest first.
        decay: gamma, in (0, 1].
        positions: how many, the last one being the newest.
    """
    length = counts.shape[1]
    order = counts.cumsum(1)
    at = torch.arange(length - positions, length, device=counts.device)
    reached = torch.arange(length, device=counts.device) <= at[:, None]
    age = (order[:, at, None] - order[:, None, :]).clamp(min=0.0)
    weights = decay**age * counts[:, None, :] * reached
    # The newest event that counts weighs 1, so a sum below 1 is a sum of nothing.
    return weights / weights.sum(2, keepdim=True).clamp(min=1.0)


def recency_means(vectors: Tensor, rows: Tensor, counts: Tensor, decay: float, positions: int) -> Tensor:
    """Return the mean at each of the newest positions, ``[batch, positions, width]``; zeros where nothing counts.

    Args:
        vectors: of every item, ``[n_items, width]``.
        rows: the events, int64 ``[batch, length]``.
        counts: as for :func:`recency_weights`.
        decay: gamma.
        positions: how many, the last one being the newest.
    """
    return torch.bmm(recency_weights(counts, decay, positions), F.embedding(rows, vectors))


def newest_means(vectors: Tensor, rows: Tensor, counts: Tensor, decay: float) -> Tensor:
    """Return what :func:`recency_means` gives at the newest position, ``[batch, width]``, without a gathered copy."""
    weights = recency_weights(counts, decay, 1)[:, 0]
    return F.embedding_bag(rows, vectors, per_sample_weights=weights, mode="sum")


class Before(NamedTuple):
    """What a user did before an event, for each of ``n`` events.

    Attributes:
        asked: which of the targets given, int64 ``[n]``.
        rows: the user's events, int64 ``[n, length]``.
        counts: 1 for an event before the target that counts, else 0, float32 ``[n, length]``; never all 0.
    """

    asked: Tensor
    rows: Tensor
    counts: Tensor


def before_targets(users: Tensor, targets: Tensor, histories: Tensor, mask: Tensor, counts: Tensor) -> Before:
    """Return what came before each target, leaving out targets before which nothing, or one cannot tell what, came.

    A backbone may ask for its targets in any way (the next event, a cloze, an event farther on), so the place of a
    target is looked up in the history. One that occurs there more than once is left out.

    Args:
        users: which history each target belongs to, int64 ``[R]``.
        targets: catalogue rows, int64 ``[R]``.
        histories: int64 ``[users, length]``.
        mask: 1 for an event, float32 ``[users, length]``.
        counts: 1 for an event that says something, at most ``mask``.
    """
    rows = histories[users]
    found = (rows == targets[:, None]) & (mask[users] > 0)
    place = found.long().argmax(1, keepdim=True)
    earlier = counts[users] * (torch.arange(rows.shape[1], device=rows.device) < place)
    asked = ((found.sum(1) == 1) & (earlier > 0).any(1)).nonzero()[:, 0]
    return Before(asked, rows[asked], earlier[asked])
