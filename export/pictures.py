"""Builds the thumbnails of a bundle."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.pictures import MAX_PICTURE_BYTES
from edge_runtime.probe.target import PictureChoice
from train.data.dataset import Catalogue

if TYPE_CHECKING:
    from PIL import Image


def make_thumbnails(
    catalogue: Catalogue, levels: NDArray[np.uint8], choice: PictureChoice
) -> Mapping[str, Array] | None:
    """Return the arrays of ``pictures.safetensors``, or None if no item has a picture.

    Popular items come first, until the byte limit is reached; files that cannot be read as pictures are skipped.

    Args:
        catalogue: catalogue with paths of images.
        levels: popularity levels of the items, uint8 ``[n_items]``.
        choice: sizes and quality.
    """
    thumbnails = [b""] * len(catalogue)
    remaining = choice.bytes - _overhead(len(catalogue))
    for row in np.argsort(-levels.astype(np.int64), kind="stable").tolist():
        path = catalogue.images[row]
        data = b"" if path is None else _thumbnail(path, choice)
        if len(data) > remaining:
            break
        thumbnails[row] = data
        remaining -= len(data)
    if not any(thumbnails):
        return None
    offset = np.cumsum([0, *map(len, thumbnails)]).astype(np.uint32)
    return {"offset": offset, "data": np.frombuffer(b"".join(thumbnails), dtype=np.uint8)}


def _overhead(n_items: int) -> int:
    """Return the bytes of header and offsets."""
    return 256 + 4 * (n_items + 1)


def _thumbnail(path: Path, choice: PictureChoice) -> bytes:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((choice.side_pixels, choice.side_pixels))
            return _encoded(upright, choice.quality)
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        # Large catalogues have some broken files; apps show a placeholder instead.
        return b""


def _encoded(image: "Image.Image", quality: int) -> bytes:
    """Return the image as WebP, at a lower quality if the file would exceed the limit of the bundle format."""
    buffer = BytesIO()
    image.save(buffer, "WEBP", quality=quality, method=4)
    if buffer.tell() <= MAX_PICTURE_BYTES:
        return buffer.getvalue()
    return _encoded(image, quality // 2) if quality > 1 else b""
