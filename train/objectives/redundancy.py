r"""How much a list repeats itself, as mutual information, differentiable in who is on the list.

What a person learns of the items of a list is modelled as jointly Gaussian: item ``i``, on the list with weight
``w_i``, tells ``y_i = sqrt(w_i) t_i . theta + e_i`` of an unknown taste ``theta``, with ``t_i`` the item's unit vector
and ``e_i`` independent noise of variance 1. The redundancy is the total correlation of the ``y_i``,

.. math::
    TC = \sum_i H(y_i) - H(y) = -\tfrac12 \log\det R, \qquad
    R_{ij} = \frac{\sqrt{w_i w_j}\, S_{ij}}{\sqrt{(1 + w_i)(1 + w_j)}},\quad R_{ii} = 1,

with ``S`` the cosines of the ``t_i`` (Watanabe, "Information Theoretical Analysis of Multivariate Correlation", IBM
Journal of Research and Development 4(1), 1960, for the quantity; its Gaussian case is the log-determinant that
determinantal point processes maximize: Kulesza and Taskar, "Determinantal Point Processes for Machine Learning", 2012,
https://arxiv.org/abs/1207.6083). It is divided by its value for ``k`` copies of one item, so that 1 means that.

Where ``S`` is measured decides what can be gained. In the space that is trained, the ranking loss and this one could
settle on a rotation or a stretch in which the same list only looks varied. ``S`` is therefore fixed, taken from the
items' texts, and the one way to a lower redundancy is another list: the gradient goes through the weights alone.
"""

from math import log

import torch
from torch import Tensor

_LEAST_SPREAD = 1e-3
_LEAST_SHARE = 1e-10


def list_weights(scores: Tensor, allowed: Tensor, k: int, temperature: float) -> Tensor:
    r"""Return how much each candidate is on the list of the ``k`` best, ``[users, candidates]``; the sum is ``k``.

    .. math::
        w_i = k \frac{\sigma(z_i)}{\sum_j \sigma(z_j)}, \qquad
        z_i = \frac{s_i - \tfrac12 (s_{(k)} + s_{(k+1)})}{\mathrm{std}(s)\, \tau}

    A softened top-k: one half at the border between the ``k``-th and the next, all or nothing as ``tau`` goes to 0. The
    standard deviation is differentiated too: stretching all scores changes nothing, so nothing is gained by it.

    Args:
        scores: of the candidates, finite, ``[users, candidates]``.
        allowed: whether a candidate may be on the list, bool ``[users, candidates]``; more than ``k`` for each user.
        k: length of the list.
        temperature: tau, above 0.
    """
    n_allowed = allowed.sum(1, keepdim=True)
    mean = (scores * allowed).sum(1, keepdim=True) / n_allowed
    variance = ((scores - mean).square() * allowed).sum(1, keepdim=True) / n_allowed
    spread = variance.clamp(min=_LEAST_SPREAD**2).sqrt()
    best = scores.masked_fill(~allowed, -torch.inf).topk(k + 1, dim=1).values
    border = best[:, k - 1 :].mean(1, keepdim=True)
    weights = torch.sigmoid((scores - border) / (spread * temperature)) * allowed
    return k * weights / weights.sum(1, keepdim=True)


def redundancy(weights: Tensor, directions: Tensor, k: int) -> Tensor:
    """Return the total correlation of each list, ``[users]``: 0 where no two items tell the same, 1 for ``k`` copies.

    Args:
        weights: how much each candidate is on the list, not negative, ``[users, candidates]``.
        directions: unit vectors of the candidates, zeros where nothing is known (such an item repeats no other),
            ``[users, candidates, width]``; constant.
        k: what the weights sum to, at least 2.
    """
    # Above 0, where the square root has a slope.
    told = (weights / (1 + weights)).clamp(min=_LEAST_SHARE).sqrt().unsqueeze(2) * directions
    shared = told @ told.transpose(1, 2)
    correlation = shared - torch.diag_embed(shared.diagonal(dim1=1, dim2=2)) + torch.eye(shared.shape[1]).to(shared)
    half_log_det: Tensor = torch.linalg.cholesky(correlation).diagonal(dim1=1, dim2=2).log().sum(1)
    return -half_log_det / copies(k)


def copies(k: int) -> float:
    """Return the total correlation of ``k`` copies of one item, each on the list with weight 1."""
    return 0.5 * (k * log(2) - log(1 + k))
