"""Interests: clusters of item vectors that are updated during training."""

import torch
from torch import Tensor, nn

from train.items.clustering import mean_directions, nearest_centre, spherical_k_means
from train.objectives.contrast import directions

_FIRST_STEPS = 10
_REFRESH_STEPS = 3


class InterestClusters(nn.Module):
    """Assigns each item to an interest.

    Only items that occur in training determine the clusters; other items join the nearest one.

    Attributes:
        label: interest of each item, int64 ``[n_items]``; a buffer, so that it is part of a checkpoint.
        n_interests: number of interests.
    """

    label: Tensor
    known: Tensor

    def __init__(self, vectors: Tensor, known: Tensor, *, n_interests: int, seed: int) -> None:
        """Cluster items by vectors that are known before training.

        Args:
            vectors: item vectors, ``[n_items, width]``.
            known: rows of the items that occur in training, int64 ``[known items]``; at least one.
            n_interests: maximum number of interests; fewer where fewer items are known.
            seed: seed of the initial centres.
        """
        super().__init__()
        self.n_interests = min(n_interests, len(known))
        generator = torch.Generator().manual_seed(seed)
        drawn = known[torch.randperm(len(known), generator=generator)[: self.n_interests]]
        centres = spherical_k_means(vectors[known], vectors[drawn], n_steps=_FIRST_STEPS)
        self.register_buffer("known", known, persistent=False)
        self.register_buffer("label", nearest_centre(vectors, centres)[0])

    def refresh(self, table: Tensor) -> None:
        """Update the interests from item vectors ``[n_items, dim]``."""
        items = table[self.known]
        centres = mean_directions(directions(items), self.label[self.known], self.n_interests)
        centres = spherical_k_means(items, centres, n_steps=_REFRESH_STEPS)
        self.label.copy_(nearest_centre(table, centres)[0])
