"""Retrieval of next items by the semantic space alone, without collaborative signal."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.loop.batches import pad
from train.metrics.ranking import rank_targets, recall
from train.objectives.contrast import directions
from train.plugins.llmrec_history import newest_means
from train.plugins.llmrec_space import SemanticSpace
from train.plugins.plugin import EvaluationData

_BATCH_USERS = 512
# Older events weigh almost nothing at any usual decay.
_NEWEST = 50


def retrieval_metrics(space: SemanticSpace, data: EvaluationData, decay: float) -> dict[str, float]:
    """Return cosines and Recall@10 of histories to next items, among all items outside the history.

    ``aligned`` uses the learned projections, ``frozen`` the whitened text vectors: the difference is the effect of
    training. ``cosine_to_any`` is the mean cosine to all items, for comparison with ``cosine``.
    """
    means, known = (torch.cat(parts) for parts in zip(*_histories(space, data, decay), strict=True))
    frozen = space.whitening(directions(means)) * known[:, None]
    frozen_items = space.whitening(space.frozen) * space.described[:, None]
    pairs = {"aligned": (space.histories(means, known), space.items()), "frozen": (frozen, frozen_items)}
    metrics: dict[str, float] = {}
    for name, (users, items) in pairs.items():
        values = _retrieval(directions(users), directions(items), data)
        metrics |= {f"{name}_{metric}": value for metric, value in values.items()}
    return metrics


def _histories(space: SemanticSpace, data: EvaluationData, decay: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the frozen mean of each history's texts, ``[n, width]``, and whether it has any, ``[n]``."""
    for start in range(0, len(data.histories), _BATCH_USERS):
        rows, mask = pad([rows[-_NEWEST:] for rows in data.histories[start : start + _BATCH_USERS]])
        rows, mask = rows.to(space.frozen.device), mask.to(space.frozen.device)
        counts = space.with_text(rows, mask)
        yield newest_means(space.frozen, rows, counts, decay), counts.amax(1)


def _retrieval(users: Tensor, items: Tensor, data: EvaluationData) -> Mapping[str, float]:
    """Return the metrics of unit vectors ``[U, dim]`` and ``[n_items, dim]``."""
    targets = items[torch.from_numpy(data.targets.astype(np.int64)).to(items.device)]

    def score(index: NDArray[np.int64]) -> Tensor:
        return users[torch.from_numpy(index).to(users.device)] @ items.T

    ranked = rank_targets(score, data.histories, data.targets, len(items))
    return {
        "cosine": float((users * targets).sum(1).mean()),
        "cosine_to_any": float((users @ items.mean(0)).mean()),
        "recall@10": float(recall(ranked.excluded, 10).mean()),
    }
