"""Frozen features of one modality, and the inputs of plug-ins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.data.dataset import Catalogue
from train.data.sequences import Sequences


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Features of every item: ``T`` tokens of width ``W``; one token for text or image, one per frame for video.

    Attributes:
        extractor: name and version of the extractor, which a run's result depends on.
        vectors: float32 ``[n_items, T, W]``, zeros where absent; may be a memory map.
        present: bool ``[n_items, T]``.
    """

    extractor: str
    vectors: NDArray[np.float32]
    present: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 3 or self.vectors.shape[:2] != self.present.shape:
            raise ValueError(
                f"expected vectors [items, tokens, width] and present [items, tokens], "
                f"got {self.vectors.shape} and {self.present.shape}"
            )

    @property
    def width(self) -> int:
        """Width of one token."""
        return int(self.vectors.shape[2])


@dataclass(frozen=True, slots=True, eq=False)
class PluginInputs:
    """The inputs of plug-ins and backbones.

    Attributes:
        catalogue: the items.
        train: the training events, without validation and test.
        dim: width of item vectors and states.
        seed: random seed of initial values.
        text: features of the items' texts; computed, or read from the cache, on first use.
        image: features of the items' pictures.
        video: features of the items' frames.
        read: returns the vectors of further texts in the space of the items', float32 ``[n, width]``, from the cache
            where they were read before; None where the extractor is not available.
    """

    catalogue: Catalogue
    train: Sequences
    dim: int
    seed: int
    text: Callable[[], Features]
    image: Callable[[], Features]
    video: Callable[[], Features]
    read: Callable[[Sequence[str]], NDArray[np.float32]] | None = None

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.catalogue)

    def counts(self) -> NDArray[np.int64]:
        """Return the number of training events of each item, int64 ``[n_items]``."""
        return np.bincount(self.train.rows, minlength=self.n_items).astype(np.int64)


def text_space(features: Features) -> NDArray[np.float32]:
    """Return each item's mean token at unit length, float32 ``[n_items, W]``; zeros for items without text."""
    shown = features.vectors * features.present[:, :, None]
    summed = shown.sum(axis=1)
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    vectors: NDArray[np.float32] = np.divide(summed, length, out=np.zeros_like(summed), where=length > 0)
    return vectors
