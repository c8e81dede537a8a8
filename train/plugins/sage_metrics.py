"""Metrics of SAGE for recommended lists: redundancy, intra-list distance and coverage of the catalogue."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.loop.batches import pad
from train.metrics.lists import PADDING, Lists, Vectors, coverage, intra_list_distance, top_lists
from train.metrics.ranking import BATCH_USERS
from train.objectives.redundancy import redundancy
from train.plugins.plugin import EvaluationData


@torch.no_grad()
def sage_metrics(data: EvaluationData, text: Vectors, k: int) -> Mapping[str, float]:
    """Return the metrics of lists of ``k``, history excluded.

    ``div@k`` is the mean intra-list distance, 1 - cosine in text space; ``coverage@k`` the share of the catalogue that
    occurs in any list; ``redundancy@k`` that of :mod:`train.objectives.redundancy`, 1 for ``k`` copies of one item.

    Args:
        data: the test users.
        text: unit vectors ``[n_items, width]``.
        k: length of a list.
    """
    lists = _lists(data, k)
    metrics = {f"coverage@{k}": coverage(lists, len(data.table))}
    distances = intra_list_distance(lists, text)
    if not np.isnan(distances).all():
        metrics[f"div@{k}"] = float(np.nanmean(distances))
    whole = lists[(lists != PADDING).all(axis=1)]
    if len(whole):
        metrics[f"redundancy@{k}"] = float(np.mean(list_redundancy(whole, text)))
    return metrics


def list_redundancy(lists: Lists, text: Vectors) -> NDArray[np.float64]:
    """Return the redundancy of complete lists, ``[U]``."""
    parts = []
    for start in range(0, len(lists), BATCH_USERS):
        directions = torch.from_numpy(text[lists[start : start + BATCH_USERS]])
        parts.append(redundancy(torch.ones(directions.shape[:2]), directions, lists.shape[1]).double().numpy())
    return np.concatenate(parts)


def _lists(data: EvaluationData, k: int) -> Lists:
    def score(users: NDArray[np.int64]) -> Tensor:
        rows, mask = pad([data.histories[user] for user in users])
        states = data.user_states(rows.to(data.table.device), mask.to(data.table.device))
        return states @ data.table.T

    lists, _ = top_lists(score, data.histories, len(data.table), k)
    return lists
