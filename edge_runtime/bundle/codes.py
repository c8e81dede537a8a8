"""The item table as product codes of several lengths (SPEC section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take
from edge_runtime.bundle.manifest import Catalogue
from edge_runtime.errors import BundleError

MAX_SCALE: Final = 1e6
"""Of a scale, and of a number of a centre: vectors stay finite, and so does every score."""

_FILE = "codes.safetensors"
_SHIFTS = np.array([0, 2, 4, 6], dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class TierCodes:
    """The codes of the items that share one code length.

    ``codes`` and ``codebook`` are transposed views: in memory the codes of one part lie side by side, and so do the
    codewords of one dimension, because that is how scoring walks over them.

    Attributes:
        rows: catalogue rows, ascending, int32 ``[n]``.
        codes: uint8 ``[n, m]``.
        codebook: float32 ``[m, n_codewords, d / m]``: for each part the codebook that it uses, scale and centre
            already in it.
    """

    rows: NDArray[np.int32]
    codes: NDArray[np.uint8]
    codebook: NDArray[np.float32]

    def decode(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors ``[len(positions), d]`` of some of this tier's items, by position in ``rows``."""
        chosen = self.codes[positions]
        parts = self.codebook[np.arange(chosen.shape[1]), chosen]
        return parts.reshape(len(positions), -1)


@dataclass(frozen=True, slots=True)
class ProductCodes:
    """All items as codes.

    Attributes:
        tiers: one entry a code length; together they hold each row once.
        tier_of: uint8 ``[n_items]``.
    """

    tiers: tuple[TierCodes, ...]
    tier_of: NDArray[np.uint8]

    def decode(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Return the item vectors ``[len(rows), d]``."""
        dim = self.tiers[0].codebook.shape[0] * self.tiers[0].codebook.shape[2]
        vectors = np.empty((len(rows), dim), dtype=np.float32)
        tiers = self.tier_of[rows]
        for index, tier in enumerate(self.tiers):
            here = np.flatnonzero(tiers == index)
            if len(here):
                vectors[here] = tier.decode(np.searchsorted(tier.rows, rows[here]))
        return vectors


def read_codes(arrays: Mapping[str, Array], sizes: Catalogue) -> ProductCodes:
    """Return the codes, after checking every count against the manifest.

    Raises:
        BundleError: the arrays break SPEC section 4.
    """
    packed = take(arrays, "tier", "uint8", ((sizes.n_items + 3) // 4,), _FILE)
    tier_of = unpack_tiers(packed, sizes.n_items)
    if int(tier_of.max()) >= len(sizes.tiers):
        raise BundleError(f"{_FILE}: an item is in tier {tier_of.max()}, but there are {len(sizes.tiers)} tiers")
    tiers = [_read_tier(arrays, sizes, index, np.flatnonzero(tier_of == index)) for index in range(len(sizes.tiers))]
    return ProductCodes(tuple(tiers), tier_of)


def _read_tier(arrays: Mapping[str, Array], sizes: Catalogue, index: int, rows: NDArray[np.int64]) -> TierCodes:
    promised = sizes.tiers[index]
    m = promised.n_codes
    if len(rows) != promised.n_items:
        raise BundleError(f"{_FILE}: tier {index} holds {len(rows)} items, the manifest says {promised.n_items}")
    codes = take(arrays, f"codes.{index}", "uint8", (len(rows), m), _FILE)
    if codes.size and int(codes.max()) >= sizes.n_codewords:
        raise BundleError(f"{_FILE}: a code of tier {index} is {codes.max()}, expected below {sizes.n_codewords}")
    n_books = promised.n_books
    book = take(arrays, f"codebook.{index}", "int8", (n_books, sizes.n_codewords, sizes.dim // m), _FILE)
    scale = take(arrays, f"scale.{index}", "float32", (n_books,), _FILE)
    if not ((scale > 0) & (scale < MAX_SCALE)).all():
        raise BundleError(f"{_FILE}: a scale of tier {index} is not above 0 and below {MAX_SCALE:g}")
    centre = take(arrays, f"centre.{index}", "float32", (sizes.dim,), _FILE)
    if not (np.abs(centre) < MAX_SCALE).all():
        raise BundleError(f"{_FILE}: a number of the centre of tier {index} is not within {MAX_SCALE:g} of 0")
    scaled = book.transpose(0, 2, 1).astype(np.float32) * scale[:, None, None]
    vectors = centre.reshape(m, -1, 1) + np.repeat(scaled, m // n_books, axis=0)
    return TierCodes(rows.astype(np.int32), np.ascontiguousarray(codes.T).T, vectors.transpose(0, 2, 1))


def pack_tiers(tier_of: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return two bits a row, four rows a byte, the lowest bits first."""
    padded = np.zeros(-(-len(tier_of) // 4) * 4, dtype=np.uint8)
    padded[: len(tier_of)] = tier_of
    quads = padded.reshape(-1, 4)
    packed: NDArray[np.uint8] = (quads << _SHIFTS).sum(axis=1, dtype=np.uint8)
    return packed


def unpack_tiers(packed: NDArray[np.uint8], n_items: int) -> NDArray[np.uint8]:
    """Undo :func:`pack_tiers`."""
    tiers: NDArray[np.uint8] = (packed[:, None] >> _SHIFTS) & np.uint8(3)
    return tiers.reshape(-1)[:n_items]
