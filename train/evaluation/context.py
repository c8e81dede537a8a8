"""What all models of one catalogue are measured against: a text space and what items are about.

Neither depends on the model, nor on the extractors it uses: figures of two models can be compared.
"""

from dataclasses import dataclass

import torch

from train.data.dataset import Dataset
from train.full_model.recipes import FEATURES
from train.items.clustering import nearest_centre, spherical_k_means
from train.items.extractors import ExtractorConfig, plugin_inputs
from train.items.features import text_space
from train.metrics.interests import Interests, category_interests, cluster_interests
from train.metrics.lists import Vectors

# Where the catalogue has no categories.
N_CLUSTERS = 64
_CLUSTER_STEPS = 10
_CLUSTER_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationContext:
    """What does not depend on a model.

    Attributes:
        vectors: text space, unit vectors float32 ``[n_items, W]``.
        interests: categories; clusters of the texts where the catalogue has none; None where it has neither.
    """

    vectors: Vectors
    interests: Interests | None


def evaluation_context(dataset: Dataset) -> EvaluationContext:
    """Return the ground of a data set's catalogue, of texts described by the default extractor."""
    inputs = plugin_inputs(dataset.catalogue, dataset.sequences, ExtractorConfig(), dim=1, seed=0, cache_dir=FEATURES)
    vectors = text_space(inputs.text())
    return EvaluationContext(vectors, category_interests(dataset.catalogue) or text_clusters(vectors))


def text_clusters(vectors: Vectors) -> Interests | None:
    """Return clusters of unit vectors ``[n_items, W]``, one an item that has a text; None where none has."""
    told = torch.from_numpy((vectors != 0).any(axis=1))
    texts = torch.from_numpy(vectors)[told]
    if not len(texts):
        return None
    generator = torch.Generator().manual_seed(_CLUSTER_SEED)
    drawn = torch.randperm(len(texts), generator=generator)[:N_CLUSTERS]
    centres = spherical_k_means(texts, texts[drawn], n_steps=_CLUSTER_STEPS)
    clusters = torch.full((len(vectors),), -1)
    clusters[told] = nearest_centre(texts, centres)[0]
    return cluster_interests(clusters.numpy())
