r"""CoCo: prompts that fit the user, and a language model's knowledge that is kept only where it helps.

After the description of CoCo. :mod:`train.plugins.prompt_codebook` matches users with prompts,
:mod:`train.plugins.knowledge_attention` draws knowledge through them into the state, and
:mod:`train.plugins.knowledge_model` holds what the language model said of items. Here they are put together:

.. math::
    L = L_r + 0.2\,L_{aux} + 0.15\,L_{ortho} + 0.25\,L_Q, \qquad M = 1[\cos(h_{aligned}, v_t) > \cos(h_{RS}, v_t)]

``h_RS`` is everywhere the state that comes to CoCo: the backbone's own, or what plug-ins before it made of it.
``L_aux`` is InfoNCE between users' newest ``h_RS`` and the items that came next, within the batch: it keeps states of
use without knowledge. The language model's LoRA learns from ``L_r`` of samples with ``M = 0`` alone; that term reaches
nothing but the LoRA.

Where we deviate: ``h_mix`` is one vector for each of the newest ``window`` events, the mean over its item's text,
mapped to the width of states and normalized without a scale of its own, where the description has what the language
model says of a whole history. So prompts attend over items, not over words: a history's words would cost ``window``
times the words of a text at every position that is trained, and can be cached for no item.
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
from train.plugins.coco_figures import knowledge_figures
from train.plugins.knowledge_attention import KnowledgeAttention, helped
from train.plugins.knowledge_model import ItemKnowledge, cached_knowledge, tunable_knowledge
from train.plugins.plugin import Past, Plugin, Step
from train.plugins.prompt_codebook import PromptCodebook
from train.plugins.semantic_start import cluster_centres, principal_map

# Attention weights of prompts over events that are held at once; beyond it, chunks are computed again for the gradient.
_MOST_WEIGHTS = 1 << 23
# Some twenty steps decide where the average user is.
_CENTRE_STEP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CoCoConfig:
    """What of CoCo is used, and how strongly.

    Attributes:
        n_prompts: K, the rows of the codebook.
        threshold: the cosine from which on a prompt fits a user.
        max_selected: prompts a user gets at most; the nearest one in any case.
        window: the newest events whose texts a state is told of.
        temperature: of ``L_aux``.
        dropout: of what knowledge adds to states, while training; without it a model over a small log learns texts by
            heart (on Beauty, at the training loss where the backbone alone validates at 0.068, it was at 0.062).
        language_model: ``minilm``, or a Hugging Face id or folder, to be tuned; None takes the inputs's frozen text
            features.
        llm_budget: texts a step that the language model reads anew; 0 is the ablation without fine-tuning.
        static_prompt: ablation: everybody gets the shared prompt alone.
        disentangle: False is the ablation in which prompts draw the mean of what the language model said.
        auxiliary_weight: of ``L_aux``.
        orthogonality_weight: of ``L_ortho``.
        quantization_weight: of ``L_Q``.
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
    """Return the plug-in; what it draws comes from the inputs's seed.

    Raises:
        DataError: the language model, or what describes texts, cannot be loaded.
        RunError: the language model has no q and v to tune.
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
        settle=module.knowledge.refresh_all if module.tunes else None,
        device_prompts=module.device_prompts,
        figures=partial(knowledge_figures, module.align, module.chosen),
    )


class CoCo(nn.Module):
    """Everything of CoCo that is learnt; ``centre`` follows the mean of users' newest states as they come to CoCo."""

    centre: Tensor

    def __init__(self, config: CoCoConfig, knowledge: ItemKnowledge, dim: int) -> None:
        super().__init__()
        self.config = config
        self.knowledge = knowledge
        described = knowledge.states[knowledge.present > 0]
        self.text_map = principal_map(described, dim) if len(described) else nn.Linear(knowledge.states.shape[1], dim)
        turn = nn.Linear(dim, dim, bias=False)
        nn.init.orthogonal_(turn.weight)
        orthogonal(turn)
        self.user_map = turn
        self.register_buffer("centre", torch.zeros(dim))
        with torch.no_grad():
            rows = cluster_centres(self.mapped(described), config.n_prompts)
        self.codebook = PromptCodebook(rows, threshold=config.threshold, max_selected=config.max_selected)
        self.attention = KnowledgeAttention(dim, window=config.window, disentangle=config.disentangle)

    @property
    def tunes(self) -> bool:
        """Whether training tunes the language model."""
        return self.knowledge.can_learn and self.config.llm_budget > 0

    def mapped(self, hidden: Tensor) -> Tensor:
        """Return the language model's output in the width of states, ``h_mix``: ``[..., width]`` to ``[..., dim]``."""
        return F.layer_norm(self.text_map(hidden), (self.text_map.out_features,))

    def features(self, states: Tensor) -> Tensor:
        """Return ``e_u`` of states, of unit length; same shape.

        It is where a state lies as seen from the average user, turned. A free map would satisfy ``L_Q`` by sending
        everybody to the same few prompts: after three epochs on Beauty, 5 of 64 were left in use.
        """
        return directions(self.user_map(states - self.centre))

    def chosen(self, states: Tensor) -> Tensor:
        """Return which prompts fit states ``[..., dim]``, bool ``[..., K]``."""
        if self.config.static_prompt:
            n_prompts = len(self.codebook.prompts)
            return torch.zeros(*states.shape[:-1], n_prompts, dtype=torch.bool, device=states.device)
        return self.codebook.select(self.features(states))

    def forward(self, states: Tensor, hidden: Tensor, told: Tensor) -> Tensor:
        """Return ``h_aligned``, ``[batch, positions, dim]``.

        Args:
            states: ``h_RS`` at the newest positions, ``[batch, positions, dim]``.
            hidden: what the language model said of each event's item, ``[batch, length, width]``.
            told: 1 for an event that a state may be told of, else 0, ``[batch, length]``.
        """
        prompts = torch.cat([self.codebook.prompts, self.codebook.shared[None]])
        chosen = F.pad(self.chosen(states), (0, 1), value=True)
        nudge = torch.zeros_like(states)
        if not self.config.static_prompt:
            # Straight through (van den Oord et al. 2017): where a selected prompt should move, the features should too.
            features = self.features(states)
            nudge = features - features.detach()
        aligned: Tensor = self.attention(states, prompts, nudge, chosen, self.mapped(hidden), told)
        return aligned

    def align(self, states: Tensor, past: Past) -> Tensor:
        """Return the states with knowledge, as a plug-in does."""
        added = self._aligned(states, past) - states
        return states + F.dropout(added, self.config.dropout, self.training)

    def _aligned(self, states: Tensor, past: Past) -> Tensor:
        n_events = states.shape[1] + self.config.window - 1
        # Looked up before any chunk: by the time that one is computed again, a step may have changed what is cached.
        hidden, present = self.knowledge.look_up(past.rows[:, -n_events:])
        told = past.visible[:, -n_events:] * present
        chunk = max(1, _MOST_WEIGHTS // (states.shape[1] * (self.config.n_prompts + 1) * self.config.window))
        if len(states) <= chunk:
            whole: Tensor = self(states, hidden, told)
            return whole
        pieces = zip(*(torch.split(part, chunk) for part in (states, hidden, told)), strict=True)
        return torch.cat([checkpoint(self, *piece, use_reentrant=False, preserve_rng_state=False) for piece in pieces])

    def losses(self, step: Step) -> dict[str, Tensor]:
        """Return CoCo's terms, weighted."""
        newest = step.newest
        terms = {"auxiliary": self.config.auxiliary_weight * self._auxiliary_loss(step, newest)}
        if not self.config.static_prompt:
            terms |= self._codebook_terms(step.before, newest)
        if self.tunes:
            terms["language_model"] = self._tuning_loss(step, newest)
        return terms

    def device_prompts(self) -> Tensor:
        """Return the prompts as directions of ``h_RS``, ``[K, dim]``: ``e_u . z_k`` is along ``h . (z_k W)``.

        They are taken for directions of the backbone's states, as plug-ins before CoCo add to those and turn nothing.
        """
        return directions(self.codebook.prompts.detach() @ self.user_map.weight.detach())

    def _auxiliary_loss(self, step: Step, newest: Tensor) -> Tensor:
        targets = step.targets[newest]
        same = targets[:, None] == targets
        return info_nce(step.before[newest], step.table[targets], same, temperature=self.config.temperature)

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

    def _tuning_loss(self, step: Step, newest: Tensor) -> Tensor:
        """Return the share in ``L_r`` of some samples that knowledge does not help, for the LoRA alone; 0 for none."""
        rows = step.histories[step.users[newest], :-1][:, -self.config.window :]
        mask = step.mask[step.users[newest], :-1][:, -self.config.window :]
        hidden, present = self.knowledge.look_up(rows)
        told = mask * present
        picked = self._unhelped(step, newest, hidden, told)
        if not len(picked):
            return step.states.new_zeros(())
        newest, rows, hidden, told = newest[picked], rows[picked], hidden[picked], told[picked]
        place = torch.multinomial(told, 1)
        fresh = self.knowledge.read_again(rows.gather(1, place)[:, 0])
        hidden = hidden.scatter(1, place[:, :, None].expand(-1, -1, hidden.shape[2]), fresh[:, None])
        fixed = {name: value.detach() for name, value in self.named_parameters()}
        aligned = functional_call(self, fixed, (step.before[newest, None].detach(), hidden, told))[:, 0]
        scores = aligned @ step.table.detach().T
        return F.cross_entropy(scores, step.targets[newest], reduction="sum") / len(step.targets)

    @torch.no_grad()
    def _unhelped(self, step: Step, newest: Tensor, hidden: Tensor, told: Tensor) -> Tensor:
        """Return which of the ``newest`` states have ``M = 0``, at most the budget, drawn from torch's generator.

        Only a state that is asked for the user's newest event is certain to have known all events before it.
        """
        states, targets = step.before[newest], step.targets[newest]
        aligned = self(states[:, None], hidden, told)[:, 0]
        predicts_newest = targets == step.histories[step.users[newest], -1]
        asked = predicts_newest & (told > 0).any(1) & ~helped(aligned, states, step.table[targets])
        found = asked.nonzero()[:, 0]
        return found[torch.randperm(len(found), device=found.device)[: self.config.llm_budget]]
