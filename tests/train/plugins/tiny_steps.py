"""Builders of training steps and evaluation data; arguments that a test does not give have simple defaults."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.plugins.plugin import EvaluationData, TrainingStep

States = Callable[[Tensor, Tensor], Tensor]


def not_called(rows: Tensor, mask: Tensor) -> Tensor:
    """Fail when called: stands for an encoder that must not be used."""
    raise AssertionError(f"unexpected call for the states of {rows} and {mask}")


def make_step(
    states: Tensor,
    table: Tensor,
    histories: Tensor,
    *,
    plain: Tensor | None = None,
    before: Tensor | None = None,
    own: Tensor | None = None,
    has_id_embedding: Tensor | None = None,
    targets: Tensor | None = None,
    users: Tensor | None = None,
    mask: Tensor | None = None,
    encode: States = not_called,
) -> TrainingStep:
    """Return a step; by default each user has one state, and its target is the newest event."""
    before = states if before is None else before
    return TrainingStep(
        table=table,
        id_embeddings=table if own is None else own,
        has_id_embedding=torch.ones(len(table), dtype=torch.bool) if has_id_embedding is None else has_id_embedding,
        backbone_states=before if plain is None else plain,
        input_states=before,
        states=states,
        targets=histories[:, -1] if targets is None else targets,
        users=torch.arange(len(histories)) if users is None else users,
        histories=histories,
        mask=torch.ones(histories.shape) if mask is None else mask,
        encode=encode,
    )


def make_data(
    table: Tensor,
    histories: Sequence[NDArray[np.int32]] | Sequence[list[int]],
    targets: NDArray[np.int32] | Sequence[int],
    *,
    states: States = not_called,
    n_trained: Sequence[int] | None = None,
) -> EvaluationData:
    """Return test users with states that no plug-in changes; by default the newest event was not used in training."""
    rows = [np.asarray(history, dtype=np.int32) for history in histories]
    known = [max(0, len(history) - 1) for history in rows] if n_trained is None else n_trained
    return EvaluationData(
        table=table,
        histories=rows,
        targets=np.asarray(targets, dtype=np.int32),
        n_trained=np.asarray(known, dtype=np.int64),
        backbone_states=states,
        input_states=states,
        user_states=states,
    )
