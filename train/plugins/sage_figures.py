"""What SAGE promises of the lists that are shown: little repetition, and much of the catalogue seen."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.loop.batches import pad
from train.metrics.lists import NOTHING, Lists, Vectors, coverage, intra_list_distance, top_lists
from train.metrics.ranking import BATCH_USERS
from train.objectives.redundancy import redundancy
from train.plugins.plugin import Probe


@torch.no_grad()
def figures(probe: Probe, text: Vectors, k: int) -> Mapping[str, float]:
    """Return the figures of lists of ``k``, the history excluded.

    ``div@k`` is the mean distance of pairs, 1 - cosine in text space; ``coverage@k`` the share of the catalogue that
    anybody is shown; ``redundancy@k`` that of :mod:`train.objectives.redundancy`, 1 for ``k`` copies of one item.

    Args:
        probe: whose lists.
        text: unit vectors ``[n_items, width]``.
        k: length of a list.
    """
    lists = _lists(probe, k)
    found = {f"coverage@{k}": coverage(lists, len(probe.table))}
    distances = intra_list_distance(lists, text)
    if not np.isnan(distances).all():
        found[f"div@{k}"] = float(np.nanmean(distances))
    whole = lists[(lists != NOTHING).all(axis=1)]
    if len(whole):
        found[f"redundancy@{k}"] = float(np.mean(list_redundancy(whole, text)))
    return found


def list_redundancy(lists: Lists, text: Vectors) -> NDArray[np.float64]:
    """Return the redundancy of whole lists, ``[U]``."""
    parts = []
    for start in range(0, len(lists), BATCH_USERS):
        directions = torch.from_numpy(text[lists[start : start + BATCH_USERS]])
        parts.append(redundancy(torch.ones(directions.shape[:2]), directions, lists.shape[1]).double().numpy())
    return np.concatenate(parts)


def _lists(probe: Probe, k: int) -> Lists:
    def score(users: NDArray[np.int64]) -> Tensor:
        rows, mask = pad([probe.histories[user] for user in users])
        states = probe.user_states(rows.to(probe.table.device), mask.to(probe.table.device))
        return states @ probe.table.T

    lists, _ = top_lists(score, probe.histories, len(probe.table), k)
    return lists
