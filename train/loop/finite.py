"""Stops a training whose numbers are no longer finite, and says where it went wrong.

NaN spreads: one overflow in one term makes every weight NaN at the next step, and nothing of it is worth keeping.
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


class FiniteSteps:
    """Watches the terms of the loss and the gradients over the steps of one epoch.

    Args:
        epoch: from 1, for the message.
        advice: what to try, a sentence or two.
        at_once: read every step, which costs nothing on a processor; an accelerator would have to be waited for, and
            is read at the epoch's end alone.
    """

    def __init__(self, epoch: int, advice: str, *, at_once: bool) -> None:
        self._epoch = epoch
        self._advice = advice
        self._at_once = at_once
        self._names: tuple[str, ...] = ()
        self._steps: list[Tensor] = []

    def note(self, terms: Mapping[str, Tensor], gradient_norm: Tensor) -> None:
        """Take note of one step, before its gradients are applied.

        Raises:
            RunError: something is not finite, where every step is read.
        """
        self._names = (*terms, GRADIENT_NORM)
        self._steps.append(torch.stack([*(term.detach().float() for term in terms.values()), gradient_norm.float()]))
        if self._at_once:
            self._check(self._steps[-1:], len(self._steps))

    def check(self) -> None:
        """Read all steps.

        Raises:
            RunError: something was not finite; the message names the first step and the first term of it.
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
        RunError: one is not finite, as when the last step was too large.
    """
    name = name_not_finite(weights)
    if name is not None:
        raise RunError(f"epoch {epoch}: the weights '{name}' are not all finite after its last step. {advice}")


def name_not_finite(weights: Iterable[tuple[str, Tensor]]) -> str | None:
    """Return the first name whose weights are not all finite, or None."""
    return next((name for name, weight in weights if not bool(weight.isfinite().all())), None)


def check_figure(name: str, value: float, epoch: int, advice: str) -> None:
    """Check a figure of an epoch.

    Raises:
        RunError: it is not finite.
    """
    if not math.isfinite(value):
        raise RunError(f"epoch {epoch}: {name} is {value}; expected a finite number. {advice}")


def first_not_finite(vectors: NDArray[np.float32]) -> int | None:
    """Return the first row of ``[n, ...]`` that is not all finite, or None; a memory map is read in blocks."""
    for start in range(0, len(vectors), _BLOCK_ROWS):
        block = vectors[start : start + _BLOCK_ROWS]
        bad = ~np.isfinite(block).reshape(len(block), -1).all(axis=1)
        if bad.any():
            return start + int(bad.argmax())
    return None
