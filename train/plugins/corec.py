"""CoRec: contrastive learning over sequences and reconstruction within a user's interests, weighted for each user.

Each user of a batch is encoded three times: the sequence twice, under different dropout, and a sequence of any training
user that leads to the same next item (:mod:`train.plugins.corec_same_target`). The states are contrasted with those of
the other users (positives and negatives: :mod:`train.plugins.corec_users`). A variational autoencoder reconstructs the
user's items (:mod:`train.plugins.corec_completion`) within clusters of items (:mod:`train.plugins.corec_clusters`). The
loss of users with little data weighs reconstruction more, that of the others contrast. Neither costs anything at
inference. Adding the autoencoder's output to user states was tried and removed: on Beauty it lowered NDCG@10 by 13 %
(docs/findings.md).

The encoded sequence ends before the newest event: that event is the next item that defines positives, and a view that
contained it would leak the answer.

Deviations from the description (docs/adr/0035-corec-and-coco-once-more.md has reasons and figures):

- Views differ by dropout and by the same-target sequence, as in DuoRec. Crop, mask, reorder and substitute
  (:mod:`train.plugins.corec_views`) are the setting ``views="augmented"``.
- States are compared by cosine at temperature 0.2. DuoRec's dot product at temperature 1 (``similarity="dot"``) stops
  this model from learning, see docs/findings.md.
- The gradient of the reconstruction stops at the item vectors: it trains the autoencoder, not the ranking.
- The description pools the states of a sequence; here the state after the newest event represents it. In every backbone
  that state has seen the whole sequence, is the one that ranks items, and contains no padding. A mean over the states
  of a causal encoder would give the oldest events, which all later states have seen, the largest weight.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from train.items.features import PluginInputs
from train.objectives.contrast import info_nce
from train.plugins.corec_clusters import InterestClusters
from train.plugins.corec_completion import Completion
from train.plugins.corec_cooccurrence import co_occurrence_vectors
from train.plugins.corec_metrics import completion_metrics
from train.plugins.corec_same_target import SameTarget
from train.plugins.corec_similar import SimilarItems
from train.plugins.corec_users import (
    batch_items,
    candidate_chance,
    contrast_masks,
    dominant_interest,
    evidence,
    interest_counts,
    median_evidence,
    overlap,
    user_contrast_weight,
)
from train.plugins.corec_views import augment, encode_by_length
from train.plugins.plugin import EvaluationData, Plugin, TrainingStep

# Random items added to those of the batch as candidates of the reconstruction.
_N_SAMPLED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CoRecConfig:
    """Settings of CoRec.

    Attributes:
        contrast: False for the ablation without contrast.
        reconstruction: False for the ablation without reconstruction.
        adaptive: False for the ablation in which both weigh the same for all users.
        contrast_weight: weight of the contrast in the loss.
        reconstruction_weight: weight of the reconstruction in the loss.
        similarity: ``cosine`` or ``dot``, how the contrast compares states.
        temperature: temperature of the contrast.
        views: ``dropout`` encodes the sequence twice as it is; ``augmented`` changes its older events both times.
        same_target: False for the ablation without sequences of the same next item.
        strength: share of the older events that an augmentation changes.
        false_negative_overlap: two users who share this part of the shorter history are not used as negatives.
        n_interests: maximum number of item clusters.
        refresh_every: epochs between updates of the clusters.
        kl_weight: final weight of the divergence from the prior.
        kl_steps: training steps over which that weight is annealed from 0.
    """

    contrast: bool = True
    reconstruction: bool = True
    adaptive: bool = True
    contrast_weight: float = 0.1
    reconstruction_weight: float = 0.1
    similarity: Literal["cosine", "dot"] = "cosine"
    temperature: float = 0.2
    views: Literal["dropout", "augmented"] = "dropout"
    same_target: bool = True
    strength: float = 0.3
    false_negative_overlap: float = 0.5
    n_interests: int = 64
    refresh_every: int = 5
    kl_weight: float = 0.2
    kl_steps: int = 1000

    def __post_init__(self) -> None:
        if not (self.contrast or self.reconstruction):
            raise ValueError("at least one of contrast and reconstruction must be on; else leave the plug-in out")
        if not all(weight >= 0.0 for weight in (self.contrast_weight, self.reconstruction_weight, self.kl_weight)):
            raise ValueError(f"weights must be at least 0, got {asdict(self)}")
        if not self.temperature > 0.0:
            raise ValueError(f"temperature must be more than 0, got {self.temperature}")
        if self.similarity not in ("cosine", "dot"):
            raise ValueError(f"similarity must be 'cosine' or 'dot', got {self.similarity!r}")
        if self.views not in ("dropout", "augmented"):
            raise ValueError(f"views must be 'dropout' or 'augmented', got {self.views!r}")
        if not 0.0 <= self.strength < 1.0:
            raise ValueError(f"strength must be in [0, 1), got {self.strength}")
        if not self.false_negative_overlap > 0.0:
            raise ValueError(f"false_negative_overlap must be more than 0, got {self.false_negative_overlap}")
        if min(self.n_interests, self.refresh_every, self.kl_steps) < 1:
            raise ValueError(f"n_interests, refresh_every and kl_steps must be at least 1, got {asdict(self)}")


def corec(config: CoRecConfig, inputs: PluginInputs) -> Plugin:
    """Build the plug-in.

    Args:
        config: settings.
        inputs: provides the training events; nothing else of it is used.

    Raises:
        ValueError: there are no events.
    """
    module = CoRec(config, inputs)
    return Plugin(
        name="corec",
        module=module,
        losses=module.losses,
        before_epoch=module.before_epoch,
        metrics=module.metrics if config.reconstruction else None,
    )


class CoRec(nn.Module):
    """The trainable part of CoRec; see the module's docstring.

    Attributes:
        pivot: evidence at which contrast and reconstruction weigh the same (:func:`evidence`); a buffer.
        counts: how often each item occurs in training, int64 ``[n_items]``.
    """

    pivot: Tensor
    counts: Tensor

    def __init__(self, config: CoRecConfig, inputs: PluginInputs) -> None:
        super().__init__()
        counts = inputs.counts()
        known = torch.from_numpy(np.flatnonzero(counts))
        if len(known) == 0:
            raise ValueError("CoRec needs training events, got none")
        self.config = config
        self.seed = inputs.seed
        vectors = co_occurrence_vectors(inputs.train, inputs.n_items, dim=inputs.dim, seed=inputs.seed)
        self.clusters = InterestClusters(vectors, known, n_interests=config.n_interests, seed=inputs.seed)
        self.completion = (
            Completion(inputs.dim, kl_weight=config.kl_weight, kl_steps=config.kl_steps)
            if config.reconstruction
            else None
        )
        augmented = config.contrast and config.views == "augmented"
        self.similar = SimilarItems(inputs.train, inputs.n_items) if augmented else None
        same_target = config.contrast and config.same_target
        self.same_target = SameTarget(inputs.train, inputs.n_items) if same_target else None
        self.register_buffer("pivot", torch.tensor(median_evidence(inputs.train, self.clusters.label)))
        self.register_buffer("counts", torch.from_numpy(counts), persistent=False)

    def losses(self, step: TrainingStep) -> dict[str, Tensor]:
        """Return the weighted terms of the loss, each a mean over users of ``w(u) L(u)``."""
        sampled = torch.randint(len(self.clusters.known), (_N_SAMPLED,), device=step.histories.device)
        items = batch_items(step.histories, step.mask, self.clusters.known[sampled])
        counts = interest_counts(items.interactions, self.clusters.label[items.rows], self.clusters.n_interests)
        contrast_weight = self._contrast_weight(counts.sum(dim=1), (counts > 0).sum(dim=1))
        terms = {}
        if self.config.contrast:
            pairs = contrast_masks(
                step.histories[:, -1],
                dominant_interest(counts),
                overlap(items.interactions),
                threshold=self.config.false_negative_overlap,
            )
            terms["contrast"] = self.config.contrast_weight * self._contrast(step, pairs, contrast_weight)
        if self.completion is not None:
            chance = candidate_chance(self.counts, step.mask.sum(), _N_SAMPLED)
            vectors, label = step.table.detach()[items.rows], self.clusters.label[items.rows]
            loss = self.completion.loss(vectors, items.interactions, label, self.counts[items.rows], chance[items.rows])
            terms["reconstruction"] = self.config.reconstruction_weight * ((2.0 - contrast_weight) * loss).mean()
        return terms

    def before_epoch(self, epoch: int, table: Tensor) -> None:
        """Update clusters and similar items from the item vectors; at first they are based on co-occurrence."""
        if epoch == 0 or epoch % self.config.refresh_every:
            return
        self.clusters.refresh(table)
        if self.similar is not None:
            self.similar.refresh(table)

    def metrics(self, data: EvaluationData) -> Mapping[str, float]:
        """Return completion accuracy, see :func:`train.plugins.corec_metrics.completion_metrics`."""
        if self.completion is None:
            return {}
        return completion_metrics(self.completion, self.clusters, self.counts, data, seed=self.seed)

    def _contrast(self, step: TrainingStep, pairs: tuple[Tensor, Tensor], weight: Tensor) -> Tensor:
        """Return the contrast between all views of a batch, with a weight for each user's loss, ``[users]``."""
        views = self._views(step.histories[:, :-1], step.mask[:, :-1], step.histories[:, -1])
        states = encode_by_length(
            step.encode, torch.cat([rows for rows, _ in views]), torch.cat([mask for _, mask in views])
        )
        positives, candidates = (pair.repeat(len(views), len(views)) for pair in pairs)
        itself = torch.eye(len(states), dtype=torch.bool, device=states.device)
        return info_nce(
            states,
            states,
            positives & ~itself,
            temperature=self.config.temperature,
            candidates=candidates & ~itself,
            weights=weight.repeat(len(views)),
            cosine=self.config.similarity == "cosine",
        )

    def _views(self, rows: Tensor, mask: Tensor, targets: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return rows and mask of each view; those of equal rows differ by the encoder's dropout."""
        own = [
            (rows, mask) if self.similar is None else augment(rows, mask, self.similar.rows, self.config.strength)
            for _ in range(2)
        ]
        return own if self.same_target is None else [*own, self.same_target.draw(rows, mask, targets)]

    def _contrast_weight(self, n_items: Tensor, n_interests: Tensor) -> Tensor:
        if not self.config.adaptive:
            return torch.ones_like(n_items)
        return user_contrast_weight(evidence(n_items, n_interests), self.pivot)
