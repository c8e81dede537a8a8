"""SAGE: cold start and diversity, by adaptive gradients, a reused vocabulary and diverse lists.

Implements the description of SAGE; each part can be switched off:

- *adaptive gradients*: short histories get a larger weight in the loss than long ones (:func:`gradient_scale`);
- *vocabulary reuse*: item vectors come from the text features, by default on top of a table
  (see :mod:`train.plugins.sage_vocabulary`);
- *sequence-level diversity*: redundancy in the list that the model would recommend is penalized
  (:mod:`train.objectives.redundancy`).

The other half of the diversity is on the device, a setting between precise and diverse: :mod:`edge_runtime.diversity`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from train.items.features import Features, PluginInputs, text_space
from train.plugins.plugin import Plugin, TrainingStep
from train.plugins.sage_lists import shown_redundancy
from train.plugins.sage_metrics import sage_metrics
from train.plugins.sage_vocabulary import ReusedVocabulary

VocabularyKind = Literal["reuse", "dedicated", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SageConfig:
    """Settings of SAGE.

    Attributes:
        gamma: exponent of the gradient scale; 0 weights all lengths the same.
        half_length: ``l0`` of the gradient scale, in events.
        vocabulary: ``reuse`` computes item vectors from texts alone and ignores the table, including the changes of
            earlier plug-ins, so SAGE must then come first. ``dedicated`` leaves the table unchanged, ``both`` adds the
            vectors from texts to it.
        hidden: width of the hidden layer between text and item vector; 0 makes the projection linear.
        diversity: weight of the redundancy of the recommended list; 0 turns it off.
        list_length: length of the list whose redundancy is penalized.
        n_candidates: number of a user's best items from which the list is softly selected.
        n_users: number of users of a step whose lists are penalized.
        temperature: softness of the selection, in standard deviations of the candidates' scores.
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
    """The text vectors of the items, and the learned projection from them.

    Attributes:
        extractor: name of the extractor whose features :meth:`map_texts` takes.
    """

    text: Tensor

    def __init__(self, config: SageConfig, inputs: PluginInputs) -> None:
        super().__init__()
        features = inputs.text()
        self.extractor = features.extractor
        self._config = config
        # Frozen and loaded from the features at each start, so not part of the weights.
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
        """Whether item vectors are computed from texts alone."""
        return self._config.vocabulary == "reuse"

    def items(self, table: Tensor) -> Tensor:
        """Return item vectors ``[n_items, dim]`` that replace, or add to, those of ``table``."""
        if self.vocabulary is None:
            return table
        vectors: Tensor = self.vocabulary(self.text)
        return vectors if self.ignores_table else table + vectors

    def map_texts(self, features: Features) -> Tensor:
        """Project the features of any texts, ``[n, dim]``, without training.

        The result is a new item's part of :meth:`items`, not yet its vector: see
        :func:`train.full_model.new_items.new_item_vectors`.

        Args:
            features: features of the texts, from the extractor that this model was trained with.

        Raises:
            ValueError: there is no reused vocabulary, or the features are from a different extractor.
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

    def losses(self, step: TrainingStep) -> Mapping[str, Tensor]:
        """Return the weighted redundancy of the lists that the model would show to some users of the batch."""
        config = self._config
        value = shown_redundancy(
            step,
            self.text,
            list_length=config.list_length,
            n_candidates=config.n_candidates,
            n_users=config.n_users,
            temperature=config.temperature,
        )
        return {"redundancy": config.diversity * value}


def sage(config: SageConfig, inputs: PluginInputs) -> Plugin:
    """Build the plug-in; parts that are switched off are None."""
    has_vocabulary = config.vocabulary != "dedicated"
    module = Sage(config, inputs) if has_vocabulary or config.diversity > 0 else None
    return Plugin(
        name="sage",
        module=module,
        items=module.items if module is not None and has_vocabulary else None,
        losses=module.losses if module is not None and config.diversity > 0 else None,
        loss_weights=(lambda lengths: gradient_scale(lengths, config.half_length, config.gamma))
        if config.gamma > 0
        else None,
        metrics=lambda data: sage_metrics(data, text_space(inputs.text()), config.list_length),
    )


def gradient_scale(lengths: Tensor, half_length: float, gamma: float) -> Tensor:
    r"""Return the unnormalized weight of each user's events in the loss, ``s`` of each length, ``[users]``.

    .. math::
        g_u = \frac{s(l_u)}{\sum_v n_v\, s(l_v) \,/\, \sum_v n_v}, \qquad
        s(l) = \Bigl(\frac{l_0}{l_0 + l}\Bigr)^{\gamma}

    with ``n_v`` the number of a user's targets in the batch. ``g_u`` is the effective weight: the main loss divides by
    the sum of its weights (:func:`train.objectives.cross_entropy.full_cross_entropy`), so ``g`` has mean 1 over the
    events of a batch, whatever factor all ``s`` share. The loss is a mean over events: with this normalization the
    learning rate keeps its meaning, which normalizing over users would not give.

    The description of SAGE asks for a decreasing function of the length, so that short histories explore in larger
    steps and long ones exploit in smaller ones. The form of ``s`` is ours: smooth, 1 for no event, 0 in the limit of
    many, and constant for ``gamma = 0``.

    Only the main loss is scaled: the terms of other plug-ins are means over different units (users, pairs, items), so a
    weight for each user would not apply to many of them. SAGE's own redundancy weights all sampled users the same.

    Args:
        lengths: number of events of each user, ``[users]``.
        half_length: ``l0``, the length at which ``s`` is ``2 ** -gamma``.
        gamma: rate of the decrease.
    """
    return (half_length / (half_length + lengths)) ** gamma
