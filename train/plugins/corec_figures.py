"""Completion accuracy: is an event that was taken out of the middle of a history found again?"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.plugins.corec_clusters import InterestClusters
from train.plugins.corec_completion import Completion
from train.plugins.plugin import Probe

_TOP = 10
_SCORES_AT_ONCE = 16_777_216


def completion_figures(
    completion: Completion, clusters: InterestClusters, probe: Probe, *, seed: int
) -> Mapping[str, float]:
    """Return the share of hidden events found, and the share that could be found at all.

    Of each user with three events or more, one that is neither the oldest nor the newest is drawn from the seed, and
    all events of its item are taken out. ``completion_recall@10``: the item is among the ten best of the items that
    belong to the interests of what is left and do not occur there; ties count against us. ``completion_reach``: it
    belongs to those interests.

    Returns:
        Both figures; none where no user has an event to hide.
    """
    left, hidden = hide_one(probe.histories, seed)
    if not left:
        return {}
    found, reachable = 0, 0
    n_users = max(1, _SCORES_AT_ONCE // len(probe.table))
    for start in range(0, len(left), n_users):
        users = slice(start, start + n_users)
        wanted = torch.from_numpy(hidden[users]).long().to(probe.table.device)
        scores = completion_scores(completion, clusters, probe.table, left[users])
        own = scores.gather(1, wanted[:, None])
        reached = own[:, 0] > -torch.inf
        found += int((reached & ((scores >= own).sum(dim=1) <= _TOP)).sum())
        reachable += int(reached.sum())
    return {"completion_recall@10": found / len(left), "completion_reach": reachable / len(left)}


def completion_scores(
    completion: Completion, clusters: InterestClusters, table: Tensor, histories: Sequence[NDArray[np.int32]]
) -> Tensor:
    """Return scores of all items, minus infinity outside of a user's interests and for what is there already.

    Args:
        completion: the autoencoder.
        clusters: of the items.
        table: item vectors, ``[n_items, dim]``.
        histories: catalogue rows; none of them empty.

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
    scores = (completion.queries(mean) @ table.T).masked_fill(~own[:, clusters.label], -torch.inf)
    scores[user, row] = -torch.inf
    return scores


def hide_one(histories: Sequence[NDArray[np.int32]], seed: int) -> tuple[list[NDArray[np.int32]], NDArray[np.int32]]:
    """Return what is left of each history and the item taken out of it, of those histories that have one to hide."""
    random = np.random.default_rng(seed)
    left, hidden = [], []
    for rows in histories:
        # Drawn for everybody, so that one user's draw does not depend on the others' lengths.
        share = random.random()
        if len(rows) < 3:
            continue
        item = rows[1 + int(share * (len(rows) - 2))]
        if (rows != item).any():
            left.append(rows[rows != item])
            hidden.append(item)
    return left, np.array(hidden, dtype=np.int32)
