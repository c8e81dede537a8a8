"""The transitions that a device uses beside the student: a graph with few followers, and its settings.

A device compares items by the item vectors that it decodes from codes, or, with more room, by text vectors as codes of
their own. The weights of the similarity and of the expert are chosen again for each of them, on the validation events.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.codes import read_codes
from edge_runtime.bundle.manifest import Catalogue
from train.data.split import Targets
from train.distill.codes import CodedTable, CodePlan
from train.metrics.ranking import Score
from train.transitions.expert import ExpertConfig, Similarities, TransitionsExpert
from train.transitions.graph import most_frequent
from train.transitions.mixing import WEIGHTS, ndcg_by_weight
from train.transitions.similar import principal_components

SIMILARITIES = (0.0, 1.0, 2.0, 4.0, 6.0)
"""Weights of the similarity that are compared."""

# Components of the texts and codes for each item: on Beauty, 128 components or longer codes rank no better.
TEXT_DIM = 64
TEXT_CODES = CodePlan(n_codes=(16,), shares=(1.0,))
# Followers an item with which weights are chosen; the number on a device depends on its target.
_FOLLOWERS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """Settings of transitions on a device, with the names of the bundle's manifest (SPEC section 2).

    Attributes:
        newest, recency, second_hop, smoothing: as in :class:`train.transitions.expert.ExpertConfig`.
        similarity: weight of the cosines of decoded item vectors.
        weight: weight of the log-scores beside the product of state and item vector.
    """

    newest: int
    recency: float
    second_hop: float
    smoothing: float
    similarity: float
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class DeviceTransitions:
    """Transitions of a student.

    Attributes:
        counts: weighted transition counts, ``[n_items, n_items]``.
        settings: settings of the score.
    """

    counts: csr_array
    settings: DeviceSettings

    def expert(self, vectors: NDArray[np.float32], followers: int | None = None) -> TransitionsExpert:
        """Return the expert that scores as a device does, without the weight.

        Args:
            vectors: decoded item vectors, ``[n_items, dim]``.
            followers: number of followers to keep for each item; all of the graph if None.
        """
        settings = self.settings
        config = ExpertConfig(
            newest=settings.newest, recency=settings.recency, second_hop=settings.second_hop,
            smoothing=settings.smoothing, text=settings.similarity, new_items=0.0,  # the graph has them
        )  # fmt: skip
        counts = self.counts if followers is None else most_frequent(self.counts, followers)
        return TransitionsExpert(counts, config, Similarities(unit_rows(vectors)))

    def arrays(self) -> dict[str, Array]:
        """Return the graph as arrays, for the student's folder."""
        return {
            "offset": self.counts.indptr.astype(np.uint32),
            "follower": self.counts.indices.astype(np.uint32),
            "count": self.counts.data.astype(np.float32),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """Return the transitions of :meth:`arrays` and the fields of ``settings``."""
        offsets, followers = arrays["offset"].astype(np.int64), arrays["follower"].astype(np.int64)
        shape = (len(offsets) - 1, len(offsets) - 1)
        return cls(csr_array((arrays["count"], followers, offsets), shape=shape), DeviceSettings(**settings))


@dataclass(frozen=True, slots=True, eq=False)
class TextCodes:
    """Text vectors as product codes, and the settings of transitions that compare items by them.

    Attributes:
        sizes: sizes of the codes.
        codes: arrays in the layout of ``codes.safetensors``.
        settings: settings of the score.
    """

    sizes: Catalogue
    codes: Mapping[str, Array]
    settings: DeviceSettings

    def vectors(self) -> NDArray[np.float32]:
        """Return the decoded vectors, ``[n_items, dim]``."""
        return read_codes(self.codes, self.sizes).decode(np.arange(self.sizes.n_items))


def encode_texts(texts: NDArray[np.float32], seed: int) -> tuple[Catalogue, dict[str, Array]]:
    """Return the sizes and arrays of the product codes of text vectors, ``[n_items, W]``."""
    components = torch.from_numpy(principal_components(texts, TEXT_DIM))
    table = CodedTable(components, TEXT_CODES, np.zeros(len(texts), dtype=np.uint8), seed)
    return table.catalogue(), table.arrays()


def fit_transitions(
    expert: TransitionsExpert, vectors: NDArray[np.float32], scores: Score | None, valid: Targets
) -> tuple[DeviceTransitions, dict[str, float]]:
    """Return the transitions for a student and NDCG@10 on validation events without and with them.

    Args:
        expert: the full model's.
        vectors: the decoded vectors that items are compared by, ``[n_items, dim]``.
        scores: the student's scores; None if it has no encoder, so that transitions rank alone.
        valid: validation targets.
    """
    config = expert.config
    start = DeviceSettings(
        newest=config.newest, recency=config.recency, second_hop=config.second_hop, smoothing=config.smoothing,
        similarity=config.text, weight=1.0,
    )  # fmt: skip
    weights = WEIGHTS if scores is not None else (1.0,)
    nothing = torch.zeros(1, len(vectors))
    plain = scores or (lambda users: nothing.expand(len(users), -1))
    best, best_ndcg, without = start, -1.0, 0.0
    for similarity in SIMILARITIES if len(valid) else ():
        tried = DeviceTransitions(expert.counts, replace(start, similarity=similarity))
        found = ndcg_by_weight(tried.expert(vectors, _FOLLOWERS), plain, valid, weights)
        without = found[0] if scores is not None else 0.0
        for weight, ndcg in zip(weights, found, strict=True):
            if ndcg > best_ndcg:
                best, best_ndcg = replace(tried.settings, weight=weight), ndcg
    figures = {"valid_ndcg@10": max(best_ndcg, 0.0), "valid_ndcg@10_without": without}
    return DeviceTransitions(expert.counts, best), asdict(best) | figures


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors ``[n, dim]`` at unit length; shorter ones than 1e-6 become zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: NDArray[np.float32] = np.divide(vectors, length, out=np.zeros_like(vectors), where=length >= 1e-6)
    return units
