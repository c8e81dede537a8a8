"""Initialization of the prompts and of the text map, from the catalogue's texts alone."""

import torch
from torch import Tensor, nn

from train.items.clustering import spherical_k_means
from train.objectives.contrast import directions

_LLOYD_STEPS = 10
_MIN_DEVIATION = 1e-2


def whitening_linear(features: Tensor, dim: int) -> nn.Linear:
    r"""Return a linear map that is initialized to whiten ``features`` ``[n, width]``.

    Row ``k`` is the ``k``-th principal axis divided by the deviation along it, so the results over ``features`` have
    mean 0 and the identity as covariance. Without the division, the few axes of most variance, which many texts share,
    would determine keys and values. Deviations below :data:`_MIN_DEVIATION` of the largest count as that much, so that
    directions without information are not amplified.

    Where there are fewer components than ``dim``, the remaining rows keep the default initialization of ``nn.Linear``.
    """
    linear = nn.Linear(features.shape[1], dim)
    mean = features.mean(0)
    centred = (features - mean).double()
    variances, axes = torch.linalg.eigh(centred.T @ centred / len(centred))
    axes = axes.flip(1)[:, :dim].T
    deviations = variances.flip(0)[: len(axes)].clamp(min=0.0).sqrt()
    least = (_MIN_DEVIATION * deviations.max()).clamp(min=torch.finfo(features.dtype).tiny)
    with torch.no_grad():
        linear.weight[: len(axes)] = (axes / deviations.clamp(min=least)[:, None]).float()
        linear.bias.copy_(-linear.weight @ mean)
    return linear


def cluster_centres(vectors: Tensor, n_centres: int) -> Tensor:
    """Return unit vectors of the centres of clusters of ``vectors`` ``[n, dim]``, ``[n_centres, dim]``.

    Initial centres are drawn from torch's global generator. With fewer vectors than centres, the rest are random.
    """
    drawn = vectors[torch.randperm(len(vectors))[:n_centres]]
    centres = spherical_k_means(vectors, drawn, n_steps=_LLOYD_STEPS) if len(drawn) else drawn
    return directions(torch.cat([centres, torch.randn(n_centres - len(centres), vectors.shape[1])]))
