"""Completion accuracy: how often a hidden event, not used in training, is recovered from the rest of a history."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.plugins.corec_clusters import InterestClusters
from train.plugins.corec_completion import Completion
from train.plugins.plugin import EvaluationData

_TOP = 10
_SCORES_AT_ONCE = 16_777_216


class HeldOutEvents(NamedTuple):
    """One held-out event of each user that has one to hold out.

    Attributes:
        shown: all other events, including the test target, catalogue rows, oldest first.
        items: the held-out item of each user, int32 ``[users]``; it does not occur in ``shown``.
    """

    shown: list[NDArray[np.int32]]
    items: NDArray[np.int32]


def completion_metrics(
    completion: Completion, clusters: InterestClusters, counts: Tensor, data: EvaluationData, *, seed: int
) -> Mapping[str, float]:
    """Return the recall of held-out events, that of a baseline, and the share of events that can be recovered at all.

    :func:`hold_out_one` selects the held-out events, which the autoencoder was not trained on. Under leave-one-out they
    are the validation events; the model saw them only through the choice of the best epoch.

    - ``completion_recall@10``: the item is among the top ten candidates: the items of the interests in ``shown`` that
      do not occur there. Ties count as misses.
    - ``completion_baseline@10``: the same, ranking by the number of training events: the most popular items of the
      user's interests.
    - ``completion_reach``: the item is a candidate.

    Args:
        completion: the autoencoder.
        clusters: clusters of the items.
        counts: occurrences of each item in training, ``[n_items]``.
        data: the test users.
        seed: seed of the choice of held-out events.

    Returns:
        The three metrics; empty if no user has an event to hold out.
    """
    hidden = hold_out_one(data, seed)
    n_hidden = len(hidden.items)
    if not n_hidden:
        return {}
    n_recovered, n_baseline, n_reachable = 0, 0, 0
    n_users = max(1, _SCORES_AT_ONCE // len(data.table))
    for start in range(0, n_hidden, n_users):
        users = slice(start, start + n_users)
        targets = torch.from_numpy(hidden.items[users]).long().to(data.table.device)
        scores = completion_scores(completion, clusters, counts, data.table, hidden.shown[users])
        candidates = scores > -torch.inf
        n_recovered += _n_recovered(scores, candidates, targets)
        n_baseline += _n_recovered(counts.expand_as(scores), candidates, targets)
        n_reachable += int(candidates.gather(1, targets[:, None]).sum())
    return {
        "completion_recall@10": n_recovered / n_hidden,
        "completion_baseline@10": n_baseline / n_hidden,
        "completion_reach": n_reachable / n_hidden,
    }


def completion_scores(
    completion: Completion,
    clusters: InterestClusters,
    counts: Tensor,
    table: Tensor,
    histories: Sequence[NDArray[np.int32]],
) -> Tensor:
    """Return scores of all items, minus infinity outside a user's interests and for items of the history.

    Args:
        completion: the autoencoder.
        clusters: clusters of the items.
        counts: occurrences of each item in training, ``[n_items]``.
        table: item vectors, ``[n_items, dim]``.
        histories: catalogue rows; no history may be empty.

    Returns:
        ``[users, n_items]``.
    """
    lengths = np.array([len(rows) for rows in histories])
    pairs = np.stack((np.repeat(np.arange(len(histories)), lengths), np.concatenate(histories).astype(np.int64)))
    user, row = torch.from_numpy(np.unique(pairs, axis=1)).to(table.device)
    total = table.new_zeros(len(histories), table.shape[1]).index_add_(0, user, table[row])
    mean, _ = completion.posterior(total, torch.bincount(user, minlength=len(histories)))
    own = torch.zeros(len(histories), clusters.n_interests, dtype=torch.bool, device=table.device)
    own[user, clusters.label[row]] = True
    scores = completion.scores(mean, table, counts).masked_fill(~own[:, clusters.label], -torch.inf)
    scores[user, row] = -torch.inf
    return scores


def hold_out_one(data: EvaluationData, seed: int) -> HeldOutEvents:
    """Hold out one event of each user's history that was not used in training, and append the test target.

    The event is drawn from those after the first ``n_trained``, and is never the oldest, so that events precede and
    follow it. Under leave-one-out it is the validation event; for a user held out of training, any but the oldest.

    Items that occur more than once, counting the target, are not drawn: an item of the history is no candidate, so the
    event could not be recovered, and training may have used the other occurrence. Users without an eligible event are
    left out.

    Args:
        data: the test users.
        seed: seed of the draw: one number for each user, used or not, so that users are independent of each other.
    """
    draws = np.random.default_rng(seed).random(len(data.histories))
    shown, items = [], []
    for history, target, n_trained, draw in zip(data.histories, data.targets, data.n_trained, draws, strict=True):
        rows = np.append(history, target).astype(np.int32)
        _, first, count = np.unique(rows, return_index=True, return_counts=True)
        once = np.sort(first[count == 1])
        eligible = once[(once >= max(1, n_trained)) & (once < len(history))]
        if not len(eligible):
            continue
        position = eligible[int(draw * len(eligible))]
        shown.append(np.delete(rows, position))
        items.append(rows[position])
    return HeldOutEvents(shown, np.array(items, dtype=np.int32))


def _n_recovered(scores: Tensor, candidates: Tensor, targets: Tensor) -> int:
    """Count the users whose held-out item is among the top ten candidates.

    Args:
        scores: ``[users, n_items]``.
        candidates: which items are candidates, bool ``[users, n_items]``.
        targets: rows of the held-out items, int64 ``[users]``.
    """
    own = targets[:, None]
    not_worse = (candidates & (scores >= scores.gather(1, own))).sum(dim=1)
    return int((candidates.gather(1, own)[:, 0] & (not_worse <= _TOP)).sum())
