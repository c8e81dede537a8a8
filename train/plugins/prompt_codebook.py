r"""The codebook of prompts: learned vectors that follow the users' features and stay diverse.

Implements the description of CoCo. A user with the features ``e_u`` gets the prompts with ``cos(e_u, z_k)`` above a
threshold, at most the nearest ``max_selected`` and at least the nearest one, ``S_u``:

.. math::
    L_Q = \frac1n\sum_u \frac1{|S_u|}\sum_{k \in S_u}
          \bigl(\lVert sg(e_u) - z_k\rVert^2 + \beta\,\lVert e_u - sg(z_k)\rVert^2\bigr),
    \qquad L_{ortho} = \frac{2}{K(K-1)}\sum_{i<j}\cos(z_i, z_j)^2

with ``sg`` the stop-gradient operator and ``beta`` the commitment weight of van den Oord et al., "Neural Discrete
Representation Learning", 2017, https://arxiv.org/abs/1711.00937. The mean over a user's prompts comes first, so that a
user with many prompts has no larger weight. ``e_u`` has unit length, because otherwise both sides could shrink to zero.
``L_ortho`` is squared because a sum of signed cosines would be smallest for prompts that point away from each other. It
is a mean, because the sum over the 2,016 pairs of 64 prompts outweighed ``L_Q`` and left one prompt for each user.

A prompt is stored as an initial value, a buffer, plus a learned offset, a parameter. A restart changes the buffer only:
weight averaging (:mod:`train.loop.averaging`) follows parameters, and would keep a restarted prompt between its old and
its new value for epochs. The optimizer state is not reset; for an unused prompt it only holds gradients of ``L_ortho``,
and Adam's first moment decays within some ten steps.
"""

from typing import Final

import torch
from torch import Tensor, nn

from train.objectives.contrast import directions

COMMITMENT: Final = 0.25
"""``beta``; the paper found no difference between 0.1 and 2.0."""
N_RECENT: Final = 512
_DEAD_SHARE = 0.01


class PromptCodebook(nn.Module):
    """``K`` prompts, one prompt shared by all users, and counts of recent use.

    ``origins`` are the initial or restarted values of the prompts; ``usage`` counts selections since the last restart;
    ``recent`` holds the newest users' features, the newest last, of which ``n_recent`` are real.
    """

    origins: Tensor
    usage: Tensor
    recent: Tensor
    n_recent: Tensor

    def __init__(self, rows: Tensor, *, threshold: float, max_selected: int) -> None:
        """Start from ``rows`` ``[K, dim]``; the shared prompt is initialized from torch's global generator."""
        super().__init__()
        dim = rows.shape[1]
        self.offsets = nn.Parameter(torch.zeros_like(rows))
        self.shared = nn.Parameter(torch.randn(dim) / dim**0.5)
        self._threshold = threshold
        self._max_selected = min(max_selected, len(rows))
        self.register_buffer("origins", rows.detach().clone())
        self.register_buffer("usage", torch.zeros(len(rows)))
        self.register_buffer("recent", torch.zeros(N_RECENT, dim))
        self.register_buffer("n_recent", torch.zeros((), dtype=torch.int64))

    @property
    def prompts(self) -> Tensor:
        """The prompts ``z_k``, ``[K, dim]``; carries gradients."""
        return self.origins + self.offsets

    def select(self, features: Tensor) -> Tensor:
        """Select prompts for features ``[..., dim]``; returns bool ``[..., K]``, without gradients."""
        cosines = directions(features.detach()) @ directions(self.prompts.detach()).T
        nearest = cosines.topk(self._max_selected, dim=-1).indices
        among_nearest = torch.zeros_like(cosines, dtype=torch.bool).scatter(-1, nearest, True)
        return ((cosines > self._threshold) & among_nearest).scatter(-1, nearest[..., :1], True)

    def quantization_loss(self, features: Tensor, chosen: Tensor) -> Tensor:
        """Return ``L_Q`` for features ``[n, dim]`` and their selected prompts ``[n, K]``; 0 where n is 0."""
        shares = chosen / (chosen.sum(1, keepdim=True) * max(len(chosen), 1))
        to_users = (shares * _squared_distances(features.detach(), self.prompts)).sum()
        to_prompts = (shares * _squared_distances(features, self.prompts.detach())).sum()
        return to_users + COMMITMENT * to_prompts

    def orthogonality_loss(self) -> Tensor:
        """Return ``L_ortho``; 0 for a single prompt."""
        unit_prompts = directions(self.prompts)
        n_pairs = max(1, len(unit_prompts) * (len(unit_prompts) - 1) // 2)
        return (unit_prompts @ unit_prompts.T).triu(diagonal=1).square().sum() / n_pairs

    @torch.no_grad()
    def track(self, features: Tensor, chosen: Tensor) -> None:
        """Record users' features ``[n, dim]`` and their selected prompts ``[n, K]``."""
        self.usage += chosen.sum(0)
        self.recent.copy_(torch.cat([self.recent, features])[-N_RECENT:])
        self.n_recent.copy_((self.n_recent + len(features)).clamp(max=N_RECENT))

    @torch.no_grad()
    def restart_dead(self, generator: torch.Generator) -> int:
        """Move unused prompts to the features of recent users, reset the counts, and return how many moved.

        A prompt counts as unused when it was selected less than a hundredth as often as the average prompt.
        """
        dead = (self.usage < _DEAD_SHARE * self.usage.mean()).nonzero()[:, 0]
        n_recent = int(self.n_recent)
        drawn = torch.randperm(n_recent, generator=generator)[: len(dead)].to(self.recent.device)
        moved = dead[: len(drawn)]
        self.origins[moved] = self.recent[N_RECENT - n_recent + drawn] - self.offsets[moved]
        self.usage.zero_()
        return len(moved)


def perplexity(usage: Tensor) -> float:
    """Return ``exp(-sum p log p)`` of counts ``[K]``: the effective number of prompts in use; 0 without any use."""
    total = usage.sum()
    if not total > 0:
        return 0.0
    shares = usage[usage > 0].double() / total
    return float((-(shares * shares.log()).sum()).exp())


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return ``|a_i - b_j|^2``, ``[n, m]``, from products: the differences would be ``[n, m, dim]``."""
    return a.square().sum(1, keepdim=True) + b.square().sum(1) - 2.0 * a @ b.T
