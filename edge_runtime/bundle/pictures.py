"""Item pictures, stored as concatenated image files (SPEC section 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take
from edge_runtime.errors import BundleError

_FILE = "pictures.safetensors"


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a catalogue.

    Attributes:
        offset: uint32 ``[n_items + 1]``, ascending.
        data: uint8, the concatenated files.
    """

    offset: NDArray[np.uint32]
    data: NDArray[np.uint8]

    @classmethod
    def open(cls, arrays: Mapping[str, Array], n_items: int) -> Self:
        """Return the pictures, with checked offsets.

        Raises:
            BundleError: the arrays violate SPEC section 7.
        """
        offset = take(arrays, "offset", "uint32", (n_items + 1,), _FILE)
        data = take(arrays, "data", "uint8", (int(offset[-1]),), _FILE)
        if offset[0] != 0 or (offset[1:] < offset[:-1]).any():
            raise BundleError(f"{_FILE}: the offsets must be ascending and start at 0")
        return cls(offset, data)

    def of(self, row: int) -> bytes:
        """Return the JPEG, PNG or WebP bytes of one item, or empty bytes if it has no picture."""
        return self.data[self.offset[row] : self.offset[row + 1]].tobytes()
