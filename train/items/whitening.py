r"""Whitening of frozen text vectors, as the input of a learned projection.

Text vectors are anisotropic: a few directions have most of the variance, so one learning rate does not fit all
directions of a projection. Source: Zhang, Zhou, Zeng and Shen, "Are ID Embeddings Necessary? Whitening Pre-trained Text
Embeddings for Effective Sequential Recommendation", 2024, https://arxiv.org/abs/2402.10602:

.. math::
    \hat x = (x - \mu)\, U\, \mathrm{diag}(\lambda)^{-1/2}\, U^\top

with ``mu`` the mean and ``U diag(lambda) U^T`` the covariance of the vectors. Deviation: ``lambda`` is replaced by
``(1 - e) lambda + e mean(lambda)``, so that directions with almost no variance are not amplified to noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Whitening(nn.Module):
    """``mu`` and the symmetric matrix of the module's formula, which can be folded into a following linear map."""

    centre: Tensor
    matrix: Tensor

    def __init__(self, vectors: Tensor, shrinkage: float) -> None:
        """Fit to ``vectors`` ``[n, width]``; ``shrinkage`` is ``e``, in (0, 1]: 1 only centres and scales."""
        super().__init__()
        centre, matrix = _whitening(vectors.double(), shrinkage)
        self.register_buffer("centre", centre.float())
        self.register_buffer("matrix", matrix.float())

    def forward(self, vectors: Tensor) -> Tensor:
        """Return the whitened vectors, ``[..., width]``."""
        return (vectors - self.centre) @ self.matrix

    def then(self, linear: nn.Linear, vectors: Tensor) -> Tensor:
        """Return ``linear`` of the whitened ``vectors``, at the cost of ``linear`` alone."""
        weight = linear.weight @ self.matrix
        return F.linear(vectors, weight, linear.bias - weight @ self.centre)


def _whitening(vectors: Tensor, shrinkage: float) -> tuple[Tensor, Tensor]:
    width = vectors.shape[1]
    if len(vectors) == 0:
        return vectors.new_zeros(width), torch.eye(width, dtype=vectors.dtype)
    centre = vectors.mean(0)
    spread, axes = torch.linalg.eigh((vectors - centre).T @ (vectors - centre) / len(vectors))
    spread = spread.clamp(min=0.0)
    if not spread.mean() > 0.0:
        return centre, torch.eye(width, dtype=vectors.dtype)
    strength = ((1.0 - shrinkage) * spread + shrinkage * spread.mean()).rsqrt()
    return centre, (axes * strength) @ axes.T
