"""Titles and facts of the items (SPEC section 6)."""

import zlib
from collections.abc import Sequence
from itertools import chain
from typing import Annotated, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.bundle.texts import Integers, Lists, Starts
from edge_runtime.errors import BundleError

MAX_INFLATED_BYTES = 64 << 20
IN_MEMORY_ITEMS = 100_000
"""Items up to which an exporter writes ``items.json.z``, which readers keep in memory; else a table on disk."""

MAX_ID = 256
MAX_TITLE = 1000
MAX_FACT = 1000
_FILE = "items.json.z"


class Field(Struct, frozen=True):
    """One fact field: its distinct values, and for each item the indices of its values."""

    values: Sequence[Annotated[str, Meta(max_length=MAX_FACT)]]
    rows: Sequence[Sequence[int]]

    def entries(self) -> tuple[Starts, Integers]:
        """Return the entries of all items: those of item ``i`` are ``values[starts[i]:starts[i + 1]]``.

        Returns:
            ``starts`` ``[n_items + 1]``, and the index of each entry's value; on disk if the field is.

        Raises:
            BundleError: those of a field on disk violate SPEC section 12.
        """
        if isinstance(self.rows, Lists):
            self.rows.check()
            return self.rows.starts, self.rows.values
        starts = np.zeros(len(self.rows) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, self.rows), np.int64, len(self.rows)), out=starts[1:])
        return starts, np.fromiter(chain.from_iterable(self.rows), np.int64, int(starts[-1]))


def rows_of_entries(starts: Starts, entries: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the item of each of some entries, given as positions."""
    return np.searchsorted(starts[:], entries, side="right") - 1


class Items(Struct, frozen=True):
    """Ids, titles and facts as columns; index ``i`` is catalogue row ``i``.

    Those of a large catalogue are read from disk, entry by entry (:mod:`edge_runtime.bundle.item_table`).
    """

    item_id: Sequence[Annotated[str, Meta(min_length=1, max_length=MAX_ID)]]
    title: Sequence[Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)]]
    fields: dict[Annotated[str, Meta(max_length=MAX_FACT)], Field]

    def facts(self, row: int) -> dict[str, list[str]]:
        """Return the facts of one item: field name to values, without empty fields."""
        known = {name: [field.values[i] for i in field.rows[row]] for name, field in self.fields.items()}
        return {name: values for name, values in known.items() if values}


class ChangedItems(Items, frozen=True, kw_only=True):
    """New ids, titles and facts of some items; index ``i`` is catalogue row ``rows[i]`` (SPEC section 14)."""

    rows: Sequence[int]


Columns = TypeVar("Columns", bound=Items)


def max_inflated_bytes(n_items: int) -> int:
    """Return the maximum size of the decompressed text in bytes; real catalogues have a few hundred per item.

    Without the bound a small file with few items could keep a reader busy for seconds.
    """
    return min(MAX_INFLATED_BYTES, (1 << 20) + (4 << 10) * n_items)


def max_values(n_items: int) -> int:
    """Return the maximum number of commas and opening brackets, which bounds the number of parsed values.

    Without the bound a small file could exhaust memory: zlib compresses a thousandfold, and two bytes of JSON become a
    list object.
    """
    return 65_536 + 256 * n_items


def check_text(text: bytes, n_items: int, n_before: int = 0) -> int:
    """Check the number of values in a JSON text, and return it.

    Args:
        text: the text.
        n_items: number of items of the bundle.
        n_before: number of values of the texts before it.

    Raises:
        BundleError: it exceeds :func:`max_values`.
    """
    n_values = n_before + sum(text.count(mark) for mark in (b",", b"[", b"{"))
    if n_values > max_values(n_items):
        raise BundleError(
            f"{_FILE}: found {n_values:,} commas and opening brackets, expected at most {max_values(n_items):,} for "
            f"{n_items:,} items"
        )
    return n_values


def read_items(data: bytes, n_items: int) -> Items:
    """Decompress, parse and validate ``items.json.z``.

    Raises:
        BundleError: the bytes violate SPEC section 6.
    """
    text = inflate_text(data, max_inflated_bytes(n_items), n_items)
    check_text(text, n_items)
    items = parse_columns(text, Items)
    check_items(items, n_items)
    return items


def inflate_text(data: bytes | memoryview, max_bytes: int, n_items: int) -> bytes:
    """Decompress one zlib stream.

    Raises:
        BundleError: it is none, is longer or shorter than ``data``, or exceeds ``max_bytes``.
    """
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, max_bytes)
    except zlib.error as error:
        raise BundleError(f"{_FILE}: not a zlib stream: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise BundleError(
            f"{_FILE}: the stream does not end with the file, or exceeds {max_bytes:,} bytes for {n_items:,} items"
        )
    return text


def parse_columns(text: bytes, kind: type[Columns]) -> Columns:
    """Parse columns of items, whose values were counted.

    Raises:
        BundleError: the text is not JSON of this kind.
    """
    try:
        return parse_json(text, kind, _n_names)
    except JsonError as error:
        raise BundleError(f"{_FILE}: {error}") from error


def dump_items(items: Items) -> bytes:
    """Return the compressed bytes of ``items``."""
    return zlib.compress(msgspec.json.encode(items), 9)


def _n_names(items: Items) -> int:
    return len(items.__struct_fields__) + len(items.fields) * (1 + len(Field.__struct_fields__))


def check_items(items: Items, n_items: int) -> None:
    """Check lengths, ids and indices of columns.

    Raises:
        BundleError: they violate SPEC section 6.
    """
    columns = {"item_id": len(items.item_id), "title": len(items.title)}
    columns |= {name: len(field.rows) for name, field in items.fields.items()}
    for name, length in columns.items():
        if length != n_items:
            raise BundleError(f"{_FILE}: column {name!r} has {length} rows, expected {n_items} from the manifest")
    if len(set(items.item_id)) != n_items:
        raise BundleError(f"{_FILE}: found a duplicate item id")
    for name, field in items.fields.items():
        try:
            indices = field.entries()[1][:]
            is_inside = not len(indices) or (int(indices.min()) >= 0 and int(indices.max()) < len(field.values))
        except OverflowError:
            is_inside = False
        if not is_inside:
            raise BundleError(f"{_FILE}: field {name!r} has an index outside its values")
