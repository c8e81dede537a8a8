"""The thumbnails of a bundle."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array
from export.target import PictureChoice
from train.data.dataset import Catalogue


def make_pictures(catalogue: Catalogue, levels: NDArray[np.uint8], choice: PictureChoice) -> Mapping[str, Array] | None:
    """Return the arrays of ``pictures.safetensors``, or None where the catalogue has no picture.

    The popular items get theirs first, until the bytes are spent; a file that is no picture gives none.
    """
    thumbnails = [b""] * len(catalogue)
    left = choice.bytes - _overhead(len(catalogue))
    for row in np.argsort(-levels.astype(np.int64), kind="stable").tolist():
        path = catalogue.images[row]
        data = b"" if path is None else _thumbnail(path, choice)
        if len(data) > left:
            break
        thumbnails[row] = data
        left -= len(data)
    if not any(thumbnails):
        return None
    offset = np.cumsum([0, *map(len, thumbnails)]).astype(np.uint32)
    return {"offset": offset, "data": np.frombuffer(b"".join(thumbnails), dtype=np.uint8)}


def _overhead(n_items: int) -> int:
    """Return the bytes of the file that are no picture: header and offsets."""
    return 256 + 4 * (n_items + 1)


def _thumbnail(path: Path, choice: PictureChoice) -> bytes:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((choice.side_pixels, choice.side_pixels))
            buffer = BytesIO()
            upright.save(buffer, "WEBP", quality=choice.quality, method=4)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        # A catalogue of a hundred thousand files has some that are broken; a page shows its placeholder instead.
        return b""
    return buffer.getvalue()
