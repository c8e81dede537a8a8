"""What is published of a data set: the items' names and facts as bundles hold them, and how popular they are.

Bundles ship this, and the writer of reasons learns from it: it must never see a fact that no device can cite.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import MAX_INFLATED_BYTES, Field, Items, check_text
from edge_runtime.errors import BundleError
from train.data.dataset import Catalogue, Dataset
from train.data.split import leave_one_out
from train.errors import DataError

MAX_TITLE = 300
MAX_VALUE = 120
MAX_VALUES = 16
_ELLIPSIS = "…"


def published_items(catalogue: Catalogue) -> Items:
    """Return names and facts (SPEC section 6), without descriptions, long texts cut and at most 16 values a fact.

    Raises:
        DataError: they are more than a reader inflates, or makes values of.
    """
    items = Items(
        item_id=list(catalogue.item_ids),
        title=[_cut(title, MAX_TITLE) for title in catalogue.titles],
        fields={name: _field(values) for name, values in catalogue.fields.items()},
    )
    text = msgspec.json.encode(items)
    n_bytes = len(text)
    if n_bytes > MAX_INFLATED_BYTES:
        raise DataError(
            f"items.json.z: names and facts are {n_bytes:,} bytes before compression, at most {MAX_INFLATED_BYTES:,} "
            "may be. Shorten titles and facts in the catalogue, or split it."
        )
    try:
        check_text(text, len(items.item_id))
    except BundleError as error:
        raise DataError(f"{error}. Leave facts out of the catalogue, or split it.") from error
    return items


def published_popularity(dataset: Dataset) -> NDArray[np.uint8]:
    """Return how popular each item is, uint8 ``[n_items]``, from the events that models train on.

    The two newest events of each user are held out for validation and test: were they counted, a bundle would rank by
    what its figures are measured on.
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
    """Return one fact: distinct values in order of appearance, and their indices by item."""
    index_of: dict[str, int] = {}
    rows = []
    for values in values_of:
        known = dict.fromkeys(_cut(value, MAX_VALUE) for value in values[:MAX_VALUES] if value.strip())
        rows.append([index_of.setdefault(value, len(index_of)) for value in known])
    return Field(list(index_of), rows)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + _ELLIPSIS
