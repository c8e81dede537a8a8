"""InfoNCE with any number of positives for each query, within a batch.

Sources: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018,
https://arxiv.org/abs/1807.03748, for the loss; Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020,
https://arxiv.org/abs/2004.11362, for several positives (``L_out`` there: the mean is outside the logarithm).
"""

import torch
from torch import Tensor

# Shorter vectors are not normalized: the gradient grows with 1 / length.
MIN_NORM = 1e-12


def info_nce(
    queries: Tensor,
    keys: Tensor,
    positives: Tensor,
    *,
    temperature: float | Tensor,
    candidates: Tensor | None = None,
    weights: Tensor | None = None,
    cosine: bool = True,
) -> Tensor:
    r"""Return the mean loss over the queries that have a positive, a scalar.

    .. math::
        \frac{1}{|Q|}\sum_{i \in Q} \frac{-w_i}{|P(i)|} \sum_{p \in P(i)}
        \log\frac{\exp(\cos(q_i, k_p) / \tau)}{\sum_{a \in A(i)} \exp(\cos(q_i, k_a) / \tau)},
        \qquad Q = \{i : P(i) \neq \emptyset\}

    Unlike in Khosla et al., the candidates ``A(i)`` are given by the caller, so that false negatives can be left out.

    Args:
        queries: ``[n, dim]``. A zero vector has cosine 0 with every key.
        keys: ``[m, dim]``.
        positives: ``P(i)``, bool ``[n, m]``.
        temperature: tau, more than 0.
        candidates: ``A(i)``, bool ``[n, m]``; positives are always candidates. All keys if None.
        weights: ``w_i``, ``[n]``; 1 if None.
        cosine: False compares by the dot product instead of the cosine.

    Returns:
        The loss; 0, with gradients of 0, if no query has a positive.

    Raises:
        ValueError: the temperature is not positive, or shapes do not fit.
    """
    if not temperature > 0.0:
        raise ValueError(f"temperature must be more than 0, got {temperature}")
    shape = (len(queries), len(keys))
    for name, pairs in (("positives", positives), ("candidates", candidates)):
        if pairs is not None and pairs.shape != shape:
            raise ValueError(f"{name} must have the shape [queries, keys] = {shape}, got {tuple(pairs.shape)}")
    similarity = directions(queries) @ directions(keys).T if cosine else queries @ keys.T
    has_positive = positives.any(dim=1)
    if not has_positive.any():
        return similarity.sum() * 0.0
    logits, is_positive = similarity[has_positive] / temperature, positives[has_positive]
    pool = logits if candidates is None else logits.masked_fill(~(candidates[has_positive] | is_positive), -torch.inf)
    attraction = torch.where(is_positive, logits, 0.0).sum(dim=1) / is_positive.sum(dim=1)
    loss = torch.logsumexp(pool, dim=1) - attraction
    return loss.mean() if weights is None else (weights[has_positive] * loss).mean()


def symmetric_info_nce(a: Tensor, b: Tensor, *, temperature: float | Tensor, same: Tensor | None = None) -> Tensor:
    r"""Return the mean of both directions of :func:`info_nce` between two views of the same objects, a scalar.

    Row ``i`` of one side is a positive of row ``i`` of the other.

    Args:
        a: first view, ``[n, dim]``.
        b: second view, ``[n, dim]``.
        temperature: tau, more than 0.
        same: True where ``a_i`` and ``b_j`` are additional positives, such as an item that occurs twice in the batch,
            bool ``[n, n]``.

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
    """Normalize vectors ``[..., dim]`` to unit length; vectors shorter than :data:`MIN_NORM` are unchanged.

    Unlike ``F.normalize``, this neither overflows for large vectors nor has a gradient of size ``1 / eps`` at zero.
    """
    # The direction does not depend on the scale, so the scale needs no gradient.
    largest = vectors.detach().abs().amax(dim=-1, keepdim=True)
    long_enough = largest >= MIN_NORM
    scaled = vectors / torch.where(long_enough, largest, 1.0)
    length = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return scaled / torch.where(long_enough, length, 1.0)
