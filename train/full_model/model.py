"""The full model: item vectors, a backbone over them, and plug-ins over both.

Item vectors are used as input embeddings and as output weights (tied). The model depends on the plug-in interface
(:mod:`train.plugins.plugin`), not on particular plug-ins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from train.backbones.encoder import Backbone, Events, Supervision
from train.backbones.none import NoBackbone
from train.data.split import Split
from train.items.stand_ins import StandIns
from train.loop.batches import Batch, pad
from train.objectives.cross_entropy import AddedScores, fast_product_dtype, full_cross_entropy
from train.plugins.plugin import Calibration, Plugin, Positions, ScoresOfUsers, TrainingStep, VisibleHistory
from train.transitions.expert import TransitionsExpert


class _Items(NamedTuple):
    """Item vectors after all plug-ins, ID embeddings before them, and which items have one."""

    table: Tensor
    id_embeddings: Tensor
    has_id_embedding: Tensor


class _Supervised(NamedTuple):
    """States with their targets and users, over all groups of a batch.

    ``stages`` are the input states of each plug-in, followed by the output of the last one.
    """

    stages: list[Tensor]
    targets: Tensor
    users: Tensor
    terms: dict[str, Tensor]


class Model(nn.Module):
    """Item vectors, a backbone and plug-ins, trained to predict the next item."""

    seen: Tensor

    def __init__(
        self,
        seen: Tensor,
        backbone: Backbone,
        plugins: Sequence[Plugin] = (),
        *,
        id_dropout: float = 0.0,
        stand_ins: StandIns | None = None,
    ) -> None:
        """Compose the model.

        Args:
            seen: which items occur in training, bool ``[n_items]``. If a plug-in changes item vectors, or there are
                stand-ins, other items have no ID embedding and are no candidates in training. Otherwise they are
                candidates, and the model learns that they are rare.
            backbone: an ``nn.Module``.
            plugins: in the order of application.
            id_dropout: share of the items whose ID embedding is dropped in a training step, so that plug-ins learn to
                represent items without it; only if a plug-in changes item vectors, or there are stand-ins.
            stand_ins: substitutes for missing ID embeddings; zeros if None.
        """
        super().__init__()
        if not 0.0 <= id_dropout < 1.0:
            raise ValueError(f"id_dropout must be in [0, 1), got {id_dropout}")
        self.backbone = backbone
        self.item = nn.Parameter(torch.empty(len(seen), backbone.config.dim))
        nn.init.normal_(self.item, std=0.02)
        self.max_length = backbone.config.max_length
        self.plugins = tuple(plugins)
        self.plugin_modules = nn.ModuleDict({plugin.name: plugin.module for plugin in plugins if plugin.module})
        has_content = stand_ins is not None or any(plugin.items is not None for plugin in plugins)
        self.register_buffer("seen", seen, persistent=False)
        self._all_seen = bool(seen.all()) or not has_content
        self._id_dropout = id_dropout if has_content else 0.0
        self.stand_ins = stand_ins

    def item_vectors(self) -> Tensor:
        """Return the item vectors that backbone and ranking use, ``[n_items, dim]``."""
        return self._items().table

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted terms of the loss by name, scalars; ``next`` is the main one."""
        items = self._items()
        supervised = self._supervise(batch, items.table)
        step = self._step(batch, items, supervised)
        terms = {"next": self._next_item_loss(step)} | supervised.terms
        for plugin, input_states in zip(self.plugins, supervised.stages[:-1], strict=True):
            if plugin.losses is not None:
                added = plugin.losses(replace(step, input_states=input_states))
                terms |= {f"{plugin.name}.{name}": term for name, term in added.items()}
        return terms

    def states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after each event, plug-ins included, ``[batch, length, dim]``.

        Args:
            rows: catalogue rows, oldest first, padding in front, int64 ``[batch, length]``.
            mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
            table: result of :meth:`item_vectors`, computed once for many calls.
        """
        states = self.backbone(Events(F.embedding(rows, table), mask, rows))
        return self._stages(states, VisibleHistory(rows, mask, table))[-1]

    def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after the newest event, plug-ins included, ``[batch, dim]``; see :meth:`states`."""
        return self.user_stages(rows, mask, table)[-1]

    def scores(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the scores of all items after the newest event, ``[batch, n_items]``; see :meth:`states`."""
        scores = self.user_states(rows, mask, table) @ table.T
        for plugin in self.plugins:
            if plugin.log_scores is not None:
                scores = scores + plugin.log_scores(rows, mask)
        return scores

    def device_expert(self) -> TransitionsExpert | None:
        """Return the expert that a plug-in adds to the scores, for devices; None without one."""
        experts = [plugin.device_expert() for plugin in self.plugins if plugin.device_expert is not None]
        return next((expert for expert in experts if expert is not None), None)

    def log_scores_at(self, positions: Positions) -> AddedScores | None:
        """Return a function from a range of positions to the sum of the plug-ins' log-scores; None without any."""
        parts = [plugin.log_scores_at(positions) for plugin in self.plugins if plugin.log_scores_at is not None]
        return (lambda rows: reduce(torch.add, [part(rows) for part in parts])) if parts else None

    def user_stages(self, rows: Tensor, mask: Tensor, table: Tensor) -> list[Tensor]:
        """Return the input states of each plug-in, after the newest event, followed by the output of the last one.

        The first plug-in's input is the backbone's states. Each is ``[batch, dim]``; arguments as for :meth:`states`.
        """
        state = self.backbone.last(Events(F.embedding(rows, table), mask, rows))
        return [stage[:, 0] for stage in self._stages(state[:, None], VisibleHistory(rows, mask, table))]

    def before_epoch(self, epoch: int) -> None:
        """Call the plug-ins' hooks before an epoch, counted from 0."""
        hooks = [plugin.before_epoch for plugin in self.plugins if plugin.before_epoch is not None]
        if not hooks:
            return
        was_training = self.training
        self.eval()
        with torch.no_grad():
            table = self.item_vectors()
        self.train(was_training)
        for hook in hooks:
            hook(epoch, table)

    def finalize(self) -> bool:
        """Call the plug-ins' hooks after training, with the final weights; return whether there are any."""
        hooks = [plugin.finalize for plugin in self.plugins if plugin.finalize is not None]
        for hook in hooks:
            hook()
        return bool(hooks)

    def calibrate(self, split: Split) -> dict[str, Mapping[str, float]]:
        """Call the plug-ins' hooks that choose, after training, what they add to scores; return metrics by plug-in."""
        hooks = {plugin.name: plugin.calibrate for plugin in self.plugins if plugin.calibrate is not None}
        if not hooks:
            return {}
        with torch.inference_mode():
            self.eval()
            stand_ins = self.stand_ins

            def scores_with(table: Tensor) -> ScoresOfUsers:
                def scores(users: NDArray[np.int64]) -> Tensor:
                    histories = [split.valid.history(int(user))[-self.max_length :] for user in users]
                    rows, mask = (part.to(table.device) for part in pad(histories))
                    return self.user_states(rows, mask, table) @ table.T

                return scores

            calibration = Calibration(
                split,
                scores_with(self.item_vectors()),
                alone=isinstance(self.backbone, NoBackbone),
                scores_as_new=None
                if stand_ins is None
                else lambda items: scores_with(self._vectors_as_new(items, stand_ins)),
            )
            return {name: hook(calibration) for name, hook in hooks.items()}

    def _vectors_as_new(self, items: NDArray[np.bool_], stand_ins: StandIns) -> Tensor:
        """Return the item vectors of a model to which ``items`` ``[n_items]`` are new, ``[n_items, dim]``."""
        is_new = torch.from_numpy(items).to(self.seen.device) | ~self.seen
        return self._from(stand_ins(self.item, is_new), ~is_new).table

    def _items(self) -> _Items:
        return self._from(*self._id_embeddings())

    def _from(self, id_embeddings: Tensor, has_id_embedding: Tensor) -> _Items:
        table = id_embeddings
        for plugin in self.plugins:
            if plugin.items is not None:
                table = plugin.items(table)
        return _Items(table, id_embeddings, has_id_embedding)

    def _id_embeddings(self) -> tuple[Tensor, Tensor]:
        """Return ID embeddings or their stand-ins, ``[n_items, dim]``, and which items have an ID embedding."""
        has_id_embedding = self.seen
        if self.training and self._id_dropout:
            has_id_embedding = has_id_embedding & (
                torch.rand(len(self.item), device=self.item.device) >= self._id_dropout
            )
        elif self._all_seen:
            return self.item, has_id_embedding
        if self.stand_ins is None:
            return self.item * has_id_embedding[:, None], has_id_embedding
        return self.stand_ins(self.item, ~has_id_embedding), has_id_embedding

    def _stages(self, states: Tensor, history: VisibleHistory) -> list[Tensor]:
        stages = [states]
        for plugin in self.plugins:
            stages.append(stages[-1] if plugin.state is None else plugin.state(stages[-1], history))
        return stages

    def _supervise(self, batch: Batch, table: Tensor) -> _Supervised:
        stages, targets, users = [], [], []
        terms: list[Mapping[str, Tensor]] = []
        first_user = 0
        for group in batch:
            supervision: Supervision = self.backbone.supervise(group, lambda rows: F.embedding(rows, table))
            supervised = supervision.targets >= 0
            changed = self._stages(supervision.states, VisibleHistory(supervision.rows, supervision.visible, table))
            stages.append([stage[supervised] for stage in changed])
            targets.append(supervision.targets[supervised])
            users.append(supervised.nonzero()[:, 0] + first_user)
            terms.append(supervision.terms)
            first_user += len(group.rows)
        weights = [len(group.rows) / first_user for group in batch]
        return _Supervised(
            [torch.cat(parts) for parts in zip(*stages, strict=True)],
            torch.cat(targets),
            torch.cat(users),
            _mean_terms(terms, weights),
        )

    def _step(self, batch: Batch, items: _Items, supervised: _Supervised) -> TrainingStep:
        histories, mask = whole_histories(batch)

        def encode(rows: Tensor, mask: Tensor) -> Tensor:
            return self.backbone.last(Events(F.embedding(rows, items.table), mask, rows))

        return TrainingStep(
            table=items.table,
            id_embeddings=items.id_embeddings,
            has_id_embedding=items.has_id_embedding,
            backbone_states=supervised.stages[0],
            input_states=supervised.stages[0],
            states=supervised.stages[-1],
            targets=supervised.targets,
            users=supervised.users,
            histories=histories,
            mask=mask,
            encode=encode,
        )

    def _next_item_loss(self, step: TrainingStep) -> Tensor:
        table, targets = step.table, step.targets
        if not self._all_seen:
            # Indices among the items seen; every target is one of them.
            targets = (self.seen.cumsum(0) - 1)[targets]
            table = table[self.seen]
        weights = None
        for plugin in self.plugins:
            if plugin.loss_weights is not None:
                of_plugin = plugin.loss_weights(step.lengths)
                weights = of_plugin if weights is None else weights * of_plugin
        return full_cross_entropy(
            step.states,
            table,
            targets,
            weights=None if weights is None else weights[step.users],
            product_dtype=fast_product_dtype(table.device),
        )


def whole_histories(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return each user's events including the last target: rows ``[users, length]``, padding in front, and the mask."""
    whole = [torch.cat([group.rows, group.targets[:, -1:]], dim=1) for group in batch]
    masks = [torch.cat([group.mask, torch.ones_like(group.mask[:, :1])], dim=1) for group in batch]
    return _joined(whole), _joined(masks)


def training_positions(batch: Batch) -> Positions:
    """Return the positions with a target, group after group, which is the order of the states in a loss."""
    histories, mask = whole_histories(batch)
    selected = _joined([group.targets for group in batch], filler=-1) >= 0
    rows, visible = _joined([group.rows for group in batch]), _joined([group.mask for group in batch])
    return Positions(rows, visible, selected, histories, mask)


def _joined(groups: Sequence[Tensor], filler: int = 0) -> Tensor:
    """Return all groups as one tensor, with padding in front."""
    longest = max(values.shape[1] for values in groups)
    return torch.cat([F.pad(values, (longest - values.shape[1], 0), value=filler) for values in groups])


def _mean_terms(terms: Sequence[Mapping[str, Tensor]], weights: Sequence[float]) -> dict[str, Tensor]:
    """Return the weighted mean of each term over groups; a group without a term contributes 0."""
    total: dict[str, Tensor] = {}
    for of_group, weight in zip(terms, weights, strict=True):
        for name, term in of_group.items():
            total[name] = total[name] + weight * term if name in total else weight * term
    return total
