"""Initialization of the prompts and of the text map, from the catalogue's texts alone."""

import torch
from torch import Tensor, nn

from train.items.clustering import spherical_k_means
from train.objectives.contrast import directions

_LLOYD_STEPS = 10


def pca_linear(features: Tensor, dim: int) -> nn.Linear:
    """Return a linear map that is initialized with the principal components of ``features`` ``[n, width]``, centred.

    Where there are fewer components than ``dim``, the remaining rows keep the default initialization of ``nn.Linear``.
    """
    linear = nn.Linear(features.shape[1], dim)
    mean = features.mean(0)
    centred = (features - mean).double()
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :dim].T.float()
    with torch.no_grad():
        linear.weight[: len(axes)] = axes
        linear.bias.copy_(-linear.weight @ mean)
    return linear


def cluster_centres(vectors: Tensor, n_centres: int) -> Tensor:
    """Return unit vectors of the centres of clusters of ``vectors`` ``[n, dim]``, ``[n_centres, dim]``.

    Initial centres are drawn from torch's global generator. With fewer vectors than centres, the rest are random.
    """
    drawn = vectors[torch.randperm(len(vectors))[:n_centres]]
    centres = spherical_k_means(vectors, drawn, n_steps=_LLOYD_STEPS) if len(drawn) else drawn
    return directions(torch.cat([centres, torch.randn(n_centres - len(centres), vectors.shape[1])]))
