"""What a bundle says of its items: names and facts, how popular they are, and thumbnails."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.items import MAX_INFLATED_BYTES, Field, Items
from edge_runtime.errors import BudgetError
from export.target import PictureChoice
from train.data.dataset import Catalogue

MAX_TITLE = 300
MAX_VALUE = 120
MAX_VALUES = 16
_ELLIPSIS = "…"


def make_items(catalogue: Catalogue) -> Items:
    """Return names and facts, without descriptions, long texts cut and at most 16 values a fact.

    Raises:
        BudgetError: they are more than a reader inflates (SPEC section 6).
    """
    items = Items(
        item_id=list(catalogue.item_ids),
        title=[_cut(title, MAX_TITLE) for title in catalogue.titles],
        fields={name: _field(values) for name, values in catalogue.fields.items()},
    )
    n_bytes = len(msgspec.json.encode(items))
    if n_bytes > MAX_INFLATED_BYTES:
        raise BudgetError(
            f"items.json.z: names and facts are {n_bytes:,} bytes before compression, at most {MAX_INFLATED_BYTES:,} "
            "may be. Shorten titles and facts in the catalogue, or split it."
        )
    return items


def popularity(rows: NDArray[np.int32], n_items: int) -> NDArray[np.uint8]:
    """Return ``round(255 log(1 + count) / log(1 + largest count))``, uint8 ``[n_items]`` (SPEC section 5)."""
    counts = np.bincount(rows, minlength=n_items).astype(np.float64)
    largest = float(counts.max(initial=0.0))
    if not largest:
        return np.zeros(n_items, dtype=np.uint8)
    levels: NDArray[np.uint8] = np.rint(255.0 * np.log1p(counts) / np.log1p(largest)).astype(np.uint8)
    return levels


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


def _field(values_of: tuple[tuple[str, ...], ...]) -> Field:
    """Return one fact: distinct values in order of appearance, and their indices by item."""
    index_of: dict[str, int] = {}
    rows = []
    for values in values_of:
        known = dict.fromkeys(_cut(value, MAX_VALUE) for value in values[:MAX_VALUES] if value.strip())
        rows.append([index_of.setdefault(value, len(index_of)) for value in known])
    return Field(list(index_of), rows)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + _ELLIPSIS
