"""The weight of the expert beside a model: NDCG@10 on validation events for several weights."""

from collections.abc import Sequence

import numpy as np
import torch

from train.data.split import Targets
from train.metrics.ranking import BATCH_USERS, Score, excluded_ranks, ndcg
from train.transitions.expert import Queries, TransitionsExpert

WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0)
"""Weights of the expert's log-scores that are compared."""


def ndcg_by_weight(
    expert: TransitionsExpert, scores: Score, valid: Targets, weights: Sequence[float] = WEIGHTS
) -> list[float]:
    """Return NDCG@10, history excluded, of a model's scores plus the expert's log-scores with each weight.

    All are 0 if there are no targets. ``scores`` maps indices of targets to the model's scores, ``[users, n_items]``.
    """
    gains = np.zeros(len(weights))
    for start in range(0, len(valid), BATCH_USERS):
        users = np.arange(start, min(start + BATCH_USERS, len(valid)))
        histories = [valid.history(int(user)) for user in users]
        plain = torch.as_tensor(scores(users))
        added = torch.from_numpy(expert.log_scores(Queries.of(histories))).to(plain.device)
        for index, weight in enumerate(weights):
            mixed = torch.add(plain, added, alpha=weight)
            gains[index] += ndcg(excluded_ranks(mixed, histories, valid.rows[users]), 10).sum()
    return [float(gain) for gain in gains / max(len(valid), 1)]
