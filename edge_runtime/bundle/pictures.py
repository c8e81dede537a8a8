"""Item pictures, stored as concatenated image files (SPEC section 7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take
from edge_runtime.bundle.picture_size import picture_size
from edge_runtime.errors import BundleError

MAX_SIDE: Final = 1024
"""Maximum width and height of a picture, in pixels."""
MAX_PICTURE_BYTES: Final = 256 << 10
_FILE: Final = "pictures.safetensors"


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
        """Return the pictures, with checked offsets, types and sizes.

        Raises:
            BundleError: the arrays violate SPEC section 7.
        """
        offset = take(arrays, "offset", "uint32", (n_items + 1,), _FILE)
        data = take(arrays, "data", "uint8", (int(offset[-1]),), _FILE)
        if offset[0] != 0 or (offset[1:] < offset[:-1]).any():
            raise BundleError(f"{_FILE}: the offsets must be ascending and start at 0")
        pictures = cls(offset, data)
        for row in np.flatnonzero(offset[1:] > offset[:-1]).tolist():
            pictures._check(row)
        return pictures

    def of(self, row: int) -> bytes:
        """Return the JPEG, PNG or WebP bytes of one item, or empty bytes if it has no picture."""
        return self.data[self.offset[row] : self.offset[row + 1]].tobytes()

    def _check(self, row: int) -> None:
        n_bytes = int(self.offset[row + 1]) - int(self.offset[row])
        if n_bytes > MAX_PICTURE_BYTES:
            raise BundleError(
                f"{_FILE}: the picture of item {row} has {n_bytes:,} bytes, expected at most {MAX_PICTURE_BYTES:,}"
            )
        size = picture_size(self.of(row))
        if size is None:
            raise BundleError(f"{_FILE}: the picture of item {row} is not a JPEG, PNG or WebP file")
        if not all(1 <= side <= MAX_SIDE for side in size):
            raise BundleError(
                f"{_FILE}: the picture of item {row} has {size[0]} x {size[1]} pixels, expected 1 to {MAX_SIDE} a side"
            )
