"""The interface of models that rank items: the full model and the student."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.data.split import Split, Targets
from train.loop.batches import Rows, pad
from train.metrics.ranking import Ranked, Score, ndcg, rank_targets


class Ranker(Protocol):
    """What evaluation needs of a model."""

    training: bool
    max_length: int

    def item_vectors(self) -> Tensor:
        """Return ``[n_items, dim]``."""
        ...

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the scores of all items after the newest event, ``[batch, n_items]``.

        Args:
            rows: catalogue rows, oldest first, padding in front, int64 ``[batch, length]``.
            mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
            table: result of :meth:`item_vectors`, computed once for many calls.
        """
        ...

    def train(self, mode: bool = True) -> Any:  # noqa: ANN401 - as nn.Module declares it
        """Switch between training and evaluation, as ``nn.Module`` does."""
        ...


def validation_score(model: Ranker, split: Split) -> float:
    """Return NDCG@10 on the validation events, history excluded."""
    return mean_ndcg(model, split.valid)


def mean_ndcg(model: Ranker, targets: Targets) -> float:
    """Return NDCG@10 on the targets, history excluded."""
    return float(np.mean(ndcg(rank_split(model, targets).excluded, 10)))


def rank_split(model: Ranker, targets: Targets, candidates: NDArray[np.bool_] | None = None) -> Ranked:
    """Rank the targets among the candidates, bool ``[n_items]``, or the whole catalogue."""
    histories = [targets.history(index) for index in range(len(targets))]
    with torch.inference_mode():
        was_training = model.training
        model.train(False)
        table = model.item_vectors()
        score = scorer(model, table, histories)
        ranked = rank_targets(score, histories, targets.rows, len(table), candidates=candidates)
        model.train(was_training)
    return ranked


def scorer(model: Ranker, table: Tensor, histories: Sequence[Rows]) -> Score:
    """Return a function from user indices to scores of all items, ``[users, n_items]``; call it in inference mode."""

    def score(users: NDArray[np.int64]) -> Tensor:
        rows, mask = pad([histories[user][-model.max_length :] for user in users])
        return model.scores(rows.to(table.device), mask.to(table.device), table)

    return score
