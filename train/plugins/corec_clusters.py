"""Interests: clusters of item vectors that follow the training. Knows no user and no loss."""

import torch
from torch import Tensor, nn

from train.objectives.contrast import directions

_FIRST_STEPS = 10
_REFRESH_STEPS = 3
_CHUNK_ITEMS = 65_536


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
        centres = _mean_directions(directions(items), self.label[self.known], self.n_interests)
        centres = spherical_k_means(items, centres, n_steps=_REFRESH_STEPS)
        self.label.copy_(nearest_centre(table, centres)[0])


def spherical_k_means(vectors: Tensor, centres: Tensor, *, n_steps: int) -> Tensor:
    """Return centres ``[n_centres, dim]`` after Lloyd steps from those given, by cosine.

    Source: Dhillon and Modha, "Concept Decompositions for Large Sparse Text Data Using Clustering", Machine Learning
    42, 2001. Where we deviate: a centre that nothing chose restarts at the vector that fits worst where it is.

    Args:
        vectors: ``[n, dim]``; their lengths do not matter.
        centres: to start from, ``[n_centres, dim]``, at most ``n``.
        n_steps: how many Lloyd steps.
    """
    units = directions(vectors)
    for _ in range(n_steps):
        label, closeness = nearest_centre(units, centres)
        centres = _mean_directions(units, label, len(centres))
        empty = torch.bincount(label, minlength=len(centres)) == 0
        worst = closeness.topk(int(empty.sum()), largest=False).indices
        centres[empty] = units[worst]
    return centres


def nearest_centre(vectors: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Return which centre is nearest to each vector by cosine, int64 ``[n]``, and that cosine, ``[n]``."""
    aims = directions(centres).T
    pieces = [(directions(piece) @ aims).max(dim=1) for piece in torch.split(vectors, _CHUNK_ITEMS)]
    return torch.cat([piece.indices for piece in pieces]), torch.cat([piece.values for piece in pieces])


def _mean_directions(units: Tensor, label: Tensor, n_centres: int) -> Tensor:
    total = units.new_zeros(n_centres, units.shape[1]).index_add_(0, label, units)
    return directions(total)
