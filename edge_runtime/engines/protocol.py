"""The interface of an engine, implemented with ONNX Runtime, LiteRT and numpy."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import take
from edge_runtime.bundle.folder import BundleFolder

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SmallMatrices:
    """The matrices that may change between releases with the same encoder (SPEC section 5).

    Attributes:
        prompts: float32 ``[P, d]``.
        knowledge: float32 ``[P, d]``.
        adapter_a: float32 ``[d, r]``.
        adapter_b: float32 ``[r, d]``.
    """

    prompts: Floats
    knowledge: Floats
    adapter_a: Floats
    adapter_b: Floats


class Engine(Protocol):
    """Encodes a sequence of item vectors into the state that items are scored with."""

    @property
    def name(self) -> str:
        """Name of the engine in the manifest, such as ``reference``."""
        ...

    @property
    def precision(self) -> str:
        """Precision of the weights, such as ``int8``."""
        ...

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the state ``[d]`` after the events ``[l, d]``, oldest first, ``1 <= l <= L``.

        May raise any exception; the caller then stops using this engine.
        """
        ...


def read_small(folder: BundleFolder) -> SmallMatrices:
    """Read the prompts and the adapter of a bundle.

    Raises:
        BundleError: the files violate SPEC section 5.
    """
    sizes = folder.manifest.encoder
    prompts, adapter = folder.arrays("prompts"), folder.arrays("adapter")
    names = (folder.manifest.required_role("prompts").name, folder.manifest.required_role("adapter").name)
    return SmallMatrices(
        prompts=take(prompts, "prompts", "float32", (sizes.n_prompts, sizes.dim), names[0]),
        knowledge=take(prompts, "knowledge", "float32", (sizes.n_prompts, sizes.dim), names[0]),
        adapter_a=take(adapter, "a", "float32", (sizes.dim, sizes.adapter_rank), names[1]),
        adapter_b=take(adapter, "b", "float32", (sizes.adapter_rank, sizes.dim), names[1]),
    )
