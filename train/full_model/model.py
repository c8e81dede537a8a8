"""The full model: item vectors, a backbone over them, and plug-ins over both.

Item vectors are looked up at the input and scored against at the output (tied). The model knows what a plug-in may do
(:mod:`train.plugins.plugin`), not which ones there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.encoder import Backbone, Events, Supervision
from train.items.stand_ins import StandIns
from train.loop.batches import Batch
from train.objectives.cross_entropy import fast_product_dtype, full_cross_entropy
from train.plugins.plugin import Past, Plugin, Step


class _Items(NamedTuple):
    """Item vectors after every plug-in and before any, and which items have one of their own."""

    table: Tensor
    own: Tensor
    has_own: Tensor


class _Supervised(NamedTuple):
    """States that are to predict a row, over all groups of a batch, and whose they are.

    ``stages`` are those states as they come to each plug-in, and last as they leave the last one.
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
        """Compose a model.

        Args:
            seen: which items occur in training, bool ``[n_items]``. Where a plug-in gives item vectors, the others
                have no vector of their own and are no candidates while training; without one, nothing is known of
                them, and the model learns that they are rare.
            backbone: an ``nn.Module``.
            plugins: applied in this order.
            id_dropout: share of the items whose own vector is left out of a training step, so that what plug-ins know
                of an item learns to do without; only where a plug-in gives item vectors.
            stand_ins: for the own vectors that items lack; zeros where None. Only where a plug-in gives item vectors.
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
        has_content = any(plugin.items is not None for plugin in plugins)
        self.register_buffer("seen", seen, persistent=False)
        self._all_seen = bool(seen.all()) or not has_content
        self._id_dropout = id_dropout if has_content else 0.0
        self.stand_ins = stand_ins if has_content else None

    def item_vectors(self) -> Tensor:
        """Return what items are to the backbone and the ranking, ``[n_items, dim]``."""
        return self._items().table

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss by name, weighted, scalars; ``next`` is the main one."""
        items = self._items()
        asked = self._ask(batch, items.table)
        step = self._step(batch, items, asked)
        terms = {"next": self._next_item_loss(step)} | asked.terms
        for plugin, before in zip(self.plugins, asked.stages[:-1], strict=True):
            if plugin.losses is not None:
                found = plugin.losses(replace(step, before=before))
                terms |= {f"{plugin.name}.{name}": term for name, term in found.items()}
        return terms

    def states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after each event, plug-ins included, ``[batch, length, dim]``.

        Args:
            rows: catalogue rows, oldest first, padding in front, int64 ``[batch, length]``.
            mask: 1 for an event, 0 for padding, float32 ``[batch, length]``.
            table: :meth:`item_vectors`, made once for many calls.
        """
        states = self.backbone(Events(F.embedding(rows, table), mask, rows))
        return self._stages(states, Past(rows, mask, table))[-1]

    def user_states(self, rows: Tensor, mask: Tensor, table: Tensor) -> Tensor:
        """Return the state after the newest event, plug-ins included, ``[batch, dim]``; arguments as :meth:`states`."""
        return self.user_stages(rows, mask, table)[-1]

    def user_stages(self, rows: Tensor, mask: Tensor, table: Tensor) -> list[Tensor]:
        """Return the state after the newest event as it comes to each plug-in, and last as it leaves the last one.

        The first is the backbone's own. Each is ``[batch, dim]``; arguments as :meth:`states`.
        """
        state = self.backbone.last(Events(F.embedding(rows, table), mask, rows))
        return [stage[:, 0] for stage in self._stages(state[:, None], Past(rows, mask, table))]

    def before_epoch(self, epoch: int) -> None:
        """Let plug-ins prepare an epoch, counted from 0."""
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

    def settle(self) -> bool:
        """Let plug-ins bring what they hold in line with the weights that are kept; say whether any had to."""
        hooks = [plugin.settle for plugin in self.plugins if plugin.settle is not None]
        for hook in hooks:
            hook()
        return bool(hooks)

    def _items(self) -> _Items:
        own, has_own = self._own_vectors()
        table = own
        for plugin in self.plugins:
            if plugin.items is not None:
                table = plugin.items(table)
        return _Items(table, own, has_own)

    def _own_vectors(self) -> tuple[Tensor, Tensor]:
        """Return the items' own vectors, or what stands in for them, ``[n_items, dim]``; and which are there."""
        has_own = self.seen
        if self.training and self._id_dropout:
            has_own = has_own & (torch.rand(len(self.item), device=self.item.device) >= self._id_dropout)
        elif self._all_seen:
            return self.item, has_own
        if self.stand_ins is None:
            return self.item * has_own[:, None], has_own
        return self.stand_ins(self.item, ~has_own), has_own

    def _stages(self, states: Tensor, past: Past) -> list[Tensor]:
        stages = [states]
        for plugin in self.plugins:
            stages.append(stages[-1] if plugin.state is None else plugin.state(stages[-1], past))
        return stages

    def _ask(self, batch: Batch, table: Tensor) -> _Supervised:
        stages, targets, users = [], [], []
        own_terms: list[Mapping[str, Tensor]] = []
        first_user = 0
        for group in batch:
            found: Supervision = self.backbone.supervise(group, lambda rows: F.embedding(rows, table))
            asked = found.targets >= 0
            changed = self._stages(found.states, Past(found.rows, found.visible, table))
            stages.append([stage[asked] for stage in changed])
            targets.append(found.targets[asked])
            users.append(asked.nonzero()[:, 0] + first_user)
            own_terms.append(found.terms)
            first_user += len(group.rows)
        weights = [len(group.rows) / first_user for group in batch]
        return _Supervised(
            [torch.cat(parts) for parts in zip(*stages, strict=True)],
            torch.cat(targets),
            torch.cat(users),
            _mean_terms(own_terms, weights),
        )

    def _step(self, batch: Batch, items: _Items, asked: _Supervised) -> Step:
        histories, mask = whole_histories(batch)

        def encode(rows: Tensor, mask: Tensor) -> Tensor:
            return self.backbone.last(Events(F.embedding(rows, items.table), mask, rows))

        return Step(
            table=items.table,
            own=items.own,
            has_own=items.has_own,
            plain_states=asked.stages[0],
            before=asked.stages[0],
            states=asked.stages[-1],
            targets=asked.targets,
            users=asked.users,
            histories=histories,
            mask=mask,
            encode=encode,
        )

    def _next_item_loss(self, step: Step) -> Tensor:
        table, targets = step.table, step.targets
        if not self._all_seen:
            # TokenLayout among the items seen; every target is one of them.
            targets = (self.seen.cumsum(0) - 1)[targets]
            table = table[self.seen]
        weights = None
        for plugin in self.plugins:
            if plugin.scale is not None:
                scale = plugin.scale(step.lengths)
                weights = scale if weights is None else weights * scale
        return full_cross_entropy(
            step.states,
            table,
            targets,
            weights=None if weights is None else weights[step.users],
            product_dtype=fast_product_dtype(table.device),
        )


def whole_histories(batch: Batch) -> tuple[Tensor, Tensor]:
    """Return each user's events, the last target included: rows ``[users, length]``, padding in front, and the mask."""
    whole = [torch.cat([group.rows, group.targets[:, -1:]], dim=1) for group in batch]
    masks = [torch.cat([group.mask, torch.ones_like(group.mask[:, :1])], dim=1) for group in batch]
    longest = max(rows.shape[1] for rows in whole)
    return (
        torch.cat([F.pad(rows, (longest - rows.shape[1], 0)) for rows in whole]),
        torch.cat([F.pad(mask, (longest - mask.shape[1], 0)) for mask in masks]),
    )


def _mean_terms(terms: Sequence[Mapping[str, Tensor]], weights: Sequence[float]) -> dict[str, Tensor]:
    """Return the mean of each term over groups; a group that lacks a term adds nothing to it."""
    total: dict[str, Tensor] = {}
    for found, weight in zip(terms, weights, strict=True):
        for name, term in found.items():
            total[name] = total[name] + weight * term if name in total else weight * term
    return total
