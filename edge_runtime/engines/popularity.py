"""The popularity baseline, the last fallback: it needs no encoder and cannot fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take

_FILE = "popularity.safetensors"


@dataclass(frozen=True, slots=True)
class Popularity:
    """The ranking for an empty history, or if no engine is usable.

    Attributes:
        levels: uint8 ``[n_items]``, 255 is the most popular (SPEC section 5).
        scores: float32 ``[n_items]``, the levels scaled to 0..1.
    """

    levels: NDArray[np.uint8]
    scores: NDArray[np.float32]
    name: str = "popularity"
    precision: str = "uint8"

    @classmethod
    def open(cls, arrays: Mapping[str, Array], n_items: int) -> Self:
        """Read the popularity of a bundle.

        Raises:
            BundleError: the arrays violate SPEC section 5.
        """
        levels = take(arrays, "popularity", "uint8", (n_items,), _FILE).copy()
        return cls(levels, levels.astype(np.float32) / np.float32(255))
