"""Training steps and test users, as a plug-in is shown them; what a test does not name is the plainest that fits."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.plugins.plugin import Probe, Step

States = Callable[[Tensor, Tensor], Tensor]


def unasked(rows: Tensor, mask: Tensor) -> Tensor:
    """Stand where nobody should ask for the states of anything."""
    raise AssertionError(f"nobody asks for the states of {rows} and {mask}")


def make_step(
    states: Tensor,
    table: Tensor,
    histories: Tensor,
    *,
    plain: Tensor | None = None,
    before: Tensor | None = None,
    own: Tensor | None = None,
    has_own: Tensor | None = None,
    targets: Tensor | None = None,
    users: Tensor | None = None,
    mask: Tensor | None = None,
    encode: States = unasked,
) -> Step:
    """Return a step; unless told otherwise each user has one state, which is asked for the newest event."""
    before = states if before is None else before
    return Step(
        table=table,
        own=table if own is None else own,
        has_own=torch.ones(len(table), dtype=torch.bool) if has_own is None else has_own,
        plain_states=before if plain is None else plain,
        before=before,
        states=states,
        targets=histories[:, -1] if targets is None else targets,
        users=torch.arange(len(histories)) if users is None else users,
        histories=histories,
        mask=torch.ones(histories.shape) if mask is None else mask,
        encode=encode,
    )


def make_probe(
    table: Tensor,
    histories: Sequence[NDArray[np.int32]] | Sequence[list[int]],
    targets: NDArray[np.int32] | Sequence[int],
    *,
    states: States = unasked,
    n_trained: Sequence[int] | None = None,
) -> Probe:
    """Return test users whose states no plug-in changes; of each history the newest event was not trained on."""
    rows = [np.asarray(history, dtype=np.int32) for history in histories]
    known = [max(0, len(history) - 1) for history in rows] if n_trained is None else n_trained
    return Probe(
        table=table,
        histories=rows,
        targets=np.asarray(targets, dtype=np.int32),
        n_trained=np.asarray(known, dtype=np.int64),
        plain_states=states,
        before=states,
        user_states=states,
    )
