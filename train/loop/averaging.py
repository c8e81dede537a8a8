"""Exponential moving average of a model's weights, which is validated and saved in place of the latest weights.

With a constant learning rate, weights oscillate around the minimum, and their mean is closer to it (Polyak and Juditsky
1992, "Acceleration of stochastic approximation by averaging"; the exponential form is that of Kingma and Ba 2014,
section 7.2). On Beauty it improved validation NDCG@10 by 1.7 % (ADR 0012).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages the weights of one model: ``average <- average + (1 - decay_t) (weights - average)``.

    ``decay_t = min(1 - 1 / horizon, (1 + t) / (10 + t))`` after ``t`` steps, so that the initial weights are soon
    forgotten. With a horizon of at most one step, the average is the weights themselves.

    Unlike ``torch.optim.swa_utils.AveragedModel``, this includes the initial weights, copies trainable parameters
    instead of the whole module, and can be swapped into the model.
    """

    def __init__(self, model: nn.Module, horizon: float) -> None:
        """Start with the current weights of the model.

        Args:
            model: model whose trainable parameters are averaged; buffers are not.
            horizon: approximate number of steps in the average.
        """
        self._weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self._limit = max(0.0, 1.0 - 1.0 / max(horizon, 1.0))
        self._average = [weight.detach().clone() for weight in self._weights.values()] if self._limit else []
        self._steps = 0

    @torch.no_grad()
    def restart(self) -> None:
        """Start again with the current weights of the model."""
        self._steps = 0
        for value, weight in zip(self._average, self._weights.values(), strict=False):
            value.copy_(weight)

    @torch.no_grad()
    def update(self) -> None:
        """Update the average with the weights after a step."""
        self._steps += 1
        if self._average:
            decay = min(self._limit, (1 + self._steps) / (10 + self._steps))
            for value, weight in zip(self._average, self._weights.values(), strict=True):
                value.lerp_(weight, 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Give the model the average as its weights within the context."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def state(self) -> dict[str, Tensor]:
        """Return the state for a checkpoint, as :meth:`resume` takes it."""
        averages = dict(zip(self._weights, self._average, strict=True)) if self._average else {}
        return {"steps": torch.tensor(self._steps)} | {f"weights.{name}": value for name, value in averages.items()}

    @torch.no_grad()
    def resume(self, state: Mapping[str, Tensor]) -> None:
        """Restore a state that :meth:`state` returned."""
        self._steps = int(state["steps"])
        if self._average:
            for name, value in zip(self._weights, self._average, strict=True):
                value.copy_(state[f"weights.{name}"])

    @torch.no_grad()
    def _swap(self) -> None:
        for weight, value in zip(self._weights.values(), self._average, strict=False):
            kept = weight.detach().clone()
            weight.copy_(value)
            value.copy_(kept)
