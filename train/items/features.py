"""Frozen features of one modality, and everything that plug-ins are made from. Knows no extractor and no model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.data.dataset import Catalogue
from train.data.sequences import Sequences


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What a frozen extractor says of every item: ``T`` tokens of width ``W``, one for text or image, frames for video.

    Attributes:
        extractor: its name and version: part of what decides a run's outcome.
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
    """What plug-ins and backbones are made from.

    Attributes:
        catalogue: the items.
        train: the events that may be learnt from; nothing of validation or test.
        dim: width of item vectors and states.
        seed: for whatever is drawn at construction.
        text: features of the items' texts; computed, or read from the cache, when first asked for.
        image: of their pictures.
        video: of their frames.
    """

    catalogue: Catalogue
    train: Sequences
    dim: int
    seed: int
    text: Callable[[], Features]
    image: Callable[[], Features]
    video: Callable[[], Features]

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.catalogue)

    def counts(self) -> NDArray[np.int64]:
        """Return how often each item occurs in training, int64 ``[n_items]``."""
        return np.bincount(self.train.rows, minlength=self.n_items).astype(np.int64)


def text_space(features: Features) -> NDArray[np.float32]:
    """Return each item's mean token, of length 1, float32 ``[n_items, W]``; zeros where it has no text."""
    shown = features.vectors * features.present[:, :, None]
    summed = shown.sum(axis=1)
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    vectors: NDArray[np.float32] = np.divide(summed, length, out=np.zeros_like(summed), where=length > 0)
    return vectors
