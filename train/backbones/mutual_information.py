"""InfoNCE with sampled negatives: how well a context distinguishes its positives from them.

Unlike :func:`train.objectives.contrast.info_nce`, which compares all pairs of a batch by their cosines, each positive
competes with the negatives of its context alone.

Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018,
https://arxiv.org/abs/1807.03748, in the form that Zhou et al. give to all four objectives of S3-Rec
(:mod:`train.backbones.s3rec`).
"""

import torch
from torch import Tensor


def sampled_info_nce(positive: Tensor, negative: Tensor, is_positive: Tensor, is_negative: Tensor) -> Tensor:
    r"""Return the mean over contexts of the mean over their positives, a scalar.

    .. math::
        -\mathbb{E}_{a \in A}\Bigl[f(c, a) -
        \log\bigl(\exp f(c, a) + \sum_{\tilde a \notin A} \exp f(c, \tilde a)\bigr)\Bigr]

    Args:
        positive: ``f`` of the potential positives of each context, ``[contexts, P]``.
        negative: ``f`` of the sampled negatives, ``[contexts, K]``.
        is_positive: which of ``positive`` are positives, bool ``[contexts, P]``; a context without any is left out.
        is_negative: which of ``negative`` are true negatives, bool ``[contexts, K]``.

    Returns:
        0 if no context has positives.
    """
    others = torch.logsumexp(negative.masked_fill(~is_negative, _MASKED), dim=1, keepdim=True)
    losses = (torch.logaddexp(positive, others) - positive).masked_fill(~is_positive, 0.0)
    n_positive = is_positive.sum(1)
    of_contexts = losses.sum(1) / n_positive.clamp(min=1)
    return of_contexts.sum() / (n_positive > 0).sum().clamp(min=1)


# Finite, so that a context without negatives keeps a gradient; exp of it is exactly 0.
_MASKED = -1e9
