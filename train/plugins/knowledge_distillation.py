r"""Knowledge for devices without a language model: one vector for each prompt, fitted to the change of the states.

A device computes ``h + softmax(h P^T / sqrt(d)) K`` (the bundle format, SPEC section 3). With the prompts ``P`` given,
``K`` is a ridge regression of ``h_aligned - h`` on the softmax, over training users (Hoerl and Kennard, "Ridge
Regression: Biased Estimation for Nonorthogonal Problems", Technometrics 12(1), 1970):

.. math::
    K = (A^T A + \lambda I)^{-1} A^T (H_{aligned} - H), \qquad A = softmax(H P^T / \sqrt d)

The length of the prompts sets how sharp the softmax is; it is chosen on held-out users.
"""

from math import sqrt
from typing import Final, NamedTuple

import torch
from torch import Tensor

from train.objectives.contrast import directions

LENGTHS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
_EVERY = 5  # one of five users is held out


class DistilledKnowledge(NamedTuple):
    """The prompts and knowledge of a bundle.

    Attributes:
        prompts: ``P``, float32 ``[K, dim]``.
        knowledge: float32 ``[K, dim]``.
        explained: ``1 - |H_aligned - H - A K|^2 / |H_aligned - H|^2`` over held-out users: 1 explains the whole
            difference, 0 is no better than no knowledge. Also 0 where there is no difference.
    """

    prompts: Tensor
    knowledge: Tensor
    explained: float


def prompt_weights(states: Tensor, prompts: Tensor) -> Tensor:
    """Return the weights of the prompts ``P`` for states ``h``, ``softmax(h P^T / sqrt(d))``, ``[..., K]``."""
    return torch.softmax(states @ prompts.T / sqrt(states.shape[-1]), dim=-1)


def distil_knowledge(prompts: Tensor, states: Tensor, aligned: Tensor, *, ridge: float = 0.01) -> DistilledKnowledge:
    """Fit the knowledge of a device.

    Args:
        prompts: directions of states, ``[K, dim]``; their lengths are ignored.
        states: states of training users without knowledge, in random order, ``[n, dim]``.
        aligned: the same states with knowledge, ``[n, dim]``.
        ridge: lambda, in units of the mean diagonal of ``A^T A``.

    Raises:
        ValueError: there is no state, the shapes do not fit, or ``ridge`` is not positive.
    """
    if states.shape != aligned.shape or states.ndim != 2 or prompts.shape[1:] != states.shape[1:] or not len(states):
        raise ValueError(
            f"expected prompts [K, dim] and states [n, dim] twice, n at least 1, got {tuple(prompts.shape)}, "
            f"{tuple(states.shape)} and {tuple(aligned.shape)}"
        )
    if not ridge > 0.0:
        raise ValueError(f"ridge must be more than 0, got {ridge}")
    unit_prompts, known = directions(prompts.detach().double()), states.detach().double()
    difference = aligned.detach().double() - known
    validation = torch.arange(len(known), device=known.device) % _EVERY == _EVERY - 1
    training = ~validation
    if not validation.any():
        validation = training

    def explained(length: float) -> float:
        knowledge = _ridge(prompt_weights(known[training], length * unit_prompts), difference[training], ridge)
        return _explained(prompt_weights(known[validation], length * unit_prompts) @ knowledge, difference[validation])

    score, length = max((explained(length), length) for length in LENGTHS)
    knowledge = _ridge(prompt_weights(known, length * unit_prompts), difference, ridge)
    return DistilledKnowledge((length * unit_prompts).float(), knowledge.float(), score)


def _ridge(shares: Tensor, difference: Tensor, ridge: float) -> Tensor:
    gram = shares.T @ shares
    penalty = ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    rows: Tensor = torch.linalg.solve(gram + penalty, shares.T @ difference)
    return rows


def _explained(prediction: Tensor, difference: Tensor) -> float:
    total = difference.square().sum()
    return float(1.0 - (difference - prediction).square().sum() / total) if total > 0 else 0.0
