"""How a file of unknown origin becomes a picture, or is left out."""

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train.items.blocks import Block, EncodedInputs, Inputs, batches

# Those that a data folder may hold (train.data.pictures), by Pillow's names. Its other parsers see no file of ours.
_FORMATS = ("JPEG", "PNG", "WEBP")
MOST_PIXELS = 64_000_000
# A JPEG is decoded no larger than needed for the largest extractor.
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
# What Pillow's parsers raise on broken files.
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, LookupError, TypeError, OverflowError, MemoryError, struct.error)
_WARNED_EACH = 3

# One picture as an extractor wants it, all of one shape.
Prepared = NDArray[np.generic]


class UnreadableError(ValueError):
    """A file that gives no picture."""


def open_picture(path: Path) -> Image.Image:
    """Return a picture as RGB, upright, on white where it is transparent.

    Raises:
        UnreadableError: it is missing, broken, of another kind, or larger than ``MOST_PIXELS``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what Pillow could mend, and of sizes: our limit is the lower one
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise UnreadableError(f"{image.width} x {image.height} pixels, at most {MOST_PIXELS:,} expected")
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


def describe_pictures(
    paths: Inputs[Path],
    prepare: Callable[[Image.Image], Prepared],
    describe: Callable[[Prepared], NDArray[np.float32]],
    *,
    batch: int,
) -> EncodedInputs:
    """Describe the pictures that can be read, and warn of those that cannot.

    Args:
        paths: files.
        prepare: brings one picture to the shape that ``describe`` wants.
        describe: a stack of them to vectors ``[n, width]``.
        batch: pictures at a time.
    """
    # An extractor knows its width best by describing something.
    black = prepare(Image.new("RGB", (256, 256)))
    width = describe(black[None]).shape[1]
    return EncodedInputs(width, _blocks(paths, prepare, describe, batch))


def _blocks(
    paths: Inputs[Path],
    prepare: Callable[[Image.Image], Prepared],
    describe: Callable[[Prepared], NDArray[np.float32]],
    batch: int,
) -> Iterator[Block]:
    n_left_out = 0
    for places in batches(len(paths), batch):
        index, prepared = [], []
        for place in places:
            try:
                prepared.append(prepare(open_picture(paths[place])))
                index.append(place)
            except UnreadableError as error:
                n_left_out += 1
                if n_left_out <= _WARNED_EACH:
                    warnings.warn(f"{paths[place]}: left out, it gives no picture ({error}).", stacklevel=2)
        if index:
            yield Block(np.asarray(index, dtype=np.int64), describe(np.stack(prepared)))
    if n_left_out > _WARNED_EACH:
        warnings.warn(f"{n_left_out - _WARNED_EACH:,} more files give no picture and were left out.", stacklevel=2)
