"""Discrete Gaussian noise, drawn exactly from the operating system's generator.

The sampler is Algorithm 3 of Canonne, Kamath and Steinke, "The Discrete Gaussian for Differential Privacy" (2020), with
integer arithmetic only: a float would round the probabilities, and a statistics generator could be predicted from its
outputs. It takes a different time for different values, which only the device itself could measure.
"""

import math
import os
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

ByteSource = Callable[[int], bytes]
"""Returns so many random bytes, such as ``os.urandom``."""

_BUFFER_BYTES: Final = 4096


def discrete_gaussian(variance: int, size: int, source: ByteSource | None = None) -> NDArray[np.int64]:
    """Return independent integers with probabilities proportional to ``exp(-x * x / (2 * variance))``.

    Args:
        variance: the variance, in integer units.
        size: how many.
        source: random bytes; None for the operating system's. Another one makes the noise predictable.

    Raises:
        ValueError: the variance is not positive.
    """
    if variance < 1:
        raise ValueError(f"found the variance {variance}, expected at least 1")
    sampler = _Sampler(source or os.urandom)
    return np.array([sampler.gaussian(variance) for _ in range(size)], np.int64)


class _Sampler:
    """Draws from exact distributions. Each call has its own buffer, so that a forked process repeats no bytes."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._buffer = b""
        self._position = 0

    def gaussian(self, variance: int) -> int:
        """Draw from the discrete Gaussian, by rejection from a discrete Laplace distribution."""
        scale = math.isqrt(variance) + 1
        while True:
            value = self._laplace(scale)
            distance = abs(value) * scale - variance
            if self._exponential(distance * distance, 2 * variance * scale * scale):
                return value

    def _laplace(self, scale: int) -> int:
        """Draw from the distribution proportional to ``exp(-abs(x) / scale)`` (Algorithm 2)."""
        while True:
            remainder = self._below(scale)
            if not self._exponential_within_one(remainder, scale):
                continue
            quotient = 0
            while self._exponential_within_one(1, 1):
                quotient += 1
            value = remainder + scale * quotient
            if self._below(2) == 0:
                return value
            if value:  # or else 0 would be drawn twice as often
                return -value

    def _exponential(self, numerator: int, denominator: int) -> bool:
        """Return True with the probability ``exp(-numerator / denominator)`` (Algorithm 1)."""
        while numerator > denominator:
            if not self._exponential_within_one(1, 1):
                return False
            numerator -= denominator
        return self._exponential_within_one(numerator, denominator)

    def _exponential_within_one(self, numerator: int, denominator: int) -> bool:
        """Return True with the probability ``exp(-numerator / denominator)``, for a quotient of at most 1."""
        k = 1
        while self._below(denominator * k) < numerator:
            k += 1
        return k % 2 == 1

    def _below(self, limit: int) -> int:
        """Draw a whole number from 0 to ``limit - 1``, all equally likely."""
        n_bits = (limit - 1).bit_length()
        while True:
            value = int.from_bytes(self._take((n_bits + 7) // 8), "little") & ((1 << n_bits) - 1)
            if value < limit:
                return value

    def _take(self, n_bytes: int) -> bytes:
        end = self._position + n_bytes
        if end > len(self._buffer):
            self._buffer = self._buffer[self._position :] + self._source(max(n_bytes, _BUFFER_BYTES))
            self._position, end = 0, n_bytes
        taken = self._buffer[self._position : end]
        self._position = end
        return taken
