"""The plain baseline for pictures: where which colours are, and which way edges run. Learnt from nothing."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from train.items.blocks import Extractor, unit_length
from train.items.picture import Prepared, describe_pictures

_SIZE = (64, 64)
_GRID = 8
_CELLS = 4
_DIRECTIONS = 4
# How many low frequencies of luma and of each chroma are kept; the standard's default is 6 and 3.
_LUMA, _CHROMA = 21, 10
# How much edges count beside colours.
_EDGES = 0.5
_BATCH = 256


def colour() -> Extractor[Path]:
    """Return the extractor; its vectors are of unit length."""
    return Extractor("colour-1", lambda paths: describe_pictures(paths, _pixels, _describe, batch=_BATCH))


def _pixels(picture: Image.Image) -> Prepared:
    return np.asarray(picture.resize(_SIZE, Image.Resampling.BILINEAR, reducing_gap=3.0))


def _describe(pixels: Prepared) -> NDArray[np.float32]:
    planes = luma_and_chroma(pixels)
    parts = (unit_length(colour_layout(planes)), _EDGES * unit_length(edge_histogram(planes[..., 0])))
    return unit_length(np.concatenate(parts, axis=1))


def luma_and_chroma(pixels: Prepared) -> NDArray[np.float32]:
    """Return Y, Cb and Cr as JFIF has them (ITU-T T.871), each from -128 to 127; RGB in, ``[..., 3]``."""
    weights = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    middle = np.asarray([128, 0, 0], dtype=np.float32)
    return pixels.astype(np.float32) @ np.asarray(weights, dtype=np.float32).T - middle


def colour_layout(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colour layout, after the MPEG-7 descriptor of that name (ISO/IEC 15938-3), but not quantized.

    Mean colours on an 8 x 8 grid, and of those the low frequencies of the two-dimensional discrete cosine transform
    (type II, orthonormal) in zigzag order. ``[n, height, width, 3]`` to ``[n, 41]``.
    """
    n, height, width, _ = planes.shape
    grid = planes.reshape(n, _GRID, height // _GRID, _GRID, width // _GRID, 3).mean((2, 4))
    frequencies = dctn(grid, axes=(1, 2), norm="ortho")
    down, across = np.asarray(sorted(np.ndindex(_GRID, _GRID), key=_zigzag)).T
    found = frequencies[:, down, across]
    parts = (found[:, :_LUMA, 0], found[:, :_CHROMA, 1], found[:, :_CHROMA, 2])
    return np.concatenate(parts, axis=1).astype(np.float32)


def _zigzag(place: tuple[int, ...]) -> tuple[int, int]:
    down, across = place
    diagonal = down + across
    return diagonal, down if diagonal % 2 else across


def edge_histogram(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how strong each direction's edges are in each cell of a 4 x 4 grid, ``[n, height, width]`` to ``[n, 64]``.

    After Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: each pixel votes with the
    length of its gradient for one of four directions without sign. Their overlapping blocks are left out.
    """
    n, height, width = luma.shape
    down, across = np.gradient(luma, axis=(1, 2))
    strength = np.hypot(down, across)
    angle = np.arctan2(down, across) / np.pi * _DIRECTIONS
    direction = np.floor(np.mod(angle + 0.5, _DIRECTIONS)).astype(np.int64)
    votes = np.stack([strength * (direction == each) for each in range(_DIRECTIONS)], axis=-1)
    cells = votes.reshape(n, _CELLS, height // _CELLS, _CELLS, width // _CELLS, _DIRECTIONS)
    histogram: NDArray[np.float32] = cells.sum((2, 4)).reshape(n, -1).astype(np.float32)
    return histogram
