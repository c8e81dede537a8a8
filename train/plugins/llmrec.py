"""LLMRec's semantic side: what a language model says of items and histories, in the ranking and aligned with behaviour.

After the description of LLMRec. Item vectors gain a learnt map of their frozen text vectors; states gain a gated map of
what the user's history says; InfoNCE aligns both with what comes next and with the space of behaviour. The language
model is whatever describes texts in the inputs. A state has no clock, so what it gains tells of the history alone;
the exact form, history and situation as text, is in :mod:`train.items.language`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.items.features import Features, PluginInputs
from train.plugins.llmrec_alignment import COLDEST, HOTTEST, Alignment, Pairs
from train.plugins.llmrec_figures import retrieval_figures
from train.plugins.llmrec_history import before_targets, newest_means, recency_means
from train.plugins.llmrec_space import SemanticSpace
from train.plugins.plugin import Past, Plugin, Probe, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmRecConfig:
    """What of LLMRec is used, and how strongly.

    Attributes:
        semantics: item vectors gain their texts' vectors.
        user_semantics: states gain what the history says.
        align: the losses that align both.
        hidden: width of a hidden layer of the maps; linear where None.
        shrinkage: how far text vectors stay from fully whitened, in (0, 1]: 1 only centres and scales them.
        decay: weight of an event in what a history says, relative to the next newer one, in (0, 1].
        item_scale: what semantic item vectors are multiplied by at first; learnt.
        dropout: of what states gain, while training.
        next_weight: weight of the loss between histories and next items.
        space_weight: weight of the loss between semantic and behaviour space.
        temperature: of those losses at first, between 0.02 and 0.5; learnt.
        n_pairs: pairs of history and next item in these losses a step, at most.
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

    def __post_init__(self) -> None:
        if not (self.semantics or self.user_semantics or self.align):
            raise ValueError("one of semantics, user_semantics and align must be on, else the plug-in does nothing")
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
        if not COLDEST < self.temperature < HOTTEST:
            raise ValueError(f"temperature must lie between {COLDEST} and {HOTTEST}, got {self.temperature}")
        if self.n_pairs < 2:
            raise ValueError(f"n_pairs must be at least 2, got {self.n_pairs}")


def llmrec(config: LlmRecConfig, inputs: PluginInputs) -> Plugin:
    """Return the plug-in; what it draws comes from the inputs's seed.

    Raises:
        ValueError: items are described by more than one vector of text each.
    """
    features = inputs.text()
    if features.vectors.shape[1] != 1:
        raise ValueError(f"expected one text vector an item, got {features.vectors.shape[1]}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(inputs.seed)
        module = LlmRec(config, features, inputs.dim)
    return Plugin(
        name="llmrec",
        module=module,
        items=module.change_items if config.semantics else None,
        state=module.change_states if config.user_semantics else None,
        losses=module.losses if config.align else None,
        figures=module.figures if module.learns_items and module.learns_histories else None,
    )


class LlmRec(nn.Module):
    """The semantic space, the gate of the states, and the alignment."""

    def __init__(self, config: LlmRecConfig, features: Features, dim: int) -> None:
        super().__init__()
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
        """Return the item vectors with their semantic part, ``[n_items, dim]``."""
        return table if self.item_scale is None else table + self.item_scale * self.space.items()

    def change_states(self, states: Tensor, past: Past) -> Tensor:
        """Return the states with what the visible history up to each of them says, through the gate.

        The gate is ``tanh`` of a linear map of the state's direction and of ``log(1 + n visible events)``, a number for
        each dimension. It starts at 0: the backbone alone.
        """
        if self.gate is None:
            return states
        positions = states.shape[1]
        counts = self.space.speaking(past.rows, past.visible)
        means = recency_means(self.space.frozen, past.rows, counts, self.config.decay, positions)
        n_events = counts.cumsum(1)[:, -positions:]
        evidence = torch.cat([F.layer_norm(states, states.shape[-1:]), n_events.log1p()[..., None]], dim=-1)
        said = F.dropout(
            self.space.histories(means, (n_events > 0).to(means.dtype)), self.config.dropout, self.training
        )
        return states + torch.tanh(self.gate(evidence)) * said

    def losses(self, step: Step) -> Mapping[str, Tensor]:
        """Return the weighted losses of the alignment, scalars."""
        if self.alignment is None:
            return {}
        pairs = self.pairs(step)
        return {
            "next": self.config.next_weight * self.alignment.next_items(pairs),
            "space": self.config.space_weight * self.alignment.spaces(pairs),
        }

    def pairs(self, step: Step) -> Pairs:
        """Return pairs drawn from a step: what the user did before a target, and the target.

        The state of a pair may have seen fewer or later events than that: see :mod:`train.plugins.llmrec_alignment`.
        """
        drawn = torch.randperm(len(step.targets), device=step.targets.device)[: self.config.n_pairs]
        counts = self.space.speaking(step.histories, step.mask)
        before = before_targets(step.users[drawn], step.targets[drawn], step.histories, step.mask, counts)
        drawn = drawn[before.asked]
        means = newest_means(self.space.frozen, before.rows, before.counts, self.config.decay)
        items, place = torch.unique(step.targets[drawn], return_inverse=True)
        return Pairs(
            histories=self.space.histories(means, torch.ones_like(means[:, 0])),
            states=step.plain_states[drawn],
            users=step.users[drawn],
            place=place,
            semantic=self.space.items(items),
            own=step.own[items],
            described=self.space.described[items] > 0,
            learnt=step.has_own[items],
        )

    def figures(self, probe: Probe) -> Mapping[str, float]:
        """Return how well histories find next items by meaning alone: see :func:`retrieval_figures`."""
        return retrieval_figures(self.space, probe, self.config.decay)
