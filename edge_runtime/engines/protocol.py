"""What an engine is: one method. ONNX Runtime, LiteRT, numpy and a test's fake are peers."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import take
from edge_runtime.bundle.folder import BundleFolder

Floats = NDArray[np.float32]

INPUTS: Final = ("embeddings", "mask", "prompts", "knowledge", "adapter_a", "adapter_b")
OUTPUT: Final = "state"


@dataclass(frozen=True, slots=True)
class SmallMatrices:
    """The matrices that change between releases of one encoder (SPEC section 5).

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
    """Turns the vectors of a person's events into the state that items are scored with."""

    @property
    def name(self) -> str:
        """The engine's name in a manifest, such as ``reference``."""
        ...

    @property
    def precision(self) -> str:
        """The precision of its weights, such as ``int8``."""
        ...

    def encode(self, embeddings: Floats, small: SmallMatrices) -> Floats:
        """Return the state ``[d]`` after the events ``[l, d]``, oldest first, ``1 <= l <= L``.

        May raise anything: the caller treats every exception as the end of this engine.
        """
        ...


def read_small(folder: BundleFolder) -> SmallMatrices:
    """Return the prompts and the adapter of a bundle.

    Raises:
        BundleError: the files break SPEC section 5.
    """
    sizes = folder.manifest.encoder
    prompts, adapter = folder.arrays("prompts"), folder.arrays("adapter")
    names = (folder.manifest.the("prompts").name, folder.manifest.the("adapter").name)
    return SmallMatrices(
        prompts=take(prompts, "prompts", "float32", (sizes.n_prompts, sizes.dim), names[0]),
        knowledge=take(prompts, "knowledge", "float32", (sizes.n_prompts, sizes.dim), names[0]),
        adapter_a=take(adapter, "a", "float32", (sizes.dim, sizes.adapter_rank), names[1]),
        adapter_b=take(adapter, "b", "float32", (sizes.adapter_rank, sizes.dim), names[1]),
    )
