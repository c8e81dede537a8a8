"""The published part of a data set: titles and facts of the items as in bundles, and their popularity.

The reason writer is trained on the same data, so that it never sees facts that are missing on devices.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import IN_MEMORY_ITEMS, Field, Items, check_text, max_inflated_bytes
from edge_runtime.errors import BundleError
from train.data.dataset import Catalogue, Dataset
from train.data.split import leave_one_out
from train.errors import DataError

MAX_TITLE = 300
MAX_VALUE = 120
MAX_VALUES = 16
_ELLIPSIS = "…"


def published_items(catalogue: Catalogue) -> Items:
    """Return titles and facts (SPEC sections 6, 12) without descriptions; long texts and more than 16 values are cut.

    Raises:
        DataError: the result exceeds the limits of the bundle format.
    """
    items = cut_items(catalogue)
    if len(items.item_id) > IN_MEMORY_ITEMS:
        return items
    text = msgspec.json.encode(items)
    n_bytes, max_bytes = len(text), max_inflated_bytes(len(items.item_id))
    if n_bytes > max_bytes:
        raise DataError(
            f"items.json.z: titles and facts have {n_bytes:,} bytes before compression, expected at most "
            f"{max_bytes:,}. Shorten titles and facts in the catalogue, or split it."
        )
    try:
        check_text(text, len(items.item_id))
    except BundleError as error:
        raise DataError(f"{error}. Leave facts out of the catalogue, or split it.") from error
    return items


def cut_items(catalogue: Catalogue) -> Items:
    """Return titles and facts without descriptions; long texts and more than 16 values are cut."""
    return Items(
        item_id=list(catalogue.item_ids),
        title=[_cut(title, MAX_TITLE) for title in catalogue.titles],
        fields={name: _field(values) for name, values in catalogue.fields.items()},
    )


def published_popularity(dataset: Dataset) -> NDArray[np.uint8]:
    """Return the popularity of each item in the training events, uint8 ``[n_items]``.

    The two newest events of each user are held out for validation and test; counting them would leak test data into
    the ranking.
    """
    return popularity_levels(leave_one_out(dataset.sequences).train.rows, len(dataset.catalogue))


def popularity_levels(rows: NDArray[np.int32], n_items: int) -> NDArray[np.uint8]:
    """Return ``round(255 log(1 + count) / log(1 + largest count))``, uint8 ``[n_items]`` (SPEC section 5)."""
    counts = np.bincount(rows, minlength=n_items).astype(np.float64)
    largest = float(counts.max(initial=0.0))
    if not largest:
        return np.zeros(n_items, dtype=np.uint8)
    levels: NDArray[np.uint8] = np.rint(255.0 * np.log1p(counts) / np.log1p(largest)).astype(np.uint8)
    return levels


def _field(values_of: tuple[tuple[str, ...], ...]) -> Field:
    """Return a fact as distinct values in order of appearance, and their indices for each item."""
    index_of: dict[str, int] = {}
    rows = []
    for values in values_of:
        distinct = dict.fromkeys(_cut(value, MAX_VALUE) for value in values[:MAX_VALUES] if value.strip())
        rows.append([index_of.setdefault(value, len(index_of)) for value in distinct])
    return Field(list(index_of), rows)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + _ELLIPSIS
