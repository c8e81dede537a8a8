r"""Dot products of item vectors with a given vector, and lengths, to the last bit as in the page (SPEC section 4).

Two items that are equally far from a third should tie, but sums of float32 depend on their order, which differs between
processors and languages. So the table of a tier is computed in float64 and rounded to multiples of

.. math::
    2^{e - 23}, \qquad 2^{e-1} \le |a| \, \sqrt{\textstyle\sum_m \max_c |b_{mc}|^2} < 2^e

with ``a`` the given vector and ``b`` the codewords. No sum of entries reaches ``2^{e+1}``, so float32 adds them without
any rounding, in whichever order. States come from engines, which agree to some digits only, so their scores
(:mod:`edge_runtime.ranking`) are not computed in this way.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import ProductCodes, TierCodes
from edge_runtime.ranking import Floats, sum_codes

_BITS = 23
"""Of the significand of float32, after the first."""
_ROUNDER = 1.5 * 2.0**52
"""Adding and subtracting this multiple of a step rounds to whole steps, half to even."""


class ItemProducts:
    """Products of all items with vectors; threads may share it."""

    def __init__(self, codes: ProductCodes) -> None:
        self._codes = codes
        self._tiers = tuple(map(_TierTables.of, codes.tiers))

    def of(self, vector: NDArray[np.float64]) -> Floats:
        """Return the product of every item's vector with ``vector``, ``[d]``; in row order, ``[n_items]``."""
        products = np.empty(len(self._codes.tier_of), dtype=np.float32)
        length = float(np.sqrt(vector @ vector))
        for tier in self._tiers:
            sum_codes(tier.codes, tier.table(vector, length), products)
        return products

    def lengths(self) -> Floats:
        """Return the length of every item's vector, ``[n_items]``."""
        squares = np.empty(len(self._codes.tier_of))
        for tier in self._tiers:
            sum_codes(tier.codes, tier.squares().reshape(-1), squares)
        return np.sqrt(squares).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _TierTables:
    """The codewords of a tier, ``[m, d / m, n_codewords]``, and the length of the longest vector made of them."""

    codes: TierCodes
    codewords: NDArray[np.float64]
    longest: float

    @classmethod
    def of(cls, tier: TierCodes) -> Self:
        codewords = tier.codebook.transpose(0, 2, 1).astype(np.float64)
        return cls(tier, codewords, float(np.sqrt(np.square(codewords).sum(axis=1).max(axis=1).sum())))

    def table(self, vector: NDArray[np.float64], length: float) -> Floats:
        """Return the rounded products of codewords with the parts of a vector of some length, flat."""
        m, width, _ = self.codewords.shape
        table = vector.reshape(m, 1, width) @ self.codewords
        rounder = math.ldexp(_ROUNDER, math.frexp(length * self.longest)[1] - _BITS)
        table += rounder
        table -= rounder
        return table.astype(np.float32).reshape(-1)

    def squares(self) -> NDArray[np.float64]:
        """Return the squared length of every codeword, ``[m, n_codewords]``."""
        squares: NDArray[np.float64] = np.square(self.codewords).sum(axis=1)
        return squares
