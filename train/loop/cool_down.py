"""The learning rate of the epochs after early stopping, which falls linearly to 0.

A constant rate with early stopping needs no number of epochs in advance; what a falling rate gains at the end is then
had by a few epochs from the best weights ("cool-down", Haegele et al. 2024, https://arxiv.org/abs/2405.18392).
"""

import torch


class FallingRate:
    """Sets the learning rates of an optimizer, each relative to the one that it had at first."""

    def __init__(self, optimizer: torch.optim.Optimizer, n_steps: int) -> None:
        """Keep the current rates; they reach 0 after ``n_steps``."""
        self._optimizer = optimizer
        self._rates = [float(group["lr"]) for group in optimizer.param_groups]
        self._n_steps = n_steps

    def set(self, step: int) -> None:
        """Set the rates for a step of the cool-down, from 0."""
        # Looked up each time, because loading a checkpoint replaces the groups.
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * max(1.0 - step / self._n_steps, 0.0)
