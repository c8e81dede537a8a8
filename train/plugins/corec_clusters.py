"""Interests: clusters of item vectors that follow the training. Knows no user and no loss."""

import torch
from torch import Tensor, nn

from train.items.clustering import mean_directions, nearest_centre, spherical_k_means
from train.objectives.contrast import directions

_FIRST_STEPS = 10
_REFRESH_STEPS = 3


class InterestClusters(nn.Module):
    """Which interest each item belongs to.

    Only items that occur in training shape the clusters; the others join the nearest.

    Attributes:
        label: the interest of each item, int64 ``[n_items]``; a buffer, so that a resumed training goes on with it.
        n_interests: how many there are.
    """

    label: Tensor
    known: Tensor

    def __init__(self, vectors: Tensor, known: Tensor, *, n_interests: int, seed: int) -> None:
        """Cluster what is known before training.

        Args:
            vectors: of items, ``[n_items, width]``.
            known: rows of the items that occur in training, int64 ``[known items]``; at least one.
            n_interests: how many at most; fewer where fewer items are known.
            seed: draws the first centres.
        """
        super().__init__()
        self.n_interests = min(n_interests, len(known))
        generator = torch.Generator().manual_seed(seed)
        drawn = known[torch.randperm(len(known), generator=generator)[: self.n_interests]]
        centres = spherical_k_means(vectors[known], vectors[drawn], n_steps=_FIRST_STEPS)
        self.register_buffer("known", known, persistent=False)
        self.register_buffer("label", nearest_centre(vectors, centres)[0])

    def refresh(self, table: Tensor) -> None:
        """Move the interests to where the items are now: ``[n_items, dim]``."""
        items = table[self.known]
        centres = mean_directions(directions(items), self.label[self.known], self.n_interests)
        centres = spherical_k_means(items, centres, n_steps=_REFRESH_STEPS)
        self.label.copy_(nearest_centre(table, centres)[0])
