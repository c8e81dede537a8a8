"""The retired items: their rows stay, because rows are append-only, but no list has them (SPEC section 11)."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, dump_arrays, take
from edge_runtime.errors import BundleError

FILE: Final = "retired.safetensors"


def read_retired(arrays: Mapping[str, Array], n_items: int) -> NDArray[np.int64]:
    """Return the rows of the retired items, ascending.

    Raises:
        BundleError: the array violates SPEC section 11.
    """
    bits = take(arrays, "retired", "uint8", (-(-n_items // 8),), FILE)
    is_retired = np.unpackbits(bits, bitorder="little")
    if is_retired[n_items:].any():
        raise BundleError(f"{FILE}: a bit after the last of {n_items} items is set")
    return np.flatnonzero(is_retired[:n_items])


def dump_retired(rows: Iterable[int], n_items: int) -> bytes:
    """Return the file for the rows of the retired items."""
    is_retired = np.zeros(n_items, dtype=np.uint8)
    is_retired[list(rows)] = 1
    return dump_arrays({"retired": np.packbits(is_retired, bitorder="little")})
