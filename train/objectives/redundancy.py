r"""Redundancy of a recommended list, as mutual information, differentiable in the items' membership weights.

The information in the items of a list is modelled as jointly Gaussian: item ``i``, on the list with weight ``w_i``, is
an observation ``y_i = sqrt(w_i) t_i . theta + e_i`` of an unknown taste ``theta``, with ``t_i`` the item's unit vector
and ``e_i`` independent noise of variance 1. The redundancy is the total correlation of the ``y_i``,

.. math::
    TC = \sum_i H(y_i) - H(y) = -\tfrac12 \log\det R, \qquad
    R_{ij} = \frac{\sqrt{w_i w_j}\, S_{ij}}{\sqrt{(1 + w_i)(1 + w_j)}},\quad R_{ii} = 1,

with ``S`` the cosines of the ``t_i`` (Watanabe, "Information Theoretical Analysis of Multivariate Correlation", IBM
Journal of Research and Development 4(1), 1960, for the quantity; its Gaussian case is the log-determinant that
determinantal point processes maximize: Kulesza and Taskar, "Determinantal Point Processes for Machine Learning", 2012,
https://arxiv.org/abs/1207.6083). It is divided by its value for ``k`` copies of one item, which thus have redundancy 1.

``S`` must be measured in a fixed space. In a trained space the loss could be lowered by a rotation or scaling in which
the same list only looks diverse. ``S`` is therefore computed from the items' texts, and the only way to a lower
redundancy is a different list: gradients flow through the weights alone.
"""

from math import log

import torch
from torch import Tensor

_MIN_SPREAD = 1e-3
_MIN_SHARE = 1e-10


def list_weights(scores: Tensor, allowed: Tensor, k: int, temperature: float) -> Tensor:
    r"""Return the membership weight of each candidate in the top ``k``, ``[users, candidates]``; the sum is ``k``.

    .. math::
        w_i = k \frac{\sigma(z_i)}{\sum_j \sigma(z_j)}, \qquad
        z_i = \frac{s_i - \tfrac12 (s_{(k)} + s_{(k+1)})}{\mathrm{std}(s)\, \tau}

    A soft top-k: the sigmoid is one half at the border between ranks ``k`` and ``k + 1``, and becomes a step as ``tau``
    goes to 0. The standard deviation is differentiated too, so scaling all scores changes nothing.

    Args:
        scores: scores of the candidates, finite, ``[users, candidates]``.
        allowed: whether a candidate may be on the list, bool ``[users, candidates]``; more than ``k`` for each user.
        k: length of the list.
        temperature: tau, above 0.
    """
    n_allowed = allowed.sum(1, keepdim=True)
    mean = (scores * allowed).sum(1, keepdim=True) / n_allowed
    variance = ((scores - mean).square() * allowed).sum(1, keepdim=True) / n_allowed
    spread = variance.clamp(min=_MIN_SPREAD**2).sqrt()
    best = scores.masked_fill(~allowed, -torch.inf).topk(k + 1, dim=1).values
    border = best[:, k - 1 :].mean(1, keepdim=True)
    weights = torch.sigmoid((scores - border) / (spread * temperature)) * allowed
    return k * weights / weights.sum(1, keepdim=True)


def redundancy(weights: Tensor, directions: Tensor, k: int) -> Tensor:
    """Return the total correlation of each list, ``[users]``: 0 for orthogonal items, 1 for ``k`` copies.

    Args:
        weights: membership weight of each candidate, at least 0, ``[users, candidates]``.
        directions: unit vectors of the candidates, zeros for items without text (which are never redundant),
            ``[users, candidates, width]``; without gradients.
        k: the sum of the weights, at least 2.
    """
    # Above 0, because the square root has no finite slope there.
    observed = (weights / (1 + weights)).clamp(min=_MIN_SHARE).sqrt().unsqueeze(2) * directions
    shared = observed @ observed.transpose(1, 2)
    correlation = shared - torch.diag_embed(shared.diagonal(dim1=1, dim2=2)) + torch.eye(shared.shape[1]).to(shared)
    half_log_det: Tensor = torch.linalg.cholesky(correlation).diagonal(dim1=1, dim2=2).log().sum(1)
    return -half_log_det / copies_redundancy(k)


def copies_redundancy(k: int) -> float:
    """Return the total correlation of ``k`` copies of one item, each with weight 1."""
    return 0.5 * (k * log(2) - log(1 + k))
