"""The semantic part of LLMRec: text vectors of items and histories, used for ranking and aligned with behaviour.

Implements the description of LLMRec. A learned projection of frozen text vectors is added to item vectors; a gated
projection of the history's text vector is added to states; InfoNCE aligns both with the next item and with behavioural
vectors. The language model is the text extractor of the inputs. A state has no clock, so its text vector describes the
history alone. With ``history="text"`` the alignment uses the exact form, history and situation as text
(:mod:`train.plugins.llmrec_history_text`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.errors import RunError
from train.items.features import Features, PluginInputs
from train.plugins.llmrec_alignment import MAX_TEMPERATURE, MIN_TEMPERATURE, Alignment, Pairs
from train.plugins.llmrec_history import before_targets, newest_means, recency_means
from train.plugins.llmrec_history_text import HistoryTexts, read_histories
from train.plugins.llmrec_metrics import retrieval_metrics
from train.plugins.llmrec_space import SemanticSpace
from train.plugins.plugin import EvaluationData, Plugin, TrainingStep, VisibleHistory


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmRecConfig:
    """Settings of LLMRec.

    Attributes:
        semantics: whether text vectors are added to item vectors.
        user_semantics: whether the history's text vector is added to states.
        align: whether to use the alignment losses.
        hidden: width of the hidden layer of the projections; None makes them linear.
        shrinkage: interpolation of the whitening of text vectors, in (0, 1]: 1 only centres and scales them.
        decay: weight of an event in a history's text vector, relative to the next newer one, in (0, 1].
        item_scale: initial factor of semantic item vectors; learned.
        dropout: dropout of the semantic part of states.
        next_weight: weight of the loss between histories and next items.
        space_weight: weight of the loss between semantic and behavioural vectors.
        temperature: initial temperature of those losses, between 0.02 and 0.5; learned.
        n_pairs: maximum number of pairs of history and next item in these losses in a step.
        history: what stands for a history in these losses: the ``mean`` of its items' text vectors, or for sampled
            prefixes history and situation as ``text``, read once by the language model of the items.
        prefixes: with ``text``, number of prefixes of each user that are read.
    """

    semantics: bool = True
    user_semantics: bool = True
    align: bool = True
    hidden: int | None = None
    shrinkage: float = 0.1
    decay: float = 0.6
    item_scale: float = 0.05
    dropout: float = 0.5
    next_weight: float = 0.1
    space_weight: float = 0.05
    temperature: float = 0.1
    n_pairs: int = 512
    history: Literal["mean", "text"] = "mean"
    prefixes: int = 2

    def __post_init__(self) -> None:
        if not (self.semantics or self.user_semantics or self.align):
            raise ValueError("at least one of semantics, user_semantics and align must be on; else leave it out")
        self._check_history()
        for name in ("shrinkage", "decay"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in (0, 1], got {getattr(self, name)}")
        if self.hidden is not None and self.hidden < 1:
            raise ValueError(f"hidden must be at least 1, or None, got {self.hidden}")
        if not (self.item_scale > 0.0 and 0.0 <= self.dropout < 1.0):
            raise ValueError(
                f"item_scale must be more than 0, and dropout in [0, 1), got {self.item_scale} and {self.dropout}"
            )
        if not (self.next_weight >= 0.0 and self.space_weight >= 0.0):
            raise ValueError(f"weights must be at least 0, got {self.next_weight} and {self.space_weight}")
        if not MIN_TEMPERATURE < self.temperature < MAX_TEMPERATURE:
            raise ValueError(
                f"temperature must lie between {MIN_TEMPERATURE} and {MAX_TEMPERATURE}, got {self.temperature}"
            )
        if self.n_pairs < 2:
            raise ValueError(f"n_pairs must be at least 2, got {self.n_pairs}")

    def _check_history(self) -> None:
        if self.history not in ("mean", "text") or self.prefixes < 1:
            raise ValueError(
                f"history must be 'mean' or 'text', and prefixes at least 1, got {self.history!r} and {self.prefixes}"
            )
        if self.history == "text" and not self.align:
            raise ValueError("history='text' is for the alignment losses: leave align on")


def llmrec(config: LlmRecConfig, inputs: PluginInputs) -> Plugin:
    """Build the plug-in; its random numbers come from the seed of ``inputs``.

    Raises:
        ValueError: items have more than one text vector each.
    """
    features = inputs.text()
    if features.vectors.shape[1] != 1:
        raise ValueError(f"expected one text vector for each item, got {features.vectors.shape[1]}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(inputs.seed)
        module = LlmRec(config, features, inputs.dim)

    def read(epoch: int, _table: Tensor) -> None:
        if module.read is None:
            module.read = _read(inputs, features, config)

    return Plugin(
        name="llmrec",
        module=module,
        items=module.change_items if config.semantics else None,
        state=module.change_states if config.user_semantics else None,
        losses=module.losses if config.align else None,
        before_epoch=read if config.history == "text" else None,
        metrics=module.metrics if module.learns_items and module.learns_histories else None,
    )


def _read(inputs: PluginInputs, features: Features, config: LlmRecConfig) -> HistoryTexts:
    if inputs.read is None:
        raise RunError("history='text': there is no language model for the histories. Use history='mean'.")
    return read_histories(inputs, features.present[:, 0], config.prefixes, inputs.read)


class LlmRec(nn.Module):
    """The semantic space, the gate of the states, and the alignment."""

    def __init__(self, config: LlmRecConfig, features: Features, dim: int) -> None:
        super().__init__()
        self.read: HistoryTexts | None = None
        self.config = config
        self.learns_items = config.semantics or config.align
        self.learns_histories = config.user_semantics or config.align
        self.space = SemanticSpace(features, dim, config.hidden, config.shrinkage)
        self.space.item_map.requires_grad_(self.learns_items)
        self.space.history_map.requires_grad_(self.learns_histories)
        self.item_scale = nn.Parameter(torch.tensor(config.item_scale)) if config.semantics else None
        self.gate = nn.Linear(dim + 1, dim) if config.user_semantics else None
        self.alignment = Alignment(config.temperature) if config.align else None
        if self.gate is not None:
            nn.init.zeros_(self.gate.weight)
            nn.init.zeros_(self.gate.bias)

    def change_items(self, table: Tensor) -> Tensor:
        """Return the item vectors with their semantic part added, ``[n_items, dim]``."""
        return table if self.item_scale is None else table + self.item_scale * self.space.items()

    def change_states(self, states: Tensor, history: VisibleHistory) -> Tensor:
        """Return the states with the gated text vector of the visible history up to each of them.

        The gate is ``tanh`` of a linear map of the normalized state and of ``log(1 + n visible events)``, one value for
        each dimension. It is initially 0, so that training starts from the backbone alone.
        """
        if self.gate is None:
            return states
        positions = states.shape[1]
        counts = self.space.with_text(history.rows, history.visible)
        means = recency_means(self.space.frozen, history.rows, counts, self.config.decay, positions)
        n_events = counts.cumsum(1)[:, -positions:]
        evidence = torch.cat([F.layer_norm(states, states.shape[-1:]), n_events.log1p()[..., None]], dim=-1)
        semantic = F.dropout(
            self.space.histories(means, (n_events > 0).to(means.dtype)), self.config.dropout, self.training
        )
        return states + torch.tanh(self.gate(evidence)) * semantic

    def losses(self, step: TrainingStep) -> Mapping[str, Tensor]:
        """Return the weighted alignment losses, scalars."""
        if self.alignment is None:
            return {}
        pairs = self.pairs(step)
        return {
            "next": self.config.next_weight * self.alignment.next_items(pairs),
            "space": self.config.space_weight * self.alignment.spaces(pairs),
        }

    def pairs(self, step: TrainingStep) -> Pairs:
        """Sample pairs of a step: a user's events before a target, and the target.

        The state of a pair may have seen fewer or later events: see :mod:`train.plugins.llmrec_alignment`.
        """
        drawn = torch.randperm(len(step.targets), device=step.targets.device)[: self.config.n_pairs]
        counts = self.space.with_text(step.histories, step.mask)
        before = before_targets(step.users[drawn], step.targets[drawn], step.histories, step.mask, counts)
        drawn = drawn[before.kept]
        means = newest_means(self.space.frozen, before.rows, before.counts, self.config.decay)
        if self.read is not None:
            means = self.read.in_place_of(means, before.rows, before.counts, step.targets[drawn])
        items, next_index = torch.unique(step.targets[drawn], return_inverse=True)
        return Pairs(
            histories=self.space.histories(means, torch.ones_like(means[:, 0])),
            states=step.backbone_states[drawn],
            users=step.users[drawn],
            next_index=next_index,
            semantic=self.space.items(items),
            id_embeddings=step.id_embeddings[items],
            described=self.space.described[items] > 0,
            has_id_embedding=step.has_id_embedding[items],
        )

    def metrics(self, data: EvaluationData) -> Mapping[str, float]:
        """Return how well text vectors alone retrieve next items: see :func:`retrieval_metrics`."""
        return retrieval_metrics(self.space, data, self.config.decay)
