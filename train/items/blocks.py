"""The interface of feature extractors, and the layout of their output."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Inputs(Protocol[T_co]):
    """The inputs of an extractor: a list, or a sequence that creates each element on access."""

    def __len__(self) -> int:
        """Return the number of inputs."""
        ...

    def __getitem__(self, index: int, /) -> T_co:
        """Return one input."""
        ...


class Block(NamedTuple):
    """Vectors of some inputs.

    Attributes:
        which: indices of the inputs, int64 ``[n]``. Each input is in at most one block; those in none are absent.
        vectors: float32 ``[n, width]``.
    """

    which: NDArray[np.int64]
    vectors: NDArray[np.float32]


class EncodedInputs(NamedTuple):
    """Vectors of all inputs, computed lazily, in any order."""

    width: int
    blocks: Iterable[Block]


@dataclass(frozen=True, slots=True)
class Extractor(Generic[T]):
    """A frozen encoder of texts or picture files.

    Attributes:
        name: extractor, version and settings; equal names give equal vectors for equal inputs.
        encode: loads the model and encodes inputs.
    """

    name: str
    encode: Callable[[Inputs[T]], EncodedInputs]


class TokenLayout(NamedTuple):
    """The item and token position of each input's vector.

    Attributes:
        rows: item of each input, int64 ``[n_inputs]``.
        tokens: token position within the item, int64 ``[n_inputs]``.
        shape: number of items, and of tokens for each item.
    """

    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    shape: tuple[int, int]


def one_each(rows: Sequence[int], n_items: int) -> TokenLayout:
    """Return the layout of inputs with at most one for each item."""
    return TokenLayout(np.asarray(rows, dtype=np.int64), np.zeros(len(rows), dtype=np.int64), (n_items, 1))


def batches(n: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the indices below ``n`` in order, ``size`` at a time."""
    return (np.arange(start, min(start + size, n)) for start in range(0, n, size))


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors ``[..., width]`` at unit length; zero vectors are unchanged."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
    return scaled
