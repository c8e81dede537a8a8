"""Numbers and bytes of a pack, written and read in order."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import DeltaError

MAX_NUMBER_BYTES: Final = 7
"""A number has 49 bits: more than any size, and few enough for the doubles of a browser."""

_BITS: Final = 7
_MORE: Final = 1 << _BITS

Integers = NDArray[np.integer[Any]]


class Cursor:
    """Reads a part of a pack from front to back.

    Args:
        data: the bytes.
        source: what they are, for messages.
    """

    def __init__(self, data: bytes, source: str) -> None:
        self._data = data
        self._source = source
        self._at = 0

    @property
    def n_left(self) -> int:
        """Number of bytes that were not read."""
        return len(self._data) - self._at

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes.

        Raises:
            DeltaError: there are fewer.
        """
        if n_bytes > self.n_left:
            raise self.error(f"found {self.n_left:,} bytes, expected {n_bytes:,} more")
        self._at += n_bytes
        return self._data[self._at - n_bytes : self._at]

    def number(self) -> int:
        """Return the next number."""
        return int(self.numbers(1)[0])

    def numbers(self, n: int) -> NDArray[np.int64]:
        """Return the next ``n`` numbers.

        Raises:
            DeltaError: there are fewer, or one has more than :data:`MAX_NUMBER_BYTES` bytes.
        """
        if n > self.n_left:
            raise self.error(f"found {self.n_left:,} bytes, expected {n:,} numbers")
        n_read = min(n * MAX_NUMBER_BYTES, self.n_left)
        octets = np.frombuffer(self._data, np.uint8, n_read, self._at)
        lasts = np.flatnonzero(octets < _MORE)[:n]
        lengths = np.diff(lasts, prepend=-1)
        if len(lasts) < n or int(lengths.max(initial=0)) > MAX_NUMBER_BYTES:
            raise self.error(f"found a number of more than {MAX_NUMBER_BYTES} bytes, or fewer than {n:,} numbers")
        if not n:
            return lasts
        octets = octets[: int(lasts[-1]) + 1]
        starts = lasts - lengths + 1
        shifts = _BITS * (np.arange(len(octets)) - np.repeat(starts, lengths))
        self._at += len(octets)
        return np.add.reduceat((octets & (_MORE - 1)).astype(np.int64) << shifts, starts)

    def end(self) -> None:
        """Check that all bytes were read.

        Raises:
            DeltaError: some are left.
        """
        if self.n_left:
            raise self.error(f"found {self.n_left:,} bytes after the end")

    def error(self, problem: str) -> DeltaError:
        """Return the error for a problem with these bytes."""
        return DeltaError(self._source, problem)


def dump_numbers(*values: int) -> bytes:
    """Return numbers in base 128, the lowest seven bits first; the highest bit says that another byte follows."""
    return dump_array(np.array(values, dtype=np.int64))


def dump_array(values: Integers) -> bytes:
    """Return an array of non-negative numbers as :func:`dump_numbers` does."""
    n_bytes = np.ones(len(values), dtype=np.int64)
    for index in range(1, MAX_NUMBER_BYTES):
        n_bytes += values >> _BITS * index > 0
    ends = np.cumsum(n_bytes)
    places = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - n_bytes, n_bytes)
    octets = np.repeat(values, n_bytes) >> _BITS * places & (_MORE - 1)
    octets |= np.where(places < np.repeat(n_bytes, n_bytes) - 1, _MORE, 0)
    return octets.astype(np.uint8).tobytes()
