"""Chooses how often new items follow others, on validation events of known items that are treated as new.

A tenth of the items that had events loses all of them. New items that follow others take places of known ones, so the
value is chosen that ranks the targets among the hidden items best while the other targets lose at most 2 % of their
NDCG@10 (:data:`MAX_COST`). The best mean of both would be cautious: an item that is never shown never gets an event.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from train.data.sequences import Sequences
from train.data.split import Targets
from train.metrics.ranking import BATCH_USERS, Score, excluded_ranks, ndcg
from train.transitions.comparing import is_better
from train.transitions.expert import ExpertConfig, Queries, Similarities, TransitionsExpert
from train.transitions.graph import transition_counts

SHARES: Final = (0.0, 0.1, 0.25, 0.5, 1.0)
MAX_COST: Final = 0.02
"""Largest share of NDCG@10 of the known items' targets that the new items may cost."""

_HIDDEN: Final = 0.1


@dataclass(frozen=True, slots=True)
class Beside:
    """A model that the expert is mixed with.

    Attributes:
        scores: maps the items that are treated as new, bool ``[n_items]``, to the model's scores of validation users.
        weight: weight of the expert's log-scores.
    """

    scores: Callable[[NDArray[np.bool_]], Score]
    weight: float


def choose_new_items(
    train: Sequences,
    valid: Targets,
    n_items: int,
    similar: Similarities,
    config: ExpertConfig,
    *,
    seed: int,
    max_users: int,
    beside: Beside | None = None,
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
        beside: model whose scores the expert's are added to; None if it ranks alone.

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
    scores = None if beside is None else beside.scores(hidden)
    weight = 1.0 if beside is None else beside.weight

    def score(expert: TransitionsExpert, users: NDArray[np.int64], queries: Queries) -> torch.Tensor:
        added = torch.from_numpy(expert.log_scores(queries))
        return added if scores is None else torch.as_tensor(scores(users)).cpu().add(added, alpha=weight)

    gains_new, gains_known = (
        _gains(
            [partial(score, expert) for expert in experts],
            valid,
            np.sort(random.permutation(np.flatnonzero(group))[: max_users // 2]),
            hidden,
        )
        for group in (is_hidden, ~is_hidden)
    )
    known = gains_known.mean(axis=1)
    affordable = known >= (1.0 - MAX_COST) * known[0]
    best = int(np.where(affordable, gains_new.mean(axis=1), -1.0).argmax())
    return SHARES[best] if is_better(gains_new[best], gains_new[0]) else 0.0


def _gains(
    rankers: Sequence[Callable[[NDArray[np.int64], Queries], torch.Tensor]],
    valid: Targets,
    users: NDArray[np.int64],
    hidden: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return NDCG@10 of each ranker and user, ``[rankers, n]``; the expert's histories are without hidden items."""
    parts = []
    for start in range(0, len(users), BATCH_USERS):
        batch = users[start : start + BATCH_USERS]
        histories = [valid.history(int(user)) for user in batch]
        queries, targets = Queries.of([history[~hidden[history]] for history in histories]), valid.rows[batch]
        scores = (ranker(batch, queries) for ranker in rankers)
        parts.append(np.stack([ndcg(excluded_ranks(each, histories, targets), 10) for each in scores]))
    return np.concatenate(parts, axis=1)
