"""Random numbers that are the same in the page: xoshiro128** (Blackman and Vigna, 2021), seeded by splitmix32.

Both are made of operations on 32 bits, which JavaScript has too. For choosing examples; never for noise or secrets,
because the whole sequence follows from the seed.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

_T = TypeVar("_T")

_MASK: Final = 0xFFFFFFFF
_GOLDEN: Final = 0x9E3779B9  # 2^32 divided by the golden ratio: the step of splitmix


class Random32:
    """A sequence that follows from a seed and a counter, such as the number of a training step.

    Args:
        seed: of the person or the experiment, 32 bits.
        counter: tells the sequences of one seed apart, 32 bits.

    Raises:
        ValueError: a number has more than 32 bits.
    """

    def __init__(self, seed: int, counter: int = 0) -> None:
        for name, value in (("seed", seed), ("counter", counter)):
            if not 0 <= value <= _MASK:
                raise ValueError(f"expected a {name} from 0 to {_MASK}, got {value}")
        start = _mix(_mix(seed) ^ counter)
        # Four different numbers through a bijection: at most one of them is 0, and the state must not be.
        self._state = [_mix((start + word * _GOLDEN) & _MASK) for word in range(1, 5)]

    def next(self) -> int:
        """Return the next number, from 0 to 2^32 - 1."""
        s = self._state
        result = (_rotated((s[1] * 5) & _MASK, 7) * 9) & _MASK
        shifted = (s[1] << 9) & _MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = _rotated(s[3], 11)
        return result

    def below(self, n: int) -> int:
        """Return a number below ``n``, 1 to 2^32, all equally likely.

        Raises:
            ValueError: ``n`` is out of range.
        """
        if not 1 <= n <= _MASK + 1:
            raise ValueError(f"expected a bound from 1 to {_MASK + 1}, got {n}")
        limit = (_MASK + 1) // n * n
        drawn = self.next()
        while drawn >= limit:  # what is left over would make small numbers more likely
            drawn = self.next()
        return drawn % n

    def sample(self, values: Sequence[_T], k: int) -> list[_T]:
        """Return ``k`` of the values in random order, none twice (Fisher and Yates).

        Raises:
            ValueError: there are fewer than ``k`` values.
        """
        if not 0 <= k <= len(values):
            raise ValueError(f"expected to choose 0 to {len(values)} values, got {k}")
        pool = list(values)
        for place in range(k):
            other = place + self.below(len(pool) - place)
            pool[place], pool[other] = pool[other], pool[place]
        return pool[:k]


def _mix(value: int) -> int:
    """Return the output of splitmix32 for a state: a bijection of 32 bits."""
    value ^= value >> 16
    value = (value * 0x21F0AAAD) & _MASK
    value ^= value >> 15
    value = (value * 0x735A2D97) & _MASK
    return value ^ value >> 15


def _rotated(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _MASK
