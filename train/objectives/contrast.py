"""InfoNCE with any number of positives a query, over what is at hand in a batch. Knows neither users nor items.

Sources: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018,
https://arxiv.org/abs/1807.03748, for the loss; Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020,
https://arxiv.org/abs/2004.11362, for several positives (their ``L_out``: the mean stands outside the logarithm).
"""

import torch
from torch import Tensor

# A vector shorter than this has no direction: the gradient of one grows with 1 / length.
SHORTEST = 1e-12


def info_nce(
    queries: Tensor,
    keys: Tensor,
    positives: Tensor,
    *,
    temperature: float | Tensor,
    candidates: Tensor | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    r"""Return the mean loss over the queries that have a positive, a scalar.

    .. math::
        \frac{1}{|Q|}\sum_{i \in Q} \frac{-w_i}{|P(i)|} \sum_{p \in P(i)}
        \log\frac{\exp(\cos(q_i, k_p) / \tau)}{\sum_{a \in A(i)} \exp(\cos(q_i, k_a) / \tau)},
        \qquad Q = \{i : P(i) \neq \emptyset\}

    Where we deviate from Khosla et al.: ``A(i)`` is not everything but the self, it is what the caller gives, so that
    false negatives can be left out of it.

    Args:
        queries: ``[n, dim]``. A vector of zeros has no direction: its cosine is 0 with everything.
        keys: ``[m, dim]``.
        positives: ``P(i)``, bool ``[n, m]``.
        temperature: tau, more than 0.
        candidates: ``A(i)``, bool ``[n, m]``; a positive is a candidate in any case. Everything where None.
        weights: ``w_i``, ``[n]``; 1 where None.

    Returns:
        The loss; 0, which can still be differentiated, where no query has a positive.

    Raises:
        ValueError: the temperature is not positive, or shapes do not fit.
    """
    if not temperature > 0.0:
        raise ValueError(f"temperature must be more than 0, got {temperature}")
    shape = (len(queries), len(keys))
    for name, pairs in (("positives", positives), ("candidates", candidates)):
        if pairs is not None and pairs.shape != shape:
            raise ValueError(f"{name} must have the shape [queries, keys] = {shape}, got {tuple(pairs.shape)}")
    cosines = directions(queries) @ directions(keys).T
    asked = positives.any(dim=1)
    if not asked.any():
        return cosines.sum() * 0.0
    logits, wanted = cosines[asked] / temperature, positives[asked]
    pool = logits if candidates is None else logits.masked_fill(~(candidates[asked] | wanted), -torch.inf)
    attraction = torch.where(wanted, logits, 0.0).sum(dim=1) / wanted.sum(dim=1)
    loss = torch.logsumexp(pool, dim=1) - attraction
    return loss.mean() if weights is None else (weights[asked] * loss).mean()


def symmetric_info_nce(a: Tensor, b: Tensor, *, temperature: float | Tensor, same: Tensor | None = None) -> Tensor:
    r"""Return the mean of both directions of :func:`info_nce` between two sides of the same things, a scalar.

    Row ``i`` of one side is a positive of row ``i`` of the other.

    Args:
        a: one side, ``[n, dim]``.
        b: the other, ``[n, dim]``.
        temperature: tau, more than 0.
        same: True where ``a_i`` and ``b_j`` belong together as well (one item that is in the batch twice), bool
            ``[n, n]``: these are positives too, else one thing would be pushed from itself.

    Raises:
        ValueError: the temperature is not positive, or shapes do not fit.
    """
    if a.shape != b.shape:
        raise ValueError(f"both sides must have the same shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    positives = torch.eye(len(a), dtype=torch.bool, device=a.device)
    if same is not None:
        positives = positives | same
    forth = info_nce(a, b, positives, temperature=temperature)
    return 0.5 * (forth + info_nce(b, a, positives.T, temperature=temperature))


def directions(vectors: Tensor) -> Tensor:
    """Return vectors ``[..., dim]`` at length 1; one that is shorter than ``SHORTEST`` stays as it is.

    Unlike ``F.normalize``, whose gradient at a vector of zeros is ``1 / eps`` long, and which overflows where a square
    does.
    """
    # The direction does not depend on the scale, so the scale needs no gradient.
    largest = vectors.detach().abs().amax(dim=-1, keepdim=True)
    long_enough = largest >= SHORTEST
    scaled = vectors / torch.where(long_enough, largest, 1.0)
    length = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return scaled / torch.where(long_enough, length, 1.0)
