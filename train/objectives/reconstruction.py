"""The loss of a variational autoencoder over sets of items. Knows neither how scores nor how latents are made.

Source: Liang et al., "Variational Autoencoders for Collaborative Filtering", WWW 2018,
https://arxiv.org/abs/1802.05814 (Mult-VAE).
"""

import torch
from torch import Tensor


def bounded_evidence(
    scores: Tensor, wanted: Tensor, allowed: Tensor, mean: Tensor, log_variance: Tensor, kl_weight: Tensor | float
) -> Tensor:
    r"""Return the negative evidence bound of each user, for each item wanted, ``[users]``.

    .. math::
        \frac{1}{|W_u|}\Bigl(-\sum_{i \in W_u} \log \pi_{ui}
        + \beta\, KL\bigl(N(\mu_u, \sigma_u^2) \,\|\, N(0, 1)\bigr)\Bigr),
        \qquad \pi_{ui} = \frac{\exp(s_{ui})}{\sum_{j \in A_u} \exp(s_{uj})}

    Where we deviate: the softmax runs over the allowed items ``A_u`` alone, so that the others get no mass and no
    gradient (after the description of CoRec); and the bound is divided by the number of items, so that a long history
    weighs no more than a short one.

    Args:
        scores: of candidate items, ``[users, candidates]``.
        wanted: ``W_u``, what the user had, bool ``[users, candidates]``; counts where allowed.
        allowed: ``A_u``, bool ``[users, candidates]``.
        mean: mu, ``[users, latent]``.
        log_variance: log sigma^2, ``[users, latent]``; its exponential must be a float32, so at most 88.
        kl_weight: beta.

    Returns:
        The bound; 0 for a user of whom nothing is wanted, which can still be differentiated.
    """
    wanted = wanted & allowed
    count = wanted.sum(dim=1)
    # Somebody with nothing allowed would take the logarithm of 0.
    pool = torch.where(allowed | (count == 0)[:, None], scores, -torch.inf)
    share = torch.where(wanted, scores - torch.logsumexp(pool, dim=1, keepdim=True), 0.0)
    bound = kl_weight * kl_from_standard_normal(mean, log_variance) - share.sum(dim=1)
    return torch.where(count > 0, bound, 0.0) / count.clamp(min=1)


def kl_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    r"""Return ``KL(N(mu, sigma^2) || N(0, 1))`` of diagonal Gaussians, ``[...]`` of ``[..., latent]``.

    .. math::
        \tfrac12 \sum_k \bigl(\mu_k^2 + \sigma_k^2 - 1 - \log \sigma_k^2\bigr)
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=-1)
