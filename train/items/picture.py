"""Loading of pictures from untrusted files."""

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train.items.blocks import Block, EncodedInputs, Inputs, batches

# The formats that a data folder may contain (train.data.pictures), by Pillow's names; other parsers are not used.
_FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 64_000_000
# JPEGs are decoded no larger than the largest extractor needs.
_DECODED = (512, 512)
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Exceptions of Pillow's parsers for broken files.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, OverflowError, MemoryError, struct.error)
_WARNED_EACH = 3

# One picture as the input of an extractor; all have the same shape.
Prepared = NDArray[np.generic]


class UnreadableError(ValueError):
    """A file that cannot be read as a picture."""


def open_picture(path: Path) -> Image.Image:
    """Return a picture as RGB, rotated by its EXIF orientation, with white behind transparent pixels.

    Raises:
        UnreadableError: it is missing, broken, of another format, or larger than ``MAX_PIXELS``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # repaired errors and sizes; our limit is lower
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise UnreadableError(f"{image.width} x {image.height} pixels, at most {MAX_PIXELS:,} expected")
                image.draft("RGB", _DECODED)
                turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1))
                plain = _on_white(image)
                return plain if turn is None else plain.transpose(turn)
    except UnreadableError:
        raise
    except (*_BROKEN, zlib.error, Image.DecompressionBombError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, (255, 255, 255, 255)), layers).convert("RGB")


def encode_pictures(
    paths: Inputs[Path],
    prepare: Callable[[Image.Image], Prepared],
    encode: Callable[[Prepared], NDArray[np.float32]],
    *,
    batch: int,
) -> EncodedInputs:
    """Encode the pictures that can be read, and warn about the others.

    Args:
        paths: files.
        prepare: converts a picture to the input of ``encode``.
        encode: encodes a batch of inputs to vectors ``[n, width]``.
        batch: batch size.
    """
    # Encode one picture to find the width.
    black = prepare(Image.new("RGB", (256, 256)))
    width = encode(black[None]).shape[1]
    return EncodedInputs(width, _blocks(paths, prepare, encode, batch))


def _blocks(
    paths: Inputs[Path],
    prepare: Callable[[Image.Image], Prepared],
    encode: Callable[[Prepared], NDArray[np.float32]],
    batch: int,
) -> Iterator[Block]:
    n_left_out = 0
    for positions in batches(len(paths), batch):
        which, prepared = [], []
        for position in positions:
            try:
                prepared.append(prepare(open_picture(paths[position])))
                which.append(position)
            except UnreadableError as error:
                n_left_out += 1
                if n_left_out <= _WARNED_EACH:
                    warnings.warn(
                        f"{paths[position]}: left out, it cannot be read as a picture ({error}).", stacklevel=2
                    )
        if which:
            yield Block(np.asarray(which, dtype=np.int64), encode(np.stack(prepared)))
    if n_left_out > _WARNED_EACH:
        warnings.warn(f"{n_left_out - _WARNED_EACH:,} more files cannot be read as pictures; left out.", stacklevel=2)
