"""Catalogues of a few items, given as columns, and generated pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from train.data.dataset import Catalogue
from train.data.sequences import Sequences
from train.items.blocks import Extractor, Inputs, T


def make_catalogue(
    titles: Sequence[str],
    *,
    fields: dict[str, tuple[tuple[str, ...], ...]] | None = None,
    descriptions: Sequence[str | None] | None = None,
    images: Sequence[Path | None] | None = None,
    videos: Sequence[tuple[Path, ...]] | None = None,
) -> Catalogue:
    n = len(titles)
    return Catalogue(
        tuple(f"item-{row}" for row in range(n)),
        tuple(titles),
        fields or {},
        tuple(descriptions or (None,) * n),
        tuple(images or (None,) * n),
        tuple(videos or ((),) * n),
    )


def no_events() -> Sequences:
    return Sequences((), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))


def draw(path: Path, colour: str, size: tuple[int, int] = (32, 24)) -> Path:
    Image.new("RGB", size, colour).save(path)
    return path


def encode(extractor: Extractor[T], inputs: Inputs[T]) -> dict[int, list[float]]:
    """Return the vector of each input that has one."""
    encoded = extractor.encode(inputs)
    result = {
        int(which): [float(value) for value in vector]
        for block in encoded.blocks
        for which, vector in zip(block.which, block.vectors, strict=True)
    }
    assert all(len(vector) == encoded.width for vector in result.values())
    return result
