"""Names and facts of the items (SPEC section 6)."""

import zlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.parsing import JsonError, decode_json
from edge_runtime.errors import BundleError

MAX_INFLATED_BYTES = 64 << 20
MAX_TITLE = 1000
MAX_FACT = 1000
_FILE = "items.json.z"


class Field(Struct, frozen=True):
    """One kind of fact: its distinct values, and for each item the indices of those that are true of it."""

    values: list[Annotated[str, Meta(max_length=MAX_FACT)]]
    rows: list[list[int]]


class Items(Struct, frozen=True):
    """What may be said of the items, a column a field; row ``i`` is catalogue row ``i``."""

    item_id: list[Annotated[str, Meta(min_length=1, max_length=256)]]
    title: list[Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)]]
    fields: dict[Annotated[str, Meta(max_length=MAX_FACT)], Field]

    def facts(self, row: int) -> dict[str, list[str]]:
        """Return what is known of one item: field name to values, fields without a value left out."""
        known = {name: [field.values[i] for i in field.rows[row]] for name, field in self.fields.items()}
        return {name: values for name, values in known.items() if values}


def most_values(n_items: int) -> int:
    """Return how many commas and opening brackets the text may hold: they bound the values that a parser makes of it.

    A few dozen bytes of text become a list of its own in memory, and a zlib stream is a thousand times smaller still.
    """
    return 65_536 + 256 * n_items


def check_text(text: bytes, n_items: int) -> None:
    """Refuse a text that would become more values than so many items have.

    Raises:
        BundleError: it does.
    """
    found = sum(text.count(mark) for mark in (b",", b"[", b"{"))
    if found > most_values(n_items):
        raise BundleError(
            f"{_FILE}: holds {found:,} commas and opening brackets, at most {most_values(n_items):,} are allowed for "
            f"{n_items:,} items"
        )


def read_items(data: bytes, n_items: int) -> Items:
    """Inflate and check ``items.json.z``.

    Raises:
        BundleError: the bytes break SPEC section 6, or inflate beyond its limit.
    """
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise BundleError(f"{_FILE}: not a zlib stream: {error}") from error
    if not inflater.eof or inflater.unused_data:
        raise BundleError(
            f"{_FILE}: the stream does not end where the file ends, or is over {MAX_INFLATED_BYTES} bytes"
        )
    check_text(text, n_items)
    try:
        items = decode_json(text, Items)
    except JsonError as error:
        raise BundleError(f"{_FILE}: {error}") from error
    _check(items, n_items)
    return items


def dump_items(items: Items) -> bytes:
    """Return the compressed bytes of ``items``."""
    return zlib.compress(msgspec.json.encode(items), 9)


def _check(items: Items, n_items: int) -> None:
    columns = {"item_id": len(items.item_id), "title": len(items.title)}
    columns |= {name: len(field.rows) for name, field in items.fields.items()}
    for name, length in columns.items():
        if length != n_items:
            raise BundleError(f"{_FILE}: column {name!r} has {length} rows, the manifest says {n_items}")
    if len(set(items.item_id)) != n_items:
        raise BundleError(f"{_FILE}: an item id stands twice")
    for name, field in items.fields.items():
        if any(not 0 <= index < len(field.values) for row in field.rows for index in row):
            raise BundleError(f"{_FILE}: field {name!r} points outside its values")
