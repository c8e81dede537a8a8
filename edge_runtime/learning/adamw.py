r"""AdamW (Loshchilov and Hutter, 2019) over one vector, with a state that survives the end of the process.

.. math::
    m &\leftarrow \beta_1 m + (1 - \beta_1) g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2 \\
    x &\leftarrow x - \eta \lambda (x - c) - \eta \,
        \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

The decay pulls towards ``c``, what the bundle has: 0 for the adapter's ``B``, and 1 for the factor of transitions. Only
operations that IEEE 754 defines to the last bit, so the page's twin gets the same bytes. Powers are products of the
step before, because ``pow`` differs between libraries.
"""

import struct
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from edge_runtime.errors import StateError
from edge_runtime.learning.exact import Doubles

MAX_STATE_BYTES: Final = 64 * 1024
_HEADER: Final = struct.Struct("<4sBxxxIIdd")
_MAGIC, _VERSION = b"PKAW", 1
_BYTES_EACH: Final = 3 * 8
MAX_NUMBERS: Final = (MAX_STATE_BYTES - _HEADER.size) // _BYTES_EACH
"""Most numbers that are trained at once: rank 8 of 340 dimensions, or 4 of 680."""
MAX_STEPS: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class AdamWSettings:
    """What the steps of a training have in common."""

    learning_rate: float
    weight_decay: float = 0.01
    momentum: float = 0.9
    scaling: float = 0.999
    epsilon: float = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class AdamWState:
    """The vector that is trained, and what the optimizer keeps of it between steps.

    Args:
        values: the vector, ``[n]``.
        first: running mean of the gradients, ``[n]``.
        second: running mean of their squares, ``[n]``.
        n_steps: number of steps made.
        momentum_power: ``momentum`` to the power of ``n_steps``.
        scaling_power: ``scaling`` to the power of ``n_steps``.
    """

    values: Doubles
    first: Doubles
    second: Doubles
    n_steps: int = 0
    momentum_power: float = 1.0
    scaling_power: float = 1.0

    @classmethod
    def start(cls, values: Doubles) -> Self:
        """Return the state before the first step.

        Raises:
            ValueError: there are more than :data:`MAX_NUMBERS` values, or one is not finite.
        """
        if values.ndim != 1 or len(values) > MAX_NUMBERS:
            raise ValueError(
                f"expected one vector of at most {MAX_NUMBERS} numbers, whose state has {MAX_STATE_BYTES} bytes, got "
                f"{list(values.shape)}; train fewer rows of B"
            )
        if not np.isfinite(values).all():
            raise ValueError("expected finite values")
        return cls(values.astype(np.float64), np.zeros(len(values)), np.zeros(len(values)))

    def to_bytes(self) -> bytes:
        """Return the state, at most :data:`MAX_STATE_BYTES`."""
        powers = self.momentum_power, self.scaling_power
        header = _HEADER.pack(_MAGIC, _VERSION, len(self.values), self.n_steps, *powers)
        return header + b"".join(each.astype("<f8").tobytes() for each in (self.values, self.first, self.second))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the state that :meth:`to_bytes` wrote.

        Raises:
            StateError: the bytes are no such state.
        """
        if not _HEADER.size <= len(data) <= MAX_STATE_BYTES:
            raise StateError(f"expected {_HEADER.size} to {MAX_STATE_BYTES} bytes of an optimizer, got {len(data)}")
        magic, version, n, n_steps, *powers = _HEADER.unpack_from(data)
        if magic != _MAGIC or version != _VERSION or len(data) != _HEADER.size + n * _BYTES_EACH:
            raise StateError(
                f"expected an optimizer of {_MAGIC!r}, version {_VERSION}, in {_HEADER.size} + {_BYTES_EACH} bytes a "
                f"number, got {magic!r}, version {version}, {n} numbers in {len(data)} bytes"
            )
        values, first, second = np.frombuffer(data, "<f8", offset=_HEADER.size).astype(np.float64).reshape(3, n)
        finite = all(np.isfinite(each).all() for each in (values, first, second))
        if not finite or (second < 0).any() or not all(0 <= power <= 1 for power in powers):
            raise StateError("expected finite numbers, squares from 0 and powers from 0 to 1 in an optimizer's state")
        return cls(values, first, second, n_steps, *powers)


def adamw_step(state: AdamWState, gradient: Doubles, centre: Doubles, settings: AdamWSettings) -> AdamWState:
    """Return the state after one step.

    Args:
        state: the state before it, which stays as it is.
        gradient: of the loss by the values, finite, ``[n]``.
        centre: what the decay pulls towards, ``[n]``.
        settings: rates.

    Raises:
        ValueError: the shapes differ, the gradient is not finite, or there were too many steps.
    """
    if not state.values.shape == gradient.shape == centre.shape or not np.isfinite(gradient).all():
        raise ValueError(
            f"expected a finite gradient and a centre of {len(state.values)} numbers, got {list(gradient.shape)} and "
            f"{list(centre.shape)}"
        )
    if state.n_steps >= MAX_STEPS:
        raise ValueError(f"expected at most {MAX_STEPS} steps; start the training anew")
    momentum, scaling, rate = settings.momentum, settings.scaling, settings.learning_rate
    first = momentum * state.first + (1.0 - momentum) * gradient
    second = scaling * state.second + (1.0 - scaling) * (gradient * gradient)
    momentum_power, scaling_power = state.momentum_power * momentum, state.scaling_power * scaling
    step = (first / (1.0 - momentum_power)) / (np.sqrt(second / (1.0 - scaling_power)) + settings.epsilon)
    decayed = state.values - (rate * settings.weight_decay) * (state.values - centre)
    return AdamWState(decayed - rate * step, first, second, state.n_steps + 1, momentum_power, scaling_power)
