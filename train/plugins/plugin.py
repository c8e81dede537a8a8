"""What a plug-in is: up to four contributions to a model, and what it sees of a training step.

Composition is plain Python: a model takes a sequence of :class:`Plugin` values and applies each one's parts in order. A
plug-in knows neither the backbone nor the other plug-ins.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Past(NamedTuple):
    """What a plug-in may know when it changes states.

    Attributes:
        rows: catalogue rows of the events, oldest first, padding in front, int64 ``[batch, length]``.
        visible: 1 for an event that may be looked at, else 0, float32 ``[batch, length]``. The state at a position may
            use visible events up to and including that position only.
        table: the item vectors, ``[n_items, dim]``.
    """

    rows: Tensor
    visible: Tensor
    table: Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """One training step as a plug-in's losses see it. ``R`` states are asked to predict a row.

    Attributes:
        table: item vectors of the whole catalogue, after every plug-in, ``[n_items, dim]``; carries gradients.
        own: the items' own vectors, before any plug-in, ``[n_items, dim]``; carries gradients.
        has_own: which items have one in this step, bool ``[n_items]``; elsewhere ``own`` has what stands in.
        plain_states: the backbone's states, before any plug-in, ``[R, dim]``.
        before: as they came to this very plug-in: changed by those that are applied before it, ``[R, dim]``.
        states: after every plug-in; these are scored against the table, ``[R, dim]``.
        targets: the rows to predict, int64 ``[R]``.
        users: which user of the batch each state belongs to, int64 ``[R]``.
        histories: the rows of each user of the batch, oldest first, padding in front, int64 ``[users, length]``. The
            newest event of a user (the last target) is among them: they may be one longer than a backbone takes.
        mask: 1 for an event of ``histories``, else 0, float32 ``[users, length]``.
        encode: rows ``[n, length]`` and mask ``[n, length]`` to the backbone's state after the newest event,
            ``[n, dim]``, with the dropout of training: for augmented views.
    """

    table: Tensor
    own: Tensor
    has_own: Tensor
    plain_states: Tensor
    before: Tensor
    states: Tensor
    targets: Tensor
    users: Tensor
    histories: Tensor
    mask: Tensor
    encode: Callable[[Tensor, Tensor], Tensor]

    @property
    def lengths(self) -> Tensor:
        """Return how many events each user of the batch has here, float32 ``[users]``."""
        return self.mask.sum(1)

    @property
    def newest(self) -> Tensor:
        """Return the place of each user's last state among the ``R``, int64; users without a state are left out."""
        places = torch.arange(len(self.users), device=self.users.device)
        last = self.users.new_full((len(self.histories),), -1).scatter_reduce(0, self.users, places, "amax")
        return last[last >= 0]


@dataclass(frozen=True, slots=True)
class Probe:
    """What a plug-in's own figures are measured on, without gradients: test users, ``U`` of them.

    Attributes:
        table: item vectors, ``[n_items, dim]``.
        histories: what each user did before the target, catalogue rows, oldest first.
        targets: what each did next, int32 ``[U]``.
        n_trained: how many of each user's events, the oldest ones of ``histories``, training has learnt from, int64
            ``[U]``.
        plain_states: rows ``[n, length]`` and mask ``[n, length]`` to the backbone's newest state, before any plug-in,
            ``[n, dim]``.
        before: the same as it comes to this very plug-in, changed by those that are applied before it.
        user_states: the same after every plug-in: what ranks.
        remade: makes the item vectors anew, and all of this over them: for a plug-in that measures what a change of its
            own does to items and users alike. None where nothing can be made anew.
    """

    table: Tensor
    histories: Sequence[NDArray[np.int32]]
    targets: NDArray[np.int32]
    n_trained: NDArray[np.int64]
    plain_states: Callable[[Tensor, Tensor], Tensor]
    before: Callable[[Tensor, Tensor], Tensor]
    user_states: Callable[[Tensor, Tensor], Tensor]
    remade: "Callable[[], Probe] | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """What one system contributes; every part may be absent.

    Attributes:
        name: in logs and tables.
        module: owns the parameters and buffers (they are saved with the model), or None where there are none.
        items: changes the item vectors: the table so far to the new table, both ``[n_items, dim]``. An item without a
            vector of its own comes in as what stands in for it (:mod:`train.items.stand_ins`).
        state: changes states: ``[batch, positions, dim]`` to the same shape. The positions are the newest ones of
            ``Past``: with one position, only the user's current state is asked for.
        losses: terms to add to the loss, weighted, by name; each a scalar.
        scale: how strongly each user's events count in the main loss: the number of events of each user ``[users]`` to
            weights ``[users]``. The weighted loss is divided by the sum of the weights of its states.
        before_epoch: called before each epoch of training with its number (from 0) and the current item vectors
            ``[n_items, dim]``, without gradients.
        settle: called once after training, with the kept weights in place: brings what the module holds beside its
            weights, and was made with earlier ones, in line with them. Calling it again changes nothing.
        device_prompts: returns directions of states as they come to this plug-in, ``[K, dim]``, by which a device tells
            users apart: it has no plug-ins, and along them it is taught what plug-ins did to states.
        figures: measures what this system alone promises (completion accuracy, codebook use, ...), by name.
    """

    name: str
    module: nn.Module | None = None
    items: Callable[[Tensor], Tensor] | None = None
    state: Callable[[Tensor, Past], Tensor] | None = None
    losses: Callable[[Step], Mapping[str, Tensor]] | None = None
    scale: Callable[[Tensor], Tensor] | None = None
    before_epoch: Callable[[int, Tensor], None] | None = None
    settle: Callable[[], None] | None = None
    device_prompts: Callable[[], Tensor] | None = None
    figures: Callable[[Probe], Mapping[str, float]] | None = None
