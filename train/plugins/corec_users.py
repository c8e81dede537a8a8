"""Users of a batch beside each other: what they had, who is alike, and how each weighs contrast and reconstruction."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from train.data.sequences import Sequences


class BatchItems(NamedTuple):
    """The items of a batch, each once, and who had which.

    Attributes:
        rows: of the catalogue, ascending, int64 ``[items]``.
        had: bool ``[users, items]``.
    """

    rows: Tensor
    had: Tensor


def batch_items(histories: Tensor, mask: Tensor, others: Tensor) -> BatchItems:
    """Return the items of the histories, and beside them others that nobody needs to have had.

    Args:
        histories: int64 ``[users, length]``.
        mask: 1 for an event, ``[users, length]``.
        others: more rows, int64 ``[n]``.
    """
    user, place = mask.nonzero(as_tuple=True)
    rows, index = torch.unique(torch.cat([histories[user, place], others]), return_inverse=True)
    had = torch.zeros(len(histories), len(rows), dtype=torch.bool, device=rows.device)
    had[user, index[: len(user)]] = True
    return BatchItems(rows, had)


def candidate_chance(counts: Tensor, n_events: Tensor, n_sampled: int) -> Tensor:
    r"""Return how likely each item is to be among the items of a step, ``[n_items]``, in (0, 1].

    .. math:: q_j = 1 - \Bigl(1 - \frac{n_j}{\sum_k n_k}\Bigr)^{B} \Bigl(1 - \frac1K\Bigr)^{S}

    for ``B`` events of a batch, each the item ``j`` as often as in the whole log, and ``S`` items drawn uniformly from
    the ``K`` known ones.

    Args:
        counts: ``n_j``, how often each item occurs in training, at least one of them, ``[n_items]``.
        n_events: ``B``, a scalar.
        n_sampled: ``S``, at least 1.
    """
    counts = counts.float()  # not all accelerators have longer ones
    # Logarithms of the chances to be missed; finite where there is one item alone, so that no event misses nothing.
    by_users = n_events * torch.log1p(-counts / counts.sum()).clamp(min=-1e30)
    by_draw = n_sampled * torch.log1p(-1.0 / (counts > 0).sum())
    return -torch.expm1(by_users + by_draw)


def interest_counts(had: Tensor, label: Tensor, n_interests: int) -> Tensor:
    """Return how many items of each interest each user had, ``[users, n_interests]``.

    Args:
        had: bool ``[users, items]``.
        label: the interest of each of these items, int64 ``[items]``.
        n_interests: how many there are.
    """
    return had.float() @ F.one_hot(label, n_interests).float()


def dominant_interest(counts: Tensor) -> Tensor:
    """Return the interest of more than half of each user's items, -1 where there is none, int64 ``[users]``."""
    most = counts.max(dim=1)
    return torch.where(most.values > counts.sum(dim=1) / 2, most.indices, -1)


def overlap(had: Tensor) -> Tensor:
    r"""Return how far each two users had the same, in [0, 1], ``[users, users]``.

    .. math::
        \frac{|H_u \cap H_v|}{\min(|H_u|, |H_v|)}

    0 with somebody who had nothing.
    """
    items = had.float()
    count = items.sum(dim=1)
    return (items @ items.T) / torch.minimum(count[:, None], count).clamp(min=1)


def alike(next_item: Tensor, dominant: Tensor, shared: Tensor, *, threshold: float) -> tuple[Tensor, Tensor]:
    """Return who is a positive of whom, and who may be compared at all, both bool ``[users, users]``.

    Positives are the user, users with the same next item and users with the same dominant interest. Of the others,
    those who had too much in common are false negatives: they are neither positives nor candidates.

    Args:
        next_item: int64 ``[users]``.
        dominant: see :func:`dominant_interest`.
        shared: see :func:`overlap`.
        threshold: the overlap from which a negative would be a false one.
    """
    oneself = torch.eye(len(next_item), dtype=torch.bool, device=next_item.device)
    same_interest = (dominant[:, None] == dominant) & (dominant >= 0)
    positives = oneself | (next_item[:, None] == next_item) | same_interest
    return positives, positives | (shared < threshold)


def evidence(n_items: Tensor, n_interests: Tensor) -> Tensor:
    """Return how much is known of a user: length times density, of the same shape.

    Length is the number of items ``n`` that the user had, density ``n / c`` the number of items for each of the ``c``
    interests among them. 0 where nothing is known.
    """
    return n_items * n_items / n_interests.clamp(min=1)


def contrast_share(known: Tensor, pivot: Tensor | float) -> Tensor:
    r"""Return the weight of contrast, in [0, 2), smooth and rising; the weight of reconstruction is ``2`` minus it.

    .. math::
        w_c(u) = \frac{2 e_u}{e_u + e_0}, \qquad w_r(u) = 2 - w_c(u)

    After the description of CoRec (sparse users lean on reconstruction, dense ones on contrast); the formula is ours.

    Args:
        known: ``e_u``, see :func:`evidence`.
        pivot: ``e_0``, the evidence at which both weigh 1; more than 0.
    """
    return 2.0 * known / (known + pivot)


def median_evidence(train: Sequences, label: Tensor) -> float:
    """Return the evidence of the median user of those with events."""
    users, n_labels = train.users(), int(label.max()) + 1
    items = np.unique(np.stack((users, train.rows.astype(np.int64))), axis=1)
    interests = np.unique(items[0] * n_labels + label.numpy()[items[1]]) // n_labels
    n_items, n_interests = np.bincount(items[0], minlength=len(train)), np.bincount(interests, minlength=len(train))
    found = evidence(torch.from_numpy(n_items), torch.from_numpy(n_interests))
    return float(found[torch.from_numpy(n_items > 0)].median())
