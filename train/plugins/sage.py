"""SAGE: cold start and diversity. Composes adaptive gradients, a reused vocabulary and varied lists.

After the description of SAGE, each part by itself and each with a switch:

- *adaptive gradients*: what a short history teaches counts more than what a long one does (:func:`gradient_scale`);
- *vocabulary reuse*: item vectors come from the text features, by default on top of a table
  (:mod:`train.plugins.sage_vocabulary` says why);
- *sequence-level diversity*: the list that the model would show is penalized for what it repeats
  (:mod:`train.objectives.redundancy`).

The device has the other half of the diversity, one knob from precise to varied: :mod:`edge_runtime.variety`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from train.items.features import Features, PluginInputs, text_space
from train.plugins.plugin import Plugin, Step
from train.plugins.sage_figures import figures
from train.plugins.sage_lists import shown_redundancy
from train.plugins.sage_vocabulary import ReusedVocabulary

VocabularyKind = Literal["reuse", "dedicated", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SageConfig:
    """What SAGE does, and how strongly.

    Attributes:
        gamma: exponent of the gradient scale; 0 treats all lengths alike.
        half_length: ``l0`` of the gradient scale, events.
        vocabulary: ``reuse`` makes item vectors of texts alone and ignores the table, and with it whatever plug-ins
            before this one made of it: apply SAGE first then. ``dedicated`` leaves the table alone, ``both`` adds what
            comes of texts to it.
        hidden: width of the hidden layer between text and item vector; linear where 0.
        diversity: weight of the redundancy of the shown list; 0 leaves it out.
        list_length: items of the list whose redundancy counts.
        n_candidates: best items of a user that the list is softly chosen from.
        n_users: users of a step whose lists are looked at.
        temperature: how soft the choice is, in standard deviations of the candidates' scores.
    """

    gamma: float = 0.5
    half_length: float = 10.0
    vocabulary: VocabularyKind = "both"
    hidden: int = 0
    diversity: float = 0.1
    list_length: int = 10
    n_candidates: int = 50
    n_users: int = 64
    temperature: float = 0.5

    def __post_init__(self) -> None:
        if self.vocabulary not in get_args(VocabularyKind):
            raise ValueError(f"vocabulary must be one of {get_args(VocabularyKind)}, got {self.vocabulary!r}")
        if not all(0 <= value < inf for value in (self.gamma, self.diversity, self.hidden)):
            raise ValueError(
                f"gamma, diversity and hidden must be at least 0, got {self.gamma}, {self.diversity}, {self.hidden}"
            )
        if not all(0 < value < inf for value in (self.half_length, self.temperature)):
            raise ValueError(f"half_length and temperature must be above 0, got {self.half_length}, {self.temperature}")
        if not 2 <= self.list_length < self.n_candidates <= 512:
            raise ValueError(
                f"expected 2 <= list_length < n_candidates <= 512, got {self.list_length}, {self.n_candidates}"
            )
        if self.n_users < 1:
            raise ValueError(f"n_users must be at least 1, got {self.n_users}")


class Sage(nn.Module):
    """What SAGE knows of the items' texts, and the map that is learnt from them.

    Attributes:
        extractor: name of the features that :meth:`map_texts` takes.
    """

    text: Tensor

    def __init__(self, config: SageConfig, inputs: PluginInputs) -> None:
        super().__init__()
        features = inputs.text()
        self.extractor = features.extractor
        self._config = config
        # Frozen and read from the features at each start: no part of the weights.
        self.register_buffer("text", torch.from_numpy(text_space(features)), persistent=False)
        self.vocabulary: ReusedVocabulary | None = None
        if config.vocabulary != "dedicated":
            seen = torch.from_numpy(inputs.counts() > 0) & (self.text != 0).any(1)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(inputs.seed)
                self.vocabulary = ReusedVocabulary(
                    self.text[seen], inputs.dim, config.hidden, from_zero=config.vocabulary == "both"
                )

    @property
    def ignores_table(self) -> bool:
        """Return whether item vectors come from texts alone."""
        return self._config.vocabulary == "reuse"

    def items(self, table: Tensor) -> Tensor:
        """Return item vectors ``[n_items, dim]`` in place of, or on top of, those of ``table``."""
        if self.vocabulary is None:
            return table
        vectors: Tensor = self.vocabulary(self.text)
        return vectors if self.ignores_table else table + vectors

    def map_texts(self, features: Features) -> Tensor:
        """Return what the map makes of any texts, ``[n, dim]``, without training anything.

        It is a new item's part of :meth:`items`, not yet its vector: see
        :func:`train.full_model.new_items.new_item_vectors`.

        Args:
            features: of the texts, by the extractor that this model was trained with.

        Raises:
            ValueError: there is no reused vocabulary, or the features are another extractor's.
        """
        if self.vocabulary is None:
            raise ValueError("a dedicated vocabulary has no vector for a new item; train with vocabulary='both'")
        if (features.extractor, features.width) != (self.extractor, self.text.shape[1]):
            raise ValueError(
                f"expected features of {self.extractor!r}, {self.text.shape[1]} wide, "
                f"got {features.extractor!r}, {features.width} wide"
            )
        vectors: Tensor = self.vocabulary(torch.from_numpy(text_space(features)).to(self.text))
        return vectors

    def losses(self, step: Step) -> Mapping[str, Tensor]:
        """Return the redundancy of the lists that some users of the batch would be shown, weighted."""
        config = self._config
        found = shown_redundancy(
            step,
            self.text,
            list_length=config.list_length,
            n_candidates=config.n_candidates,
            n_users=config.n_users,
            temperature=config.temperature,
        )
        return {"redundancy": config.diversity * found}


def sage(config: SageConfig, inputs: PluginInputs) -> Plugin:
    """Return the plug-in; an absent part of the configuration is an absent part of it."""
    has_vocabulary = config.vocabulary != "dedicated"
    module = Sage(config, inputs) if has_vocabulary or config.diversity > 0 else None
    return Plugin(
        name="sage",
        module=module,
        items=module.items if module is not None and has_vocabulary else None,
        losses=module.losses if module is not None and config.diversity > 0 else None,
        scale=(lambda lengths: gradient_scale(lengths, config.half_length, config.gamma)) if config.gamma > 0 else None,
        figures=lambda probe: figures(probe, text_space(inputs.text()), config.list_length),
    )


def gradient_scale(lengths: Tensor, half_length: float, gamma: float) -> Tensor:
    r"""Return how strongly each user's events count before they are normalized, ``s`` of each length, ``[users]``.

    .. math::
        g_u = \frac{s(l_u)}{\sum_v n_v\, s(l_v) \,/\, \sum_v n_v}, \qquad
        s(l) = \Bigl(\frac{l_0}{l_0 + l}\Bigr)^{\gamma}

    with ``n_v`` the events of a user that the batch asks for. ``g_u`` is what acts: the main loss divides by the sum of
    its weights (:func:`train.objectives.cross_entropy.full_cross_entropy`), so that ``g`` has mean 1 over the events of
    a batch, whatever factor all of ``s`` have in common. The loss is a mean over events: this mean keeps the meaning of
    the learning rate, one over users would not.

    After the description of SAGE: a decreasing function of the length, so that short histories explore in larger steps
    and long ones exploit in smaller ones. The form of ``s`` is ours: smooth, between 1 for no event and 0 for endlessly
    many, and constant for ``gamma = 0``.

    The main loss alone is scaled. What a plug-in's terms are means over (users, pairs, items) is its own to know, a
    weight of a user says nothing in many of them, and plug-ins do not know each other. SAGE's own redundancy counts
    each drawn user once as it is.

    Args:
        lengths: number of events of each user, ``[users]``.
        half_length: ``l0``, the length at which ``s`` has fallen to ``2 ** -gamma``.
        gamma: how fast it falls.
    """
    return (half_length / (half_length + lengths)) ** gamma
