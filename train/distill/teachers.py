"""Several full models as one teacher: the average of their log-probabilities.

The softmax of the mean of several logits is the normalized geometric mean of their distributions, a logarithmic opinion
pool (Heskes, "Selecting weighting factors in logarithmic opinion pools", NIPS 1997). Each model keeps the log-scores
that its own plug-ins add, such as those of its transitions.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from train.full_model.model import Model
from train.objectives.cross_entropy import AddedScores
from train.plugins.plugin import Positions


class TeacherModel(Protocol):
    """What a student needs of the model that it is trained with; an ``nn.Module``."""

    def item_vectors(self) -> Tensor:
        """Return the item vectors, ``[n_items, teacher_dim]``."""
        ...

    def states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after each event, ``[batch, length, teacher_dim]``; see :class:`Model`."""
        ...

    def log_scores_at(self, positions: Positions) -> AddedScores | None:
        """Return what is added to the products of states and vectors; see :class:`Model`."""
        ...

    def requires_grad_(self, requires_grad: bool = True) -> Any:  # noqa: ANN401 - as nn.Module declares it
        """Switch gradients on or off, as ``nn.Module`` does."""
        ...

    def eval(self) -> Any:  # noqa: ANN401 - as nn.Module declares it
        """Switch to evaluation, as ``nn.Module`` does."""
        ...


class AveragedModels(nn.Module):
    """The average of the log-probabilities of several models, with what a distillation needs of a model.

    States and tables of the models stand side by side, so that one product gives the mean of their logits.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        """Compose the teacher.

        Args:
            models: at least one, all with the same maximum length of histories; their widths may differ.
        """
        super().__init__()
        self.models = nn.ModuleList(models)
        self._models = tuple(models)
        self._widths = [model.backbone.config.dim for model in models]
        self.max_length = models[0].max_length

    def item_vectors(self) -> Tensor:
        """Return the item vectors of all models side by side, ``[n_items, sum of widths]``."""
        return torch.cat([model.item_vectors() for model in self._models], dim=1)

    def states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the states of all models divided by their number, ``[batch, length, sum of widths]``."""
        states = [model.states(rows, mask, part) for model, part in self._with_tables(table)]
        return torch.cat(states, dim=-1) / len(states)

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the mean of the scores of all items after the newest event, ``[batch, n_items]``."""
        scores = [model.scores(rows, mask, part) for model, part in self._with_tables(table)]
        return reduce(torch.add, scores) / len(scores)

    def log_scores_at(self, positions: Positions) -> AddedScores | None:
        """Return a function from a range of positions to the mean of what plug-ins add; None if they add nothing."""
        added = [model.log_scores_at(positions) for model in self._models]
        parts = [part for part in added if part is not None]
        return (lambda rows: reduce(torch.add, [part(rows) for part in parts]) / len(added)) if parts else None

    def _with_tables(self, table: Tensor) -> list[tuple[Model, Tensor]]:
        return list(zip(self._models, torch.split(table, self._widths, dim=1), strict=True))


def as_teacher(models: Sequence[Model]) -> Model | AveragedModels:
    """Return the only model, or the average of several."""
    return models[0] if len(models) == 1 else AveragedModels(models)
