"""The text space and the item labels of a catalogue, which the metrics of all its models use.

They depend neither on the model nor on its extractors, so that the metrics of different models are comparable.
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

# Used if the catalogue has no categories.
N_CLUSTERS = 64
_CLUSTER_STEPS = 10
_CLUSTER_SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationContext:
    """Model-independent inputs of the evaluation.

    Attributes:
        vectors: unit vectors of the texts, float32 ``[n_items, W]``.
        interests: categories, or text clusters if the catalogue has none; None if it has neither.
    """

    vectors: Vectors
    interests: Interests | None


def evaluation_context(dataset: Dataset) -> EvaluationContext:
    """Return the evaluation context of a dataset's catalogue, with the default text extractor."""
    inputs = plugin_inputs(dataset.catalogue, dataset.sequences, ExtractorConfig(), dim=1, seed=0, cache_dir=FEATURES)
    vectors = text_space(inputs.text())
    return EvaluationContext(vectors, category_interests(dataset.catalogue) or text_clusters(vectors))


def text_clusters(vectors: Vectors) -> Interests | None:
    """Return clusters of unit vectors ``[n_items, W]``, one for each item with a text; None without any."""
    has_text = torch.from_numpy((vectors != 0).any(axis=1))
    texts = torch.from_numpy(vectors)[has_text]
    if not len(texts):
        return None
    generator = torch.Generator().manual_seed(_CLUSTER_SEED)
    drawn = torch.randperm(len(texts), generator=generator)[:N_CLUSTERS]
    centres = spherical_k_means(texts, texts[drawn], n_steps=_CLUSTER_STEPS)
    clusters = torch.full((len(vectors),), -1)
    clusters[has_text] = nearest_centre(texts, centres)[0]
    return cluster_interests(clusters.numpy())
