r"""Prompts that users are matched with: a codebook that follows the users, and stays diverse. Knows no items.

After the description of CoCo. A user with the features ``e_u`` gets the prompts with ``cos(e_u, z_k)`` above a
threshold, the nearest ``max_selected`` of them, and at least the nearest one, ``S_u``:

.. math::
    L_Q = \frac1n\sum_u \frac1{|S_u|}\sum_{k \in S_u}
          \bigl(\lVert sg(e_u) - z_k\rVert^2 + \beta\,\lVert e_u - sg(z_k)\rVert^2\bigr),
    \qquad L_{ortho} = \sum_{i<j}\cos(z_i, z_j)^2

with ``sg`` a stop of the gradient and ``beta`` the commitment of van den Oord et al., "Neural Discrete Representation
Learning", 2017, https://arxiv.org/abs/1711.00937. The mean is over a user's prompts first, so that somebody who fits
many has no larger say. ``e_u`` is of unit length: else both sides could shrink to nothing, where every distance is
small. ``L_ortho`` is the sum that the description gives its weight to, squared, because a sum of signed cosines is
least where prompts point away from each other.

A prompt is kept as where it started, a buffer, and what it learnt since, a parameter. A restart moves the former alone:
an average of the weights over steps (:mod:`train.loop.averaging`) follows parameters, and would for epochs have a
restarted prompt somewhere between its old place and the new one. What a restart does not touch is the optimizer's
memory: of a prompt that nobody used it is that of ``L_ortho``, and Adam's sense of direction fades within some ten
steps.
"""

from typing import Final

import torch
from torch import Tensor, nn

from train.objectives.contrast import directions

COMMITMENT: Final = 0.25
"""beta; the paper found no difference from 0.1 to 2.0."""
KEPT_FEATURES: Final = 512
_DEAD_SHARE = 0.01


class PromptCodebook(nn.Module):
    """``K`` prompts, one prompt that all users share, and how often each was used of late.

    ``origins`` are where prompts started or were restarted; ``usage`` counts since the last restart; ``recent`` holds
    the newest users' features, the newest last, of which ``n_recent`` are real.
    """

    origins: Tensor
    usage: Tensor
    recent: Tensor
    n_recent: Tensor

    def __init__(self, rows: Tensor, *, threshold: float, max_selected: int) -> None:
        """Start from ``rows`` ``[K, dim]``; the shared prompt is drawn from torch's global generator."""
        super().__init__()
        dim = rows.shape[1]
        self.offsets = nn.Parameter(torch.zeros_like(rows))
        self.shared = nn.Parameter(torch.randn(dim) / dim**0.5)
        self._threshold = threshold
        self._max_selected = min(max_selected, len(rows))
        self.register_buffer("origins", rows.detach().clone())
        self.register_buffer("usage", torch.zeros(len(rows)))
        self.register_buffer("recent", torch.zeros(KEPT_FEATURES, dim))
        self.register_buffer("n_recent", torch.zeros((), dtype=torch.int64))

    @property
    def prompts(self) -> Tensor:
        """Return ``z_k``, ``[K, dim]``; carries gradients."""
        return self.origins + self.offsets

    def select(self, features: Tensor) -> Tensor:
        """Return which prompts fit features ``[..., dim]``, bool ``[..., K]``; without gradients."""
        cosines = directions(features.detach()) @ directions(self.prompts.detach()).T
        nearest = cosines.topk(self._max_selected, dim=-1).indices
        among_nearest = torch.zeros_like(cosines, dtype=torch.bool).scatter(-1, nearest, True)
        return ((cosines > self._threshold) & among_nearest).scatter(-1, nearest[..., :1], True)

    def quantization_loss(self, features: Tensor, chosen: Tensor) -> Tensor:
        """Return ``L_Q`` of features ``[n, dim]`` and what :meth:`select` chose, ``[n, K]``; 0 where n is 0."""
        shares = chosen / (chosen.sum(1, keepdim=True) * max(len(chosen), 1))
        to_users = (shares * _squared_distances(features.detach(), self.prompts)).sum()
        to_prompts = (shares * _squared_distances(features, self.prompts.detach())).sum()
        return to_users + COMMITMENT * to_prompts

    def orthogonality_loss(self) -> Tensor:
        """Return ``L_ortho``."""
        pointing = directions(self.prompts)
        return (pointing @ pointing.T).triu(diagonal=1).square().sum()

    @torch.no_grad()
    def track(self, features: Tensor, chosen: Tensor) -> None:
        """Take note of users' features ``[n, dim]`` and of the prompts they used ``[n, K]``."""
        self.usage += chosen.sum(0)
        self.recent.copy_(torch.cat([self.recent, features])[-KEPT_FEATURES:])
        self.n_recent.copy_((self.n_recent + len(features)).clamp(max=KEPT_FEATURES))

    @torch.no_grad()
    def restart_dead(self, generator: torch.Generator) -> int:
        """Move prompts that hardly anybody used to users seen of late, forget the counts, and return how many moved.

        Dead is what was used less than a hundredth as often as a prompt is on average.
        """
        dead = (self.usage < _DEAD_SHARE * self.usage.mean()).nonzero()[:, 0]
        n_recent = int(self.n_recent)
        drawn = torch.randperm(n_recent, generator=generator)[: len(dead)].to(self.recent.device)
        moved = dead[: len(drawn)]
        self.origins[moved] = self.recent[KEPT_FEATURES - n_recent + drawn] - self.offsets[moved]
        self.usage.zero_()
        return len(moved)


def perplexity(usage: Tensor) -> float:
    """Return ``exp(-sum p log p)`` of counts ``[K]``: so many, used alike, would be as spread; 0 of no use at all."""
    total = usage.sum()
    if not total > 0:
        return 0.0
    shares = usage[usage > 0].double() / total
    return float((-(shares * shares.log()).sum()).exp())


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return ``|a_i - b_j|^2``, ``[n, m]``, from products: the differences would be ``[n, m, dim]``."""
    return a.square().sum(1, keepdim=True) + b.square().sum(1) - 2.0 * a @ b.T
