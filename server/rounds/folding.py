"""Arithmetic of the sum: clips an update again, weights it, and adds it, in integers that no order of sums changes."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.rounds.plan import RoundPlan

WEIGHT_UNIT: Final = 1024
"""Weights are integers of 1 / 1,024, so that sums stay exact."""

Integers = NDArray[np.int64]


def staleness_weight(staleness: int) -> int:
    """Return the weight ``1 / sqrt(1 + staleness)`` in 1,024ths (Nguyen et al., FedBuff, AISTATS 2022)."""
    return round(WEIGHT_UNIT / math.sqrt(1 + staleness))


def clipped_again(values: Integers, plan: RoundPlan) -> tuple[Integers, bool]:
    """Return values whose norm is at most that of a clipped update with its noise, and whether they were scaled down.

    Devices clip, but a malicious one may not. Values are rounded towards zero, so that the norm cannot grow.

    Args:
        values: the integers of an update, int64 ``[size]``, of at most 32 bits.
        plan: the plan that bounds them.
    """
    limit = plan.norm_limit * plan.scale
    # Exact for 16 bits: the sum of at most 2^15 squares of 30 bits is below 2^53.
    squares = float(np.square(values.astype(np.float64)).sum())
    if squares <= limit * limit:
        return values, False
    return np.trunc(values * (limit / math.sqrt(squares))).astype(np.int64), True


class Sum:
    """An exact weighted sum of updates, ``[size]``."""

    def __init__(self, values: Integers) -> None:
        self._values = values

    @classmethod
    def zero(cls, size: int) -> "Sum":
        """Return the sum of no updates."""
        return cls(np.zeros(size, dtype=np.int64))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Sum":
        """Return the sum that :meth:`to_bytes` wrote."""
        return cls(np.frombuffer(data, dtype="<i8").astype(np.int64))

    def to_bytes(self) -> bytes:
        """Return the values as little-endian int64."""
        return self._values.astype("<i8").tobytes()

    def copy(self) -> "Sum":
        """Return a copy, which changes on its own."""
        return Sum(self._values.copy())

    def add(self, values: Integers, weight: int) -> None:
        """Add an update, int64 ``[size]``, times its weight.

        It cannot overflow: an update has at most 32 bits, a weight 11, and a plan allows 2^20 updates.
        """
        self._values += values * weight

    def merge(self, other: "Sum") -> None:
        """Add another sum."""
        self._values += other._values

    def mean(self, weight: int, scale: int) -> NDArray[np.float64]:
        """Return the weighted mean of the updates in their own unit, float64 ``[size]``.

        Args:
            weight: sum of the weights.
            scale: integers per unit.
        """
        return self._values / (float(weight) * scale)
