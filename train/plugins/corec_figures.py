"""Completion accuracy: is an event in the middle of a history, which training never saw, found by those around it?"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.plugins.corec_clusters import InterestClusters
from train.plugins.corec_completion import Completion
from train.plugins.plugin import Probe

_TOP = 10
_SCORES_AT_ONCE = 16_777_216


class Hidden(NamedTuple):
    """One event taken out of each user's events, of those users who have one to hide.

    Attributes:
        shown: all other events, the test target included, catalogue rows, oldest first.
        items: the row that was taken out of each, int32 ``[users]``; it does not occur in what is shown.
    """

    shown: list[NDArray[np.int32]]
    items: NDArray[np.int32]


def completion_figures(
    completion: Completion, clusters: InterestClusters, counts: Tensor, probe: Probe, *, seed: int
) -> Mapping[str, float]:
    """Return the share of hidden events found, that of a baseline, and the share that could be found at all.

    What is hidden, and of whom, says :func:`hide_one`: events that the autoencoder never learnt. Under leave-one-out
    they are those of validation, by which the best epoch was chosen; that is all that the model knows of them.

    - ``completion_recall@10``: the item is among the ten best of the items that belong to the interests of what is
      shown and do not occur there; ties count against us.
    - ``completion_baseline@10``: the same with an item's number of training events as its score: the most popular
      of the user's interests.
    - ``completion_reach``: it belongs to those interests.

    Args:
        completion: the autoencoder.
        clusters: of the items.
        counts: how often each item occurs in training, ``[n_items]``.
        probe: the test users.
        seed: of the events that are hidden.

    Returns:
        The three figures; none where no user has an event to hide.
    """
    hidden = hide_one(probe, seed)
    n_hidden = len(hidden.items)
    if not n_hidden:
        return {}
    found, popular, reachable = 0, 0, 0
    n_users = max(1, _SCORES_AT_ONCE // len(probe.table))
    for start in range(0, n_hidden, n_users):
        users = slice(start, start + n_users)
        wanted = torch.from_numpy(hidden.items[users]).long().to(probe.table.device)
        scores = completion_scores(completion, clusters, counts, probe.table, hidden.shown[users])
        candidates = scores > -torch.inf
        found += _n_found(scores, candidates, wanted)
        popular += _n_found(counts.expand_as(scores), candidates, wanted)
        reachable += int(candidates.gather(1, wanted[:, None]).sum())
    return {
        "completion_recall@10": found / n_hidden,
        "completion_baseline@10": popular / n_hidden,
        "completion_reach": reachable / n_hidden,
    }


def completion_scores(
    completion: Completion,
    clusters: InterestClusters,
    counts: Tensor,
    table: Tensor,
    histories: Sequence[NDArray[np.int32]],
) -> Tensor:
    """Return scores of all items, minus infinity outside of a user's interests and for what is there already.

    Args:
        completion: the autoencoder.
        clusters: of the items.
        counts: how often each item occurs in training, ``[n_items]``.
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
    scores = completion.scores(mean, table, counts).masked_fill(~own[:, clusters.label], -torch.inf)
    scores[user, row] = -torch.inf
    return scores


def hide_one(probe: Probe, seed: int) -> Hidden:
    """Take one event out of each user's history that training has not learnt from, and show the test target behind it.

    The event is drawn among those behind the first ``n_trained``, and never the oldest: so there is something before
    it, and the target, at least, after it. Under leave-one-out it is the validation event; of a user held out of
    training, any but the oldest.

    An item that occurs again, in the history or as the target, is not drawn: what a user has already is not completed,
    so it would be a sure miss, and where training saw the other event it was learnt besides. Users who have no event to
    draw are left out.

    Args:
        probe: the test users.
        seed: of the draw: one number for each user, used or not, so that users do not depend on each other.
    """
    draws = np.random.default_rng(seed).random(len(probe.histories))
    shown, items = [], []
    for history, target, n_trained, draw in zip(probe.histories, probe.targets, probe.n_trained, draws, strict=True):
        rows = np.append(history, target).astype(np.int32)
        _, first, count = np.unique(rows, return_index=True, return_counts=True)
        once = np.sort(first[count == 1])
        places = once[(once >= max(1, n_trained)) & (once < len(history))]
        if not len(places):
            continue
        place = places[int(draw * len(places))]
        shown.append(np.delete(rows, place))
        items.append(rows[place])
    return Hidden(shown, np.array(items, dtype=np.int32))


def _n_found(scores: Tensor, candidates: Tensor, wanted: Tensor) -> int:
    """Return for how many users the item wanted is a candidate, and among the ten best of them.

    Args:
        scores: ``[users, n_items]``.
        candidates: which items compete, bool ``[users, n_items]``.
        wanted: rows, int64 ``[users]``.
    """
    own = wanted[:, None]
    not_worse = (candidates & (scores >= scores.gather(1, own))).sum(dim=1)
    return int((candidates.gather(1, own)[:, 0] & (not_worse <= _TOP)).sum())
