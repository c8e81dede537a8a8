"""The last candidate: what most people chose. Needs no encoder and cannot fail."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take

_FILE = "popularity.safetensors"


@dataclass(frozen=True, slots=True)
class Popularity:
    """The order of the catalogue where nothing is known of the person, or no engine can be used.

    Attributes:
        levels: uint8 ``[n_items]``, 255 is the most popular (SPEC section 5).
        scores: float32 ``[n_items]``, the levels in 0..1, so that they rank like an engine's.
    """

    levels: NDArray[np.uint8]
    scores: NDArray[np.float32]
    name: str = "popularity"
    precision: str = "uint8"

    @classmethod
    def open(cls, arrays: Mapping[str, Array], n_items: int) -> Self:
        """Return the popularity of a bundle.

        Raises:
            BundleError: the arrays break SPEC section 5.
        """
        levels = take(arrays, "popularity", "uint8", (n_items,), _FILE).copy()
        return cls(levels, levels.astype(np.float32) / np.float32(255))
