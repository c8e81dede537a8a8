"""The loss of a variational autoencoder over sets of items, from given scores and latents.

Source: Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018,
https://arxiv.org/abs/1802.05814 (Mult-VAE).
"""

import torch
from torch import Tensor


def negative_elbo(
    scores: Tensor, targets: Tensor, allowed: Tensor, mean: Tensor, log_variance: Tensor, kl_weight: Tensor | float
) -> Tensor:
    r"""Return the negative evidence lower bound of each user, divided by the number of targets, ``[users]``.

    .. math::
        \frac{1}{|W_u|}\Bigl(-\sum_{i \in W_u} \log \pi_{ui}
        + \beta\, KL\bigl(N(\mu_u, \sigma_u^2) \,\|\, N(0, 1)\bigr)\Bigr),
        \qquad \pi_{ui} = \frac{\exp(s_{ui})}{\sum_{j \in A_u} \exp(s_{uj})}

    Deviations: the softmax runs over the allowed items ``A_u`` only, so that others get no probability and no gradient
    (as in the description of CoRec); and the bound is divided by the number of items, so that long histories have no
    larger weight.

    Args:
        scores: scores of candidate items, ``[users, candidates]``.
        targets: ``W_u``, the user's items, bool ``[users, candidates]``; only allowed ones count.
        allowed: ``A_u``, bool ``[users, candidates]``.
        mean: mu, ``[users, latent]``.
        log_variance: log sigma^2, ``[users, latent]``; at most 88, so that its exponential fits float32.
        kl_weight: beta.

    Returns:
        The bound; 0, with gradients of 0, for a user without targets.
    """
    targets = targets & allowed
    count = targets.sum(dim=1)
    # Without any allowed item the logarithm would be that of 0.
    pool = torch.where(allowed | (count == 0)[:, None], scores, -torch.inf)
    share = torch.where(targets, scores - torch.logsumexp(pool, dim=1, keepdim=True), 0.0)
    bound = kl_weight * kl_from_standard_normal(mean, log_variance) - share.sum(dim=1)
    return torch.where(count > 0, bound, 0.0) / count.clamp(min=1)


def kl_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Return ``KL(N(mu, sigma^2) || N(0, 1))`` of diagonal Gaussians, ``[...]`` of ``[..., latent]``.

    .. math::
        \tfrac12 \sum_k \bigl(\mu_k^2 + \sigma_k^2 - 1 - \log \sigma_k^2\bigr)
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=-1)
