"""Comparisons between the users of a batch: their items, positives and negatives, and the weights of the two losses."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.sequences import Sequences


class BatchItems(NamedTuple):
    """The distinct items of a batch, and which users interacted with them.

    Attributes:
        rows: catalogue rows, ascending, int64 ``[items]``.
        interactions: bool ``[users, items]``.
    """

    rows: Tensor
    interactions: Tensor


def batch_items(histories: Tensor, mask: Tensor, others: Tensor) -> BatchItems:
    """Return the distinct items of the histories and of ``others``.

    Args:
        histories: int64 ``[users, length]``.
        mask: 1 for an event, ``[users, length]``.
        others: additional rows, such as sampled negatives, int64 ``[n]``.
    """
    user, position = mask.nonzero(as_tuple=True)
    rows, index = torch.unique(torch.cat([histories[user, position], others]), return_inverse=True)
    interactions = torch.zeros(len(histories), len(rows), dtype=torch.bool, device=rows.device)
    interactions[user, index[: len(user)]] = True
    return BatchItems(rows, interactions)


def candidate_chance(counts: Tensor, n_events: Tensor, n_sampled: int) -> Tensor:
    r"""Return the probability that an item is a candidate in a training step, ``[n_items]``, in (0, 1].

    .. math:: q_j = 1 - \Bigl(1 - \frac{n_j}{\sum_k n_k}\Bigr)^{B} \Bigl(1 - \frac1K\Bigr)^{S}

    for ``B`` events of a batch, drawn in proportion to the counts of the training events, and ``S`` items drawn
    uniformly from the ``K`` items that occur in training.

    Args:
        counts: ``n_j``, occurrences of each item in training, at least one of them above 0, ``[n_items]``.
        n_events: ``B``, a scalar.
        n_sampled: ``S``, at least 1.
    """
    counts = counts.float()  # not all accelerators support float64
    # Log probabilities of not being drawn, clamped: with a single item they would be minus infinity.
    by_users = n_events * torch.log1p(-counts / counts.sum()).clamp(min=-1e30)
    by_draw = n_sampled * torch.log1p(-1.0 / (counts > 0).sum())
    return -torch.expm1(by_users + by_draw)


def interest_counts(interactions: Tensor, label: Tensor, n_interests: int) -> Tensor:
    """Return the number of items of each interest for each user, ``[users, n_interests]``.

    Args:
        interactions: bool ``[users, items]``.
        label: the interest of each of these items, int64 ``[items]``.
        n_interests: number of interests.
    """
    return interactions.float() @ F.one_hot(label, n_interests).float()


def dominant_interest(counts: Tensor) -> Tensor:
    """Return the interest that more than half of a user's items belong to, or -1, int64 ``[users]``."""
    most = counts.max(dim=1)
    return torch.where(most.values > counts.sum(dim=1) / 2, most.indices, -1)


def overlap(interactions: Tensor) -> Tensor:
    r"""Return the overlap coefficient of the items of each two users, in [0, 1], ``[users, users]``.

    .. math::
        \frac{|H_u \cap H_v|}{\min(|H_u|, |H_v|)}

    It is 0 for a user without items.
    """
    items = interactions.float()
    count = items.sum(dim=1)
    return (items @ items.T) / torch.minimum(count[:, None], count).clamp(min=1)


def contrast_masks(next_item: Tensor, dominant: Tensor, shared: Tensor, *, threshold: float) -> tuple[Tensor, Tensor]:
    """Return which users are positives, and which are candidates, of each user, both bool ``[users, users]``.

    Positives are the user itself, users with the same next item and users with the same dominant interest. Other users
    with a high overlap would be false negatives: they are neither positives nor candidates.

    Args:
        next_item: row of each user's next item, int64 ``[users]``.
        dominant: result of :func:`dominant_interest`.
        shared: result of :func:`overlap`.
        threshold: minimum overlap of a false negative.
    """
    same_user = torch.eye(len(next_item), dtype=torch.bool, device=next_item.device)
    same_interest = (dominant[:, None] == dominant) & (dominant >= 0)
    positives = same_user | (next_item[:, None] == next_item) | same_interest
    return positives, positives | (shared < threshold)


def evidence(n_items: Tensor, n_interests: Tensor) -> Tensor:
    """Return how much data there is for a user, length times density, in the shape of the arguments.

    Length is the number ``n`` of the user's items, density the number ``n / c`` of items for each of the ``c``
    interests among them. Without items it is 0.
    """
    return n_items * n_items / n_interests.clamp(min=1)


def user_contrast_weight(known: Tensor, pivot: Tensor | float) -> Tensor:
    r"""Return the weight of the contrast, in [0, 2), increasing with ``known``; that of reconstruction is 2 minus it.

    .. math::
        w_c(u) = \frac{2 e_u}{e_u + e_0}, \qquad w_r(u) = 2 - w_c(u)

    The description of CoRec says that sparse users rely on reconstruction, dense ones on contrast; the formula is ours.

    Args:
        known: ``e_u``, result of :func:`evidence`.
        pivot: ``e_0``, the evidence at which both weigh 1; above 0.
    """
    return 2.0 * known / (known + pivot)


def median_evidence(train: Sequences, label: Tensor) -> float:
    """Return the median evidence over users with events."""
    users, n_labels = train.users(), int(label.max()) + 1
    items = np.unique(np.stack((users, train.rows.astype(np.int64))), axis=1)
    interests = np.unique(items[0] * n_labels + label.numpy()[items[1]]) // n_labels
    n_items, n_interests = np.bincount(items[0], minlength=len(train)), np.bincount(interests, minlength=len(train))
    values = evidence(torch.from_numpy(n_items), torch.from_numpy(n_interests))
    return float(values[torch.from_numpy(n_items > 0)].median())
