"""Stops training when losses, gradients, weights or metrics are NaN or infinite.

A single overflow in one loss term makes all weights NaN in the next step.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.errors import RunError

GRADIENT_NORM = "norm of the gradients"
_BLOCK_ROWS = 4096


class FiniteCheck:
    """Checks the loss terms and the gradient norm of the steps of one epoch.

    Args:
        epoch: number of the epoch, from 1, for messages.
        advice: what the user can try, in one or two sentences.
        every_step: check in every step. On an accelerator this would synchronize the device, so steps are checked at
            the end of the epoch.
    """

    def __init__(self, epoch: int, advice: str, *, every_step: bool) -> None:
        self._epoch = epoch
        self._advice = advice
        self._at_once = every_step
        self._names: tuple[str, ...] = ()
        self._steps: list[Tensor] = []

    def note(self, terms: Mapping[str, Tensor], gradient_norm: Tensor) -> None:
        """Record one step, before its gradients are applied.

        Raises:
            RunError: a value is not finite, and every step is checked.
        """
        self._names = (*terms, GRADIENT_NORM)
        self._steps.append(torch.stack([*(term.detach().float() for term in terms.values()), gradient_norm.float()]))
        if self._at_once:
            self._check(self._steps[-1:], len(self._steps))

    def check(self) -> None:
        """Check all steps.

        Raises:
            RunError: a value is not finite; the message names the first such step and its first such term.
        """
        self._check(self._steps, 1)

    def _check(self, steps: list[Tensor], first: int) -> None:
        values = torch.stack(steps).cpu() if steps else torch.empty(0, 0)
        bad = (~values.isfinite()).nonzero()
        if len(bad):
            row, column = bad[0].tolist()
            name = self._names[column]
            what = name if name == GRADIENT_NORM else f"term '{name}' of the loss"
            raise RunError(
                f"epoch {self._epoch}, step {first + row}: the {what} is {float(values[row, column])}; expected a "
                f"finite number. {self._advice}"
            )


def check_weights(weights: Iterable[tuple[str, Tensor]], epoch: int, advice: str) -> None:
    """Check named weights after an epoch.

    Raises:
        RunError: a weight is not finite.
    """
    name = name_not_finite(weights)
    if name is not None:
        raise RunError(f"epoch {epoch}: the weights '{name}' are not all finite after the last step. {advice}")


def name_not_finite(weights: Iterable[tuple[str, Tensor]]) -> str | None:
    """Return the first name whose weights are not all finite, or None."""
    return next((name for name, weight in weights if not bool(weight.isfinite().all())), None)


def check_metric(name: str, value: float, epoch: int, advice: str) -> None:
    """Check a metric of an epoch.

    Raises:
        RunError: the value is not finite.
    """
    if not math.isfinite(value):
        raise RunError(f"epoch {epoch}: {name} is {value}; expected a finite number. {advice}")


def first_not_finite(vectors: NDArray[np.float32]) -> int | None:
    """Return the first row of ``[n, ...]`` with a non-finite value, or None; reads a memory map in blocks."""
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS]
        bad = ~np.isfinite(block).reshape(len(block), -1).all(axis=1)
        if bad.any():
            return start + int(bad.argmax())
    return None
