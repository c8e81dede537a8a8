"""The item embeddings as product quantization codes of several lengths (SPEC section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take
from edge_runtime.bundle.manifest import Catalogue
from edge_runtime.errors import BundleError

MAX_SCALE: Final = 1e6
"""Upper bound of scales and of absolute centre values, so that vectors and scores stay finite."""

MIN_PAIRED: Final = 1 << 18
"""Items from which it pays to fill tables of all 65,536 pairs of codes, and look up two codes at a time."""
N_BYTES: Final = 256

_FEW = 1 << 16
"""Items whose rows are kept as numpy's index type, which is faster and takes twice the memory."""

_FILE = "codes.safetensors"
_SHIFTS = np.array([0, 2, 4, 6], dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class TierCodes:
    """The codes of the items with the same code length, laid out as scoring reads them.

    ``codebook`` is a transposed view: the codewords of one dimension are contiguous in memory.

    Attributes:
        rows: catalogue rows, ascending, ``[n]``.
        columns: uint8 ``[m, n]``, in which the codes of one subvector are contiguous; of very many items uint16
            ``[m / 2, n]``, two codes each, the first in the low byte.
        codebook: float32 ``[m, n_codewords, d / m]``: the codebook of each subvector, with scale and centre applied.
    """

    rows: NDArray[np.integer[Any]]
    columns: NDArray[Any]
    codebook: NDArray[np.float32]

    @classmethod
    def of(cls, rows: NDArray[np.integer[Any]], codes: NDArray[np.uint8], codebook: NDArray[np.float32]) -> Self:
        """Return a tier; ``codes`` are uint8 ``[n, m]``."""
        n, m = codes.shape
        paired = n >= MIN_PAIRED and m % 2 == 0 and codebook.shape[1] == N_BYTES
        columns = np.ascontiguousarray((codes.view("<u2") if paired else codes).T)
        return cls(rows.astype(np.int32 if n > _FEW else np.intp), columns, codebook)

    @property
    def codes(self) -> NDArray[np.uint8]:
        """The codes, uint8 ``[n, m]``."""
        return self.codes_of(np.arange(len(self.rows)))

    def codes_of(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the codes of items, given as positions in ``rows``, uint8 ``[len(positions), m]``."""
        found: NDArray[np.uint8] = np.ascontiguousarray(self.columns[:, positions].T).view(np.uint8)
        return found

    def decode(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Decode items of this tier, given as positions in ``rows``; return ``[len(positions), d]``."""
        codes = self.codes_of(positions)
        parts = self.codebook[np.arange(codes.shape[1]), codes]
        return parts.reshape(len(positions), -1)


@dataclass(frozen=True, slots=True)
class ProductCodes:
    """The codes of all items.

    Attributes:
        tiers: one entry per code length; each row is in exactly one of them.
        tier_of: tier of each row, uint8 ``[n_items]``.
    """

    tiers: tuple[TierCodes, ...]
    tier_of: NDArray[np.uint8]

    def decode(self, rows: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Decode the item vectors of catalogue rows; return ``[len(rows), d]``."""
        dim = self.tiers[0].codebook.shape[0] * self.tiers[0].codebook.shape[2]
        vectors = np.empty((len(rows), dim), dtype=np.float32)
        tiers = self.tier_of[rows]
        for index, tier in enumerate(self.tiers):
            positions = np.flatnonzero(tiers == index)
            if len(positions):
                wanted = rows[positions].astype(tier.rows.dtype)  # of another type, numpy would convert all rows
                vectors[positions] = tier.decode(np.searchsorted(tier.rows, wanted))
        return vectors


def read_codes(arrays: Mapping[str, Array], sizes: Catalogue, source: str = _FILE) -> ProductCodes:
    """Return the codes, with every size checked against the manifest.

    Args:
        arrays: the arrays of the file.
        sizes: the sizes that the manifest states for it.
        source: file name, for error messages.

    Raises:
        BundleError: the arrays violate SPEC section 4.
    """
    packed = take(arrays, "tier", "uint8", ((sizes.n_items + 3) // 4,), source)
    tier_of = unpack_tiers(packed, sizes.n_items)
    if int(tier_of.max()) >= len(sizes.tiers):
        raise BundleError(f"{source}: an item is in tier {tier_of.max()}, but there are {len(sizes.tiers)} tiers")
    tiers = (
        _read_tier(arrays, sizes, index, np.flatnonzero(tier_of == index), source) for index in range(len(sizes.tiers))
    )
    return ProductCodes(tuple(tiers), tier_of)


def _read_tier(
    arrays: Mapping[str, Array], sizes: Catalogue, index: int, rows: NDArray[np.int64], source: str
) -> TierCodes:
    expected = sizes.tiers[index]
    m = expected.n_codes
    if len(rows) != expected.n_items:
        raise BundleError(
            f"{source}: tier {index} has {len(rows)} items, expected {expected.n_items} from the manifest"
        )
    codes = take(arrays, f"codes.{index}", "uint8", (len(rows), m), source)
    if codes.size and int(codes.max()) >= sizes.n_codewords:
        raise BundleError(f"{source}: a code of tier {index} is {codes.max()}, expected below {sizes.n_codewords}")
    n_books = expected.n_books
    book = take(arrays, f"codebook.{index}", "int8", (n_books, sizes.n_codewords, sizes.dim // m), source)
    scale = take(arrays, f"scale.{index}", "float32", (n_books,), source)
    if not ((scale > 0) & (scale < MAX_SCALE)).all():
        raise BundleError(f"{source}: a scale of tier {index} is outside (0, {MAX_SCALE:g})")
    centre = take(arrays, f"centre.{index}", "float32", (sizes.dim,), source)
    if not (np.abs(centre) < MAX_SCALE).all():
        raise BundleError(f"{source}: a centre value of tier {index} is outside (-{MAX_SCALE:g}, {MAX_SCALE:g})")
    scaled = book.transpose(0, 2, 1).astype(np.float32) * scale[:, None, None]
    vectors = centre.reshape(m, -1, 1) + np.repeat(scaled, m // n_books, axis=0)
    return TierCodes.of(rows, codes, vectors.transpose(0, 2, 1))


def pack_tiers(tier_of: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pack tiers into two bits per row, four rows per byte, lowest bits first."""
    padded = np.zeros(-(-len(tier_of) // 4) * 4, dtype=np.uint8)
    padded[: len(tier_of)] = tier_of
    quads = padded.reshape(-1, 4)
    packed: NDArray[np.uint8] = (quads << _SHIFTS).sum(axis=1, dtype=np.uint8)
    return packed


def unpack_tiers(packed: NDArray[np.uint8], n_items: int) -> NDArray[np.uint8]:
    """Invert :func:`pack_tiers`."""
    tiers: NDArray[np.uint8] = (packed[:, None] >> _SHIFTS) & np.uint8(3)
    return tiers.reshape(-1)[:n_items]
