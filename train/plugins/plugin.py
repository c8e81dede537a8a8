"""The plug-in interface: changes to a model, and the data that each of them receives.

A model takes a sequence of :class:`Plugin` values and applies the parts of each in order. A plug-in depends neither on
the backbone nor on other plug-ins.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from train.data.split import Split
from train.transitions.expert import TransitionsExpert


class VisibleHistory(NamedTuple):
    """The events that a plug-in may use when it changes states.

    Attributes:
        rows: catalogue rows of the events, oldest first, padding in front, int64 ``[batch, length]``.
        visible: 1 for an event that may be used, else 0, float32 ``[batch, length]``. The state at a position may use
            visible events up to and including that position only.
        table: the item vectors, ``[n_items, dim]``.
    """

    rows: Tensor
    visible: Tensor
    table: Tensor


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """One training step, as input to a plug-in's losses. ``R`` is the number of states with a target.

    Attributes:
        table: item vectors of the whole catalogue, after every plug-in, ``[n_items, dim]``; carries gradients.
        id_embeddings: ID embeddings, before any plug-in, ``[n_items, dim]``; carries gradients.
        has_id_embedding: whether an item has an ID embedding in this step, bool ``[n_items]``. For other items
            ``id_embeddings`` holds a stand-in (:mod:`train.items.stand_ins`).
        backbone_states: states of the backbone, before any plug-in, ``[R, dim]``.
        input_states: input states of this plug-in: changed by the plug-ins before it, ``[R, dim]``.
        states: states after every plug-in, which are scored against the table, ``[R, dim]``.
        targets: the rows to predict, int64 ``[R]``.
        users: index in the batch of each state's user, int64 ``[R]``.
        histories: catalogue rows of each user of the batch, oldest first, padding in front, int64 ``[users, length]``.
            They include the newest event, which is the last target, so they may be one longer than a backbone's input.
        mask: 1 for an event of ``histories``, else 0, float32 ``[users, length]``.
        encode: maps rows ``[n, length]`` and mask ``[n, length]`` to the backbone's state after the newest event,
            ``[n, dim]``, with dropout as in training: for augmented views.
    """

    table: Tensor
    id_embeddings: Tensor
    has_id_embedding: Tensor
    backbone_states: Tensor
    input_states: Tensor
    states: Tensor
    targets: Tensor
    users: Tensor
    histories: Tensor
    mask: Tensor
    encode: Callable[[Tensor, Tensor], Tensor]

    @property
    def lengths(self) -> Tensor:
        """Number of events of each user of the batch, float32 ``[users]``."""
        return self.mask.sum(1)

    @property
    def last_indices(self) -> Tensor:
        """Index among the ``R`` of each user's last state, int64; users without a state are left out."""
        indices = torch.arange(len(self.users), device=self.users.device)
        last = self.users.new_full((len(self.histories),), -1).scatter_reduce(0, self.users, indices, "amax")
        return last[last >= 0]


@dataclass(frozen=True, slots=True)
class EvaluationData:
    """Test users that a plug-in's metrics are computed on, ``U`` of them, without gradients.

    Attributes:
        table: item vectors, ``[n_items, dim]``.
        histories: events of each user before the target, catalogue rows, oldest first.
        targets: the next item of each user, int32 ``[U]``.
        n_trained: how many of each user's events, the oldest of ``histories``, were used in training, int64 ``[U]``.
        backbone_states: maps rows ``[n, length]`` and mask ``[n, length]`` to the backbone's newest state, before any
            plug-in, ``[n, dim]``.
        input_states: the same for the input states of this plug-in, changed by the plug-ins before it.
        user_states: the same after every plug-in, which is what ranks items.
        rebuild: recomputes the item vectors and everything that depends on them, for a plug-in that measures the effect
            of a change on items and users alike. None where that is not possible.
    """

    table: Tensor
    histories: Sequence[NDArray[np.int32]]
    targets: NDArray[np.int32]
    n_trained: NDArray[np.int64]
    backbone_states: Callable[[Tensor, Tensor], Tensor]
    input_states: Callable[[Tensor, Tensor], Tensor]
    user_states: Callable[[Tensor, Tensor], Tensor]
    rebuild: "Callable[[], EvaluationData] | None" = None


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions of training sequences at which a plug-in computes log-scores.

    Attributes:
        rows: catalogue rows of the events, oldest first, padding in front, int64 ``[batch, length]``.
        visible: 1 for an event that may be used, else 0, float32 ``[batch, length]``; as in :class:`VisibleHistory`.
        selected: the positions, bool ``[batch, length]``.
        histories: all training events of each user of the batch, with the targets, int64 ``[batch, longest]``.
        mask: 1 for an event of ``histories``, else 0, float32 ``[batch, longest]``.
    """

    rows: Tensor
    visible: Tensor
    selected: Tensor
    histories: Tensor
    mask: Tensor


ScoresOfUsers = Callable[[NDArray[np.int64]], Tensor]
"""Maps indices of validation targets to a model's scores, ``[users, n_items]``."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a plug-in may use after training to choose what it adds to the scores.

    Attributes:
        split: training events and validation targets. Test targets must not be used.
        scores: maps indices of validation targets to the model's scores without plug-ins' log-scores,
            ``[users, n_items]``.
        alone: whether these scores are all equal, because the model has no backbone.
        scores_as_new: maps items, bool ``[n_items]``, to such a function for a model to which these items are new; None
            if the model has no vectors for new items.
    """

    split: Split
    scores: ScoresOfUsers
    alone: bool = False
    scores_as_new: Callable[[NDArray[np.bool_]], ScoresOfUsers] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """The contributions of one system; every part is optional.

    Attributes:
        name: name in logs and tables.
        module: owns the parameters and buffers, which are saved with the model; None without any.
        items: maps the item vectors so far to new ones, both ``[n_items, dim]``. For an item without an ID embedding
            the input is a stand-in (:mod:`train.items.stand_ins`).
        state: maps states ``[batch, positions, dim]`` to new ones. The positions are the newest ones of the history:
            with one position, only the user's current state is computed.
        losses: weighted terms to add to the loss, by name; each a scalar.
        loss_weights: maps the number of events of each user ``[users]`` to the weight of their events in the main loss,
            ``[users]``. The weighted loss is divided by the sum of the weights of its states.
        before_epoch: called before each training epoch with its number (from 0) and the current item vectors
            ``[n_items, dim]``, without gradients.
        finalize: called once after training, with the final weights in place, to recompute what the module caches
            from its weights. A second call changes nothing.
        log_scores: maps rows and mask of histories, as ``encode`` of :class:`TrainingStep`, to values that are added to
            the scores of all items, ``[n, n_items]``, when the model ranks.
        log_scores_at: the same at positions of training sequences, without what the user's own training events tell
            about the targets; returns a function from a range of the selected positions, row by row, to
            ``[range, n_items]``. A student is distilled from these.
        calibrate: called once after training and ``finalize``: chooses settings of ``log_scores`` on the validation
            events, saves them in buffers of ``module``, and returns metrics by name.
        warm_start: called before training that starts from an earlier run, with its weights in place. What was chosen
            by ``calibrate`` then and would change much on devices stays.
        device_expert: returns the expert whose log-scores are added, of which a device computes a small version; None
            if it has no weight.
        device_prompts: returns directions of this plug-in's input states, ``[K, dim]``. A device, which runs no
            plug-ins, uses them to distinguish users when it approximates what the plug-ins do to states.
        metrics: computes the metrics that are specific to this system (completion accuracy, codebook use), by name.
    """

    name: str
    module: nn.Module | None = None
    items: Callable[[Tensor], Tensor] | None = None
    state: Callable[[Tensor, VisibleHistory], Tensor] | None = None
    losses: Callable[[TrainingStep], Mapping[str, Tensor]] | None = None
    loss_weights: Callable[[Tensor], Tensor] | None = None
    before_epoch: Callable[[int, Tensor], None] | None = None
    finalize: Callable[[], None] | None = None
    log_scores: Callable[[Tensor, Tensor], Tensor] | None = None
    log_scores_at: Callable[[Positions], Callable[[slice], Tensor]] | None = None
    calibrate: Callable[[Calibration], Mapping[str, float]] | None = None
    warm_start: Callable[[], None] | None = None
    device_expert: Callable[[], TransitionsExpert | None] | None = None
    device_prompts: Callable[[], Tensor] | None = None
    metrics: Callable[[EvaluationData], Mapping[str, float]] | None = None
