r"""Arithmetic whose results do not depend on processor, library, number of threads or language.

Sums of floating-point numbers depend on their order, which every library of matrix products chooses for itself, and
``exp`` and ``log`` differ between libraries in the last bit. So operands are rounded to multiples of

.. math::
    2^{e - p}, \qquad 2^{e-1} \le \max |x| < 2^e, \qquad 2 p + \lceil \log_2 k \rceil \le 53

for sums of ``k`` products: no sum of them needs more than the 53 bits of a float64, so none is rounded, in whichever
order. All else is ``+``, ``-``, ``*`` and ``/`` of float64, which IEEE 754 defines to the last bit. It costs accuracy:
operands have 22 to 26 bits in sums of up to 512 terms, about those of float32. The page has the same in
``web_demo/src/runtime/learning/exact.ts``.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MAX_TERMS: Final = 2**24
"""Most terms of one sum; products of more would keep too few bits."""
MAX_EXPONENT: Final = 300
"""Magnitudes from 2^300 are refused, and the grid of a row of smaller ones than 2^-300 is that of 2^-300."""

_SIGNIFICAND: Final = 53
_ROUNDER: Final = 1.5 * 2.0**52  # adding and subtracting it rounds to integers, half to even
_LOG2_E: Final = float.fromhex("0x1.71547652b82fep+0")
# ln 2 in two parts (Cody and Waite): the first has 32 bits, so its products with small integers are exact.
_LN2_HIGH: Final = float.fromhex("0x1.62e42feep-1")
_LN2_LOW: Final = float.fromhex("0x1.a39ef35793c76p-33")
_SMALLEST_EXPONENT: Final = -700.0
_EXP_TERMS: Final = 13  # of Taylor's series: 2^-57 is left at ln(2) / 2
_LOG_TERMS: Final = 11  # of the series of the area tangent: less than 2^-60 is left at 3 / 17
_LEAST_FRACTION: Final = 0.7  # of a logarithm: smaller ones are doubled


def exact_product(x: Doubles, y: Doubles) -> Doubles:
    """Return the matrix product ``[n, m]`` of ``x``, ``[n, k]``, and ``y``, ``[k, m]``.

    Each row of ``x`` and each column of ``y`` is rounded to a grid of its own.

    Raises:
        ValueError: a number is not finite or too large, or the shapes do not fit.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[0] or not 0 < x.shape[1] <= MAX_TERMS:
        raise ValueError(f"expected matrices [n, k] and [k, m] with k up to {MAX_TERMS}, got {x.shape} and {y.shape}")
    bits = (_SIGNIFICAND - _bits_of_count(x.shape[1])) // 2
    rows, row_steps = _on_grid(x, 1, bits)
    columns, column_steps = _on_grid(y, 0, bits)
    product: Doubles = rows @ columns
    product += 0.0  # makes -0 to 0, because the sign of a zero sum depends on its order
    product *= row_steps
    product *= column_steps
    return product


def exact_sum(x: Doubles) -> float:
    """Return the sum of all numbers, each rounded to a grid; 0 if there are none.

    Raises:
        ValueError: a number is not finite or too large, or there are too many.
    """
    if x.size > MAX_TERMS:
        raise ValueError(f"expected at most {MAX_TERMS} numbers, got {x.size}")
    if x.size == 0:
        return 0.0
    whole, step = _on_grid(x.reshape(1, -1), 1, _SIGNIFICAND - _bits_of_count(x.size))
    return (float(whole.sum()) + 0.0) * float(step[0, 0])


def softmax(x: Doubles) -> tuple[Doubles, Doubles]:
    """Return the softmax of each row, and the logarithm of its sum of exponentials, ``[n, m]`` and ``[n]``.

    Raises:
        ValueError: a number is not finite.
    """
    if not np.isfinite(x).all():
        raise ValueError("expected finite numbers, of which a softmax can be computed")
    largest = x.max(axis=1, keepdims=True)
    grid = 2.0 ** (_SIGNIFICAND - _bits_of_count(x.shape[1]))  # no exponential exceeds 1
    terms = np.rint(exp(x - largest) * grid)
    sums = terms.sum(axis=1, keepdims=True)
    return terms / sums, log(sums[:, 0] / grid) + largest[:, 0]


def exp(x: Doubles) -> Doubles:
    """Return the exponentials of numbers from 0 down; 0 below -700. Errors are below 2 units in the last place."""
    bounded = np.maximum(x, _SMALLEST_EXPONENT)
    power = (bounded * _LOG2_E + _ROUNDER) - _ROUNDER
    rest = (bounded - power * _LN2_HIGH) - power * _LN2_LOW
    value = np.ones_like(rest)
    for divisor in range(_EXP_TERMS, 0, -1):  # 1 + r / 1 (1 + r / 2 (1 + r / 3 ...))
        value = value * (rest * (1.0 / divisor)) + 1.0
    scaled: Doubles = np.ldexp(value, power.astype(np.int32))
    scaled[x < _SMALLEST_EXPONENT] = 0.0
    return scaled


def log(x: Doubles) -> Doubles:
    """Return the natural logarithms of numbers from 2^-1022, finite."""
    fraction, exponent = np.frexp(x)
    low = fraction < _LEAST_FRACTION
    fraction = np.where(low, 2.0 * fraction, fraction)
    power = (exponent - low).astype(np.float64)
    ratio = (fraction - 1.0) / (fraction + 1.0)
    square = ratio * ratio
    series = np.zeros_like(square)
    for term in range(_LOG_TERMS - 1, 0, -1):  # s^2 / 3 + s^4 / 5 + ...
        series = (series + 1.0 / (2 * term + 1)) * square
    return power * _LN2_HIGH + (power * _LN2_LOW + 2.0 * (ratio + ratio * series))


def _on_grid(x: Doubles, axis: int, bits: int) -> tuple[Doubles, Doubles]:
    """Return ``x`` as integers of up to ``2^bits``, and the steps that they count along an axis."""
    largest = np.abs(x).max(axis=axis, keepdims=True, initial=0.0)
    if not (largest < 2.0**MAX_EXPONENT).all():
        raise ValueError(f"expected finite numbers below 2^{MAX_EXPONENT}, got {largest.max()}")
    exponent = np.maximum(np.frexp(largest)[1], -MAX_EXPONENT)
    return np.rint(x * np.ldexp(1.0, bits - exponent)), np.ldexp(1.0, exponent - bits)


def _bits_of_count(count: int) -> int:
    """Return the logarithm of a count to base 2, rounded up."""
    return (count - 1).bit_length()
