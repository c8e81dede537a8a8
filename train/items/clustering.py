"""Clustering of vectors by cosine."""

import torch
from torch import Tensor

from train.objectives.contrast import directions

_CHUNK_ROWS = 65_536


def spherical_k_means(vectors: Tensor, centres: Tensor, *, n_steps: int) -> Tensor:
    """Return centres ``[n_centres, dim]`` after Lloyd steps by cosine.

    Source: Dhillon and Modha, "Concept Decompositions for Large Sparse Text Data Using Clustering", Machine Learning
    42, 2001. Deviation: an empty cluster restarts at the vector that is farthest from its centre.

    Args:
        vectors: ``[n, dim]``; their lengths are ignored.
        centres: initial centres, ``[n_centres, dim]``, at most ``n``.
        n_steps: number of Lloyd steps.
    """
    units = directions(vectors)
    for _ in range(n_steps):
        label, closeness = nearest_centre(units, centres)
        centres = mean_directions(units, label, len(centres))
        empty = torch.bincount(label, minlength=len(centres)) == 0
        worst = closeness.topk(int(empty.sum()), largest=False).indices
        centres[empty] = units[worst]
    return centres


def nearest_centre(vectors: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Return the index of the nearest centre of each vector by cosine, int64 ``[n]``, and that cosine, ``[n]``."""
    centre_directions = directions(centres).T
    pieces = [(directions(piece) @ centre_directions).max(dim=1) for piece in torch.split(vectors, _CHUNK_ROWS)]
    return torch.cat([piece.indices for piece in pieces]), torch.cat([piece.values for piece in pieces])


def mean_directions(units: Tensor, label: Tensor, n_centres: int) -> Tensor:
    """Return the normalized mean of the unit vectors with each label, ``[n_centres, dim]``; zeros without any."""
    total = units.new_zeros(n_centres, units.shape[1]).index_add_(0, label, units)
    return directions(total)
