"""Chooses how often new items follow others, on validation events of known items that are treated as new.

A tenth of the items that had events loses all of them. New items that follow others take places of known ones, so the
value is chosen that ranks the targets among the hidden items best while the other targets lose at most 2 % of their
NDCG@10 (:data:`MAX_COST`). The best mean of both would be cautious: an item that is never shown never gets an event.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from train.data.sequences import Sequences
from train.data.split import Targets
from train.metrics.ranking import BATCH_USERS, excluded_ranks, ndcg
from train.transitions.comparing import is_better
from train.transitions.expert import ExpertConfig, Queries, Similarities, TransitionsExpert
from train.transitions.graph import transition_counts

SHARES: Final = (0.0, 0.1, 0.25, 0.5, 1.0)
MAX_COST: Final = 0.02
"""Largest share of NDCG@10 of the known items' targets that the new items may cost."""

_HIDDEN: Final = 0.1


def choose_new_items(
    train: Sequences,
    valid: Targets,
    n_items: int,
    similar: Similarities,
    config: ExpertConfig,
    *,
    seed: int,
    max_users: int,
) -> float:
    """Return the value of ``config.new_items`` to rank with.

    Args:
        train: training events.
        valid: validation targets.
        n_items: number of items.
        similar: vectors that items are compared by.
        config: the other settings.
        seed: random seed of the hidden items and the sample of users.
        max_users: largest number of users to rank; half of them have a hidden target if there are so many.

    Returns:
        The default if there are no vectors or no hidden targets to choose by.
    """
    random = np.random.default_rng(seed)
    seen = np.unique(train.rows)
    hidden = np.zeros(n_items, dtype=np.bool_)
    hidden[random.permutation(seen)[: int(_HIDDEN * len(seen))]] = True
    is_hidden = hidden[valid.rows]
    if similar.compared is None or not is_hidden.any() or is_hidden.all():
        return config.new_items
    kept = train.keep(~hidden[train.rows])
    counts = transition_counts(kept.rows, kept.users(), n_items, config.graph)
    experts = [TransitionsExpert(counts, replace(config, new_items=share), similar) for share in SHARES]
    gains_new, gains_known = (
        _gains(experts, valid, np.sort(random.permutation(np.flatnonzero(group))[: max_users // 2]), hidden)
        for group in (is_hidden, ~is_hidden)
    )
    known = gains_known.mean(axis=1)
    affordable = known >= (1.0 - MAX_COST) * known[0]
    best = int(np.where(affordable, gains_new.mean(axis=1), -1.0).argmax())
    return SHARES[best] if is_better(gains_new[best], gains_new[0]) else 0.0


def _gains(
    experts: list[TransitionsExpert], valid: Targets, users: NDArray[np.int64], hidden: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return NDCG@10 of each expert and user, ``[experts, n]``; the histories are without the hidden items."""
    parts = []
    for start in range(0, len(users), BATCH_USERS):
        batch = users[start : start + BATCH_USERS]
        histories = [history[~hidden[history]] for history in map(valid.history, batch.tolist())]
        queries, targets = Queries.of(histories), valid.rows[batch]
        scores = (torch.from_numpy(expert.log_scores(queries)) for expert in experts)
        parts.append(np.stack([ndcg(excluded_ranks(each, histories, targets), 10) for each in scores]))
    return np.concatenate(parts, axis=1)
