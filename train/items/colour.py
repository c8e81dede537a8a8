"""The default image features: a colour layout and an edge histogram. Nothing is learned."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn

from train.items.blocks import Extractor, unit_length
from train.items.picture import Prepared, encode_pictures

_SIZE = (64, 64)
_GRID = 8
_CELLS = 4
_DIRECTIONS = 4
# Number of low frequencies of luma and of each chroma; the default of the standard is 6 and 3.
_LUMA, _CHROMA = 21, 10
# Weight of edges relative to colours.
_EDGES = 0.5
_BATCH = 256


def colour() -> Extractor[Path]:
    """Return the extractor; its vectors are of unit length."""
    return Extractor("colour-1", lambda paths: encode_pictures(paths, _pixels, _encode, batch=_BATCH))


def _pixels(picture: Image.Image) -> Prepared:
    return np.asarray(picture.resize(_SIZE, Image.Resampling.BILINEAR, reducing_gap=3.0))


def _encode(pixels: Prepared) -> NDArray[np.float32]:
    planes = luma_and_chroma(pixels)
    parts = (unit_length(colour_layout(planes)), _EDGES * unit_length(edge_histogram(planes[..., 0])))
    return unit_length(np.concatenate(parts, axis=1))


def luma_and_chroma(pixels: Prepared) -> NDArray[np.float32]:
    """Return Y, Cb and Cr of JFIF (ITU-T T.871), each from -128 to 127, from RGB ``[..., 3]``."""
    weights = [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
    middle = np.asarray([128, 0, 0], dtype=np.float32)
    return pixels.astype(np.float32) @ np.asarray(weights, dtype=np.float32).T - middle


def colour_layout(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the colour layout, after the MPEG-7 descriptor (ISO/IEC 15938-3), but not quantized.

    These are the mean colours on an 8 x 8 grid, and their low frequencies by the two-dimensional discrete cosine
    transform (type II, orthonormal) in zigzag order. ``[n, height, width, 3]`` to ``[n, 41]``.
    """
    n, height, width, _ = planes.shape
    grid = planes.reshape(n, _GRID, height // _GRID, _GRID, width // _GRID, 3).mean((2, 4))
    frequencies = dctn(grid, axes=(1, 2), norm="ortho")
    down, across = np.asarray(sorted(np.ndindex(_GRID, _GRID), key=_zigzag)).T
    features = frequencies[:, down, across]
    parts = (features[:, :_LUMA, 0], features[:, :_CHROMA, 1], features[:, :_CHROMA, 2])
    return np.concatenate(parts, axis=1).astype(np.float32)


def _zigzag(position: tuple[int, ...]) -> tuple[int, int]:
    down, across = position
    diagonal = down + across
    return diagonal, down if diagonal % 2 else across


def edge_histogram(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the strength of edges by direction in each cell of a 4 x 4 grid, ``[n, height, width]`` to ``[n, 64]``.

    After Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: each pixel votes with the
    magnitude of its gradient for one of four unsigned directions. Deviation: no overlapping blocks.
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
