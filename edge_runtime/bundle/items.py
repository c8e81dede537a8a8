"""Names and facts of the items (SPEC section 6)."""

import zlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle.parsing import JsonError, decode_json
from edge_runtime.errors import BundleError

MAX_INFLATED_BYTES = 64 << 20
_FILE = "items.json.z"


class Field(Struct, frozen=True):
    """One kind of fact: its distinct values, and for each item the indices of those that are true of it."""

    values: list[str]
    rows: list[list[int]]


class Items(Struct, frozen=True):
    """What may be said of the items, a column a field; row ``i`` is catalogue row ``i``."""

    item_id: list[Annotated[str, Meta(min_length=1, max_length=256)]]
    title: list[Annotated[str, Meta(min_length=1)]]
    fields: dict[str, Field]

    def facts(self, row: int) -> dict[str, list[str]]:
        """Return what is known of one item: field name to values, fields without a value left out."""
        known = {name: [field.values[i] for i in field.rows[row]] for name, field in self.fields.items()}
        return {name: values for name, values in known.items() if values}


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
