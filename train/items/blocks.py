"""What an extractor is, and where its vectors go. Knows no particular extractor and no cache."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Inputs(Protocol[T_co]):
    """What an extractor reads, one at a time: a list, or something that makes each when asked."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, index: int, /) -> T_co:
        """Return one."""
        ...


class Block(NamedTuple):
    """Vectors of some things.

    Attributes:
        which: numbers of the things, int64 ``[n]``; a thing is in one block at most. Those in none are absent.
        vectors: float32 ``[n, width]``.
    """

    which: NDArray[np.int64]
    vectors: NDArray[np.float32]


class EncodedInputs(NamedTuple):
    """Vectors of all things, made while they are iterated over, in any order."""

    width: int
    blocks: Iterable[Block]


@dataclass(frozen=True, slots=True)
class Extractor(Generic[T]):
    """Turns texts, or picture files, into vectors; frozen: nothing of it is ever trained.

    Attributes:
        name: extractor, version and settings: two of the same name give the same vectors for the same things.
        describe: loads what it needs, and describes things.
    """

    name: str
    describe: Callable[[Inputs[T]], EncodedInputs]


class TokenLayout(NamedTuple):
    """Where the vector of each thing belongs.

    Attributes:
        rows: item of each thing, int64 ``[n_things]``.
        tokens: place within the item, int64 ``[n_things]``.
        shape: items, and tokens an item.
    """

    rows: NDArray[np.int64]
    tokens: NDArray[np.int64]
    shape: tuple[int, int]


def one_each(rows: Sequence[int], n_items: int) -> TokenLayout:
    """Return the places of things of which an item has one, or none."""
    return TokenLayout(np.asarray(rows, dtype=np.int64), np.zeros(len(rows), dtype=np.int64), (n_items, 1))


def batches(n: int, size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers below ``n`` in order, ``size`` at a time."""
    return (np.arange(start, min(start + size, n)) for start in range(0, n, size))


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the vectors ``[..., width]`` at length one; those of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: NDArray[np.float32] = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
    return scaled
