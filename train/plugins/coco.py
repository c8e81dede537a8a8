r"""CoCo: prompts selected for each user, and language-model knowledge that is used only where it helps.

Implements the description of CoCo. :mod:`train.plugins.prompt_codebook` selects prompts for users,
:mod:`train.plugins.knowledge_attention` adds knowledge to the state through them, and
:mod:`train.plugins.knowledge_model` holds the language model's output for items. This module combines them:

.. math::
    L = L_r + 0.2\,L_{aux} + 0.15\,L_{ortho} + 0.25\,L_Q, \qquad M = 1[m(h_{aligned}) > m(h_{RS})]

with ``m(h) = h . v_t - max_j h . v_j``, the margin by which the target's score exceeds that of the best other item.

``h_RS`` is the input state of CoCo: the backbone's state, possibly changed by earlier plug-ins. ``L_aux`` is InfoNCE
with in-batch negatives between users' newest ``h_RS`` and their next items; it keeps states useful without knowledge.
The language model's LoRA is trained on ``L_r`` of samples with ``M = 0`` only, and that term trains nothing else.

Deviations:

- The description compares cosines with the target for ``M``. The margin is what ranks items, while a cosine can rise
  together with those of all other items. Devices, which know no target, compare cosines on past events
  (docs/adr/0010-knowledge-by-own-past.md).
- ``h_mix`` is one vector for each of the newest ``window`` events, the mean over its item's text, mapped to the width
  of states (initially whitened) and normalized without a learned scale; the description encodes the whole history with
  the language model. Prompts therefore attend over items and not over tokens: the tokens of a history would cost
  ``window`` times the tokens of a text at every trained position, and could not be cached for each item.
"""

from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import orthogonal
from torch.utils.checkpoint import checkpoint

from train.items.features import PluginInputs
from train.items.text import ItemTexts
from train.objectives.contrast import directions, info_nce
from train.plugins.coco_initialization import cluster_centres, whitening_linear
from train.plugins.coco_metrics import knowledge_metrics
from train.plugins.knowledge_attention import KnowledgeAttention, helped
from train.plugins.knowledge_model import ItemKnowledge, cached_knowledge, tunable_knowledge
from train.plugins.plugin import Plugin, TrainingStep, VisibleHistory
from train.plugins.prompt_codebook import PromptCodebook

# Attention weights of prompts over events in memory at once; larger batches are chunked and recomputed in backward.
_MAX_WEIGHTS = 1 << 23
# Momentum of the running mean: an average over about twenty steps.
_CENTRE_STEP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CoCoConfig:
    """Settings of CoCo.

    Attributes:
        n_prompts: number of prompts in the codebook, K.
        threshold: minimum cosine between a user and a selected prompt.
        max_selected: maximum number of prompts for a user; the nearest one is always selected.
        window: number of newest events whose texts a state attends to.
        temperature: temperature of ``L_aux``.
        dropout: dropout of the knowledge added to states. Without it a model of a small log overfits to texts (on
            Beauty it reached 0.062 in validation, at the training loss where the backbone alone reached 0.068).
        language_model: ``minilm``, or a Hugging Face id or folder, to be fine-tuned; None uses the frozen text features
            of the plug-in's inputs.
        llm_budget: texts that the language model encodes again in each step; 0 is the ablation without fine-tuning.
        static_prompt: ablation: all users get the shared prompt only.
        disentangle: False is the ablation in which prompts use the mean of the language model's output.
        auxiliary_weight: weight of ``L_aux``.
        orthogonality_weight: weight of ``L_ortho``.
        quantization_weight: weight of ``L_Q``.
    """

    n_prompts: int = 64
    threshold: float = 0.45
    max_selected: int = 30
    window: int = 8
    temperature: float = 0.1
    dropout: float = 0.5
    language_model: str | None = None
    llm_budget: int = 4
    static_prompt: bool = False
    disentangle: bool = True
    auxiliary_weight: float = 0.2
    orthogonality_weight: float = 0.15
    quantization_weight: float = 0.25

    def __post_init__(self) -> None:
        for name in ("n_prompts", "max_selected", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("llm_budget", "auxiliary_weight", "orthogonality_weight", "quantization_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be at least 0, got {getattr(self, name)}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        if not -1.0 <= self.threshold <= 1.0:
            raise ValueError(f"threshold is a cosine, in [-1, 1], got {self.threshold}")
        if not self.temperature > 0.0:
            raise ValueError(f"temperature must be more than 0, got {self.temperature}")


def coco(config: CoCoConfig, inputs: PluginInputs) -> Plugin:
    """Build the plug-in; its random numbers come from the seed of ``inputs``.

    Raises:
        DataError: the language model or the text extractor cannot be loaded.
        RunError: the language model has no q and v projections to tune.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(inputs.seed)
        if config.language_model is None:
            knowledge = cached_knowledge(inputs.text())
        else:
            knowledge = tunable_knowledge(config.language_model, ItemTexts(inputs.catalogue))
        module = CoCo(config, knowledge, inputs.dim)

    def before_epoch(epoch: int, table: Tensor) -> None:
        module.codebook.restart_dead(torch.Generator().manual_seed(inputs.seed * 100_003 + epoch))
        if module.tunes:
            module.knowledge.refresh_share(epoch)

    return Plugin(
        name="coco",
        module=module,
        state=module.align,
        losses=module.losses,
        before_epoch=before_epoch,
        finalize=module.knowledge.refresh_all if module.tunes else None,
        device_prompts=module.device_prompts,
        metrics=partial(knowledge_metrics, module.align, module.select_prompts, module.prompt_cosines),
    )


class CoCo(nn.Module):
    """The trainable part of CoCo. ``centre`` is a running mean of the users' newest input states."""

    centre: Tensor

    def __init__(self, config: CoCoConfig, knowledge: ItemKnowledge, dim: int) -> None:
        super().__init__()
        self.config = config
        self.knowledge = knowledge
        described = knowledge.states[knowledge.present > 0]
        width = knowledge.states.shape[1]
        self.text_map = whitening_linear(described, dim) if len(described) else nn.Linear(width, dim)
        turn = nn.Linear(dim, dim, bias=False)
        nn.init.orthogonal_(turn.weight)
        orthogonal(turn)
        self.user_map = turn
        self.register_buffer("centre", torch.zeros(dim))
        with torch.no_grad():
            rows = cluster_centres(self.project(described), config.n_prompts)
        self.codebook = PromptCodebook(rows, threshold=config.threshold, max_selected=config.max_selected)
        self.attention = KnowledgeAttention(dim, window=config.window, disentangle=config.disentangle)

    @property
    def tunes(self) -> bool:
        """Whether the language model is fine-tuned."""
        return self.knowledge.can_learn and self.config.llm_budget > 0

    def project(self, hidden: Tensor) -> Tensor:
        """Map the language model's output to the width of states, ``h_mix``: ``[..., width]`` to ``[..., dim]``."""
        return F.layer_norm(self.text_map(hidden), (self.text_map.out_features,))

    def features(self, vectors: Tensor, centre: Tensor | None = None) -> Tensor:
        """Return features of vectors, of unit length; same shape. Those of states are ``e_u``.

        These are the states relative to the mean user, rotated. An unconstrained map would satisfy ``L_Q`` by sending
        all users to the same few prompts: after three epochs on Beauty, 5 of 64 prompts were still in use.

        Args:
            vectors: states, or item vectors, ``[..., dim]``.
            centre: the mean that features are relative to; that of states if None.
        """
        return directions(self.user_map(vectors - (self.centre if centre is None else centre)))

    def prompt_cosines(self, vectors: Tensor, centre: Tensor | None = None) -> Tensor:
        """Return the cosine of each vector's feature with each prompt, ``[..., K]``; arguments as :meth:`features`."""
        return self.features(vectors, centre) @ directions(self.codebook.prompts).T

    def select_prompts(self, states: Tensor) -> Tensor:
        """Select prompts for states ``[..., dim]``; returns bool ``[..., K]``."""
        if self.config.static_prompt:
            n_prompts = len(self.codebook.prompts)
            return torch.zeros(*states.shape[:-1], n_prompts, dtype=torch.bool, device=states.device)
        return self.codebook.select(self.features(states))

    def forward(self, states: Tensor, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return ``h_aligned``, ``[batch, positions, dim]``.

        Args:
            states: ``h_RS`` at the newest positions, ``[batch, positions, dim]``.
            hidden: the language model's output for each event's item, ``[batch, length, width]``.
            mask: 1 for an event that a state may attend to, else 0, ``[batch, length]``.
        """
        prompts = torch.cat([self.codebook.prompts, self.codebook.shared[None]])
        chosen = F.pad(self.select_prompts(states), (0, 1), value=True)
        nudge = torch.zeros_like(states)
        if not self.config.static_prompt:
            # Straight-through estimator (van den Oord et al. 2017): gradients of selected prompts go to the features.
            features = self.features(states)
            nudge = features - features.detach()
        aligned: Tensor = self.attention(states, prompts, nudge, chosen, self.project(hidden), mask)
        return aligned

    def align(self, states: Tensor, history: VisibleHistory) -> Tensor:
        """Return the states with knowledge; as ``Plugin.state``."""
        added = self._aligned(states, history) - states
        return states + F.dropout(added, self.config.dropout, self.training)

    def _aligned(self, states: Tensor, history: VisibleHistory) -> Tensor:
        n_events = states.shape[1] + self.config.window - 1
        # Look up before chunking: by the time a chunk is recomputed, a step may have changed the cache.
        hidden, present = self.knowledge.look_up(history.rows[:, -n_events:])
        mask = history.visible[:, -n_events:] * present
        chunk = max(1, _MAX_WEIGHTS // (states.shape[1] * (self.config.n_prompts + 1) * self.config.window))
        if len(states) <= chunk:
            whole: Tensor = self(states, hidden, mask)
            return whole
        pieces = zip(*(torch.split(part, chunk) for part in (states, hidden, mask)), strict=True)
        return torch.cat([checkpoint(self, *piece, use_reentrant=False, preserve_rng_state=False) for piece in pieces])

    def losses(self, step: TrainingStep) -> dict[str, Tensor]:
        """Return the weighted terms of the loss."""
        newest = step.last_indices
        terms = {"auxiliary": self.config.auxiliary_weight * self._auxiliary_loss(step, newest)}
        if not self.config.static_prompt:
            terms |= self._codebook_terms(step.input_states, newest)
        if self.tunes:
            terms["language_model"] = self._tuning_loss(step, newest)
        return terms

    def device_prompts(self) -> Tensor:
        """Return the prompts as directions of ``h_RS``, ``[K, dim]``: ``e_u . z_k`` is along ``h . (z_k W)``.

        They are used as directions of the backbone's states, as plug-ins before CoCo add to states and rotate nothing.
        """
        return directions(self.codebook.prompts.detach() @ self.user_map.weight.detach())

    def _auxiliary_loss(self, step: TrainingStep, newest: Tensor) -> Tensor:
        targets = step.targets[newest]
        same = targets[:, None] == targets
        return info_nce(step.input_states[newest], step.table[targets], same, temperature=self.config.temperature)

    def _codebook_terms(self, states: Tensor, newest: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            self.centre.lerp_(states[newest].mean(0), _CENTRE_STEP)
        features = self.features(states)
        chosen = self.codebook.select(features)
        self.codebook.track(features[newest], chosen[newest])
        return {
            "orthogonality": self.config.orthogonality_weight * self.codebook.orthogonality_loss(),
            "quantization": self.config.quantization_weight * self.codebook.quantization_loss(features, chosen),
        }

    def _tuning_loss(self, step: TrainingStep, newest: Tensor) -> Tensor:
        """Return the part of ``L_r`` of some samples that knowledge does not help, for the LoRA only; 0 for none."""
        rows = step.histories[step.users[newest], :-1][:, -self.config.window :]
        hidden, present = self.knowledge.look_up(rows)
        mask = step.mask[step.users[newest], :-1][:, -self.config.window :] * present
        picked = self._unhelped(step, newest, hidden, mask)
        if not len(picked):
            return step.states.new_zeros(())
        newest, rows, hidden, mask = newest[picked], rows[picked], hidden[picked], mask[picked]
        position = torch.multinomial(mask, 1)
        fresh = self.knowledge.encode_for_tuning(rows.gather(1, position)[:, 0])
        hidden = hidden.scatter(1, position[:, :, None].expand(-1, -1, hidden.shape[2]), fresh[:, None])
        fixed = {name: value.detach() for name, value in self.named_parameters()}
        aligned = functional_call(self, fixed, (step.input_states[newest, None].detach(), hidden, mask))[:, 0]
        scores = aligned @ step.table.detach().T
        return F.cross_entropy(scores, step.targets[newest], reduction="sum") / len(step.targets)

    @torch.no_grad()
    def _unhelped(self, step: TrainingStep, newest: Tensor, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return indices into ``newest`` of states with ``M = 0``: at most the budget, drawn from torch's generator.

        Only a state whose target is the user's newest event is certain to have seen all events before it.
        """
        states, targets = step.input_states[newest], step.targets[newest]
        aligned = self(states[:, None], hidden, mask)[:, 0]
        predicts_newest = targets == step.histories[step.users[newest], -1]
        eligible = predicts_newest & (mask > 0).any(1) & ~helped(aligned, states, targets, step.table)
        indices = eligible.nonzero()[:, 0]
        return indices[torch.randperm(len(indices), device=indices.device)[: self.config.llm_budget]]
