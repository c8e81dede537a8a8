r"""How much each attention head and each feed-forward channel matters: the Fisher information of its mask.

A mask :math:`m_u` of 1 multiplies what unit ``u`` hands on, ``z_u``; a mask of 0 removes the unit. By the chain rule
the gradient of the loss by the mask is gradient times activation, :math:`\partial L / \partial m_u = \sum z_u \,
\partial L / \partial z_u`. For next items ``y`` that are drawn from the whole student's own distribution, the mean of
its square is the Fisher information, the second derivative of what the pruned student loses on the whole one,

.. math::
    \mathrm{KL}(p_{whole} \,\|\, p_{pruned}) \approx \tfrac{1}{2} \sum_{u \text{ removed}}
    \mathbb{E}\Big[\big(\partial \log p(y) / \partial m_u\big)^2\Big],

where the first derivative is 0. Sources: Theis et al., "Faster gaze prediction with dense networks and Fisher pruning",
2018, https://arxiv.org/abs/1801.05787; for heads and channels of transformers, Kwon et al., "A Fast Post-Training
Pruning Framework for Transformers", NeurIPS 2022, https://arxiv.org/abs/2204.09656, with true labels in place of drawn
ones. Units count as independent, so candidates are compared by the divergence itself (:class:`Sequences`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from train.backbones.sasrec import SASRec
from train.loop.batches import Rows, pad

_BATCH = 256


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    """What the student is estimated to lose without each unit, in nats a user; one tensor for each block.

    Attributes:
        heads: ``[n_heads]`` each.
        channels: ``[feed]`` each.
    """

    heads: list[Tensor]
    channels: list[Tensor]


class Sequences:
    """Histories of real users over a fixed item table, with the whole student's distributions after them."""

    def __init__(
        self,
        encoder: SASRec,
        table: Tensor,
        histories: Sequence[Rows],
        finish: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        """Encode the histories.

        Args:
            encoder: the whole encoder.
            table: item vectors, ``[n_items, dim]``.
            histories: events of users, catalogue rows, oldest first, at least one each.
            finish: what the student adds to states ``[batch, dim]``, such as knowledge.
        """
        if not histories:
            raise ValueError("expected at least one history")
        self._table, self._finish = table, finish
        order = np.argsort([len(rows) for rows in histories], kind="stable")
        newest = [histories[index][-encoder.config.max_length :] for index in order]
        self._batches = [pad(newest[start : start + _BATCH]) for start in range(0, len(newest), _BATCH)]
        self._n = len(newest)
        with torch.inference_mode():
            self._logits = [self._scores(encoder.eval(), *batch) for batch in self._batches]

    @torch.inference_mode()
    def divergence(self, encoder: SASRec) -> float:
        """Return the mean Kullback-Leibler divergence of an encoder's distributions from the whole one's, in nats."""
        encoder.eval()
        total = 0.0
        for (rows, mask), logits in zip(self._batches, self._logits, strict=True):
            ours, whole = (each.log_softmax(dim=1) for each in (self._scores(encoder, rows, mask), logits))
            total += float(F.kl_div(ours, whole, reduction="sum", log_target=True))
        return total / self._n

    def importance(self, encoder: SASRec, seed: int) -> Importance:
        """Return the importance of the heads and channels of an encoder, by one drawn item for each history.

        Args:
            encoder: the encoder, of the same width; it may already lack parts.
            seed: random seed of the drawn items.
        """
        encoder.eval()
        generator = torch.Generator().manual_seed(seed)
        sums: dict[str, Tensor] = {}
        for rows, mask in self._batches:
            for name, gradient in self._mask_gradients(encoder, rows, mask, generator):
                sums[name] = sums.get(name, torch.zeros(())) + gradient.square().sum(dim=0)
        names = [f"block.{index}." for index in range(encoder.config.n_blocks)]
        return Importance(
            [0.5 * sums[f"{name}output"] / self._n for name in names],
            [0.5 * sums[f"{name}feed_out"] / self._n for name in names],
        )

    def _mask_gradients(
        self, encoder: SASRec, rows: Tensor, mask: Tensor, generator: torch.Generator
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield the gradient by each mask for each user, ``[batch, units]``, by the layer that the units lead to."""
        inputs: dict[str, Tensor] = {}

        def keep(name: str) -> Any:  # noqa: ANN401 - as torch declares hooks
            def hook(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
                inputs[name] = arguments[0]

            return hook

        layers = [(name, layer) for name, layer in encoder.named_modules() if name.endswith((".output", ".feed_out"))]
        hooks = [layer.register_forward_pre_hook(keep(name)) for name, layer in layers]
        try:
            log_p = self._scores(encoder, rows, mask).log_softmax(dim=1)
        finally:
            for each in hooks:
                each.remove()
        drawn = torch.multinomial(log_p.detach().exp(), 1, generator=generator)
        # Users do not depend on each other, so the gradient of the sum has that of each.
        gradients = torch.autograd.grad(log_p.gather(1, drawn).sum(), list(inputs.values()))
        for (name, tensor), gradient in zip(inputs.items(), gradients, strict=True):
            by_number = (tensor.detach() * gradient).sum(dim=1)
            if name.endswith(".output"):
                heads = encoder.config.block_heads[int(name.split(".")[1])]
                by_number = by_number.view(len(by_number), heads, -1).sum(dim=2)
            yield name, by_number

    def _scores(self, encoder: SASRec, rows: Tensor, mask: Tensor) -> Tensor:
        states = encoder.user_state(F.embedding(rows, self._table), mask)
        scores: Tensor = (states if self._finish is None else self._finish(states)) @ self._table.T
        return scores
