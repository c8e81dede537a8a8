"""Items as a log: those of an earlier release as they were, and what each later one changed (SPEC section 14).

Compressed items differ from release to release in every byte, and libraries compress differently, so that a device
could not make them from a delta. In a log the bytes of earlier releases stay, and a delta is what was appended.
"""

from collections.abc import Iterable
from itertools import chain, pairwise
from typing import Final, TypeVar

import msgspec
import numpy as np

from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.items import (
    ChangedItems,
    Field,
    Items,
    check_items,
    check_text,
    dump_items,
    inflate_text,
    max_inflated_bytes,
    parse_columns,
    read_items,
)
from edge_runtime.bundle.manifest import ITEM_LOG, ITEM_TABLE, Manifest
from edge_runtime.errors import BundleError

MAX_STREAMS: Final = 64
"""Maximum number of streams of a log."""

MAX_GROWTH: Final = 1.25
"""Largest size of a log relative to the same items written anew; above, a writer starts again."""

_FILE = "items.json.z"
_LENGTH = np.dtype("<u4")

Value = TypeVar("Value")


def read_item_log(data: bytes, n_items: int) -> Items:
    """Decompress, parse and validate the items of a bundle that requires ``item-log``.

    Raises:
        BundleError: the bytes violate SPEC section 14.
    """
    left, n_values = max_inflated_bytes(n_items), 0
    items: Items | None = None
    for stream in _split(data):
        text = inflate_text(stream, left, n_items)
        left -= len(text)
        n_values = check_text(text, n_items, n_values)
        if items is None:
            items = parse_columns(text, Items)
            check_items(items, len(items.item_id))
        else:
            items = _changed(items, parse_columns(text, ChangedItems))
    if items is None or len(items.item_id) != n_items:
        raise BundleError(f"{_FILE}: found {len(items.item_id) if items else 0} items, expected {n_items}")
    check_items(items, n_items)
    return items


def continue_items(older: Manifest, old: bytes, newer: Manifest, new: bytes) -> tuple[Manifest, bytes]:
    """Return the newer release with items that continue those of the older one, so that the delta is small.

    Args:
        older: the manifest of the older release.
        old: its file of the role ``items``.
        newer: the manifest of the newer release.
        new: its file of the role ``items``, in any form.

    Returns:
        The newer manifest, with the feature that its items need, and the file. Both are as given for an item table,
        or if hardly anything stays; the file is ``old`` if no item changed.

    Raises:
        BundleError: a file is damaged.
    """
    if ITEM_TABLE in (*older.required_features, *newer.required_features):
        return newer, new
    items, is_log = _read(newer, new), ITEM_LOG in older.required_features
    data = extend_items(old, older.catalogue.n_items, items, is_log=is_log)
    if is_log or len(_split(data)) > 1:
        return _with_file(newer, data, is_log=True), data
    return (_with_file(newer, old, is_log=False), old) if data == dump_log([old]) else (newer, new)


def start_log(manifest: Manifest, items: bytes) -> tuple[Manifest, bytes]:
    """Return a release whose items are a log of one stream, which a release of a component can continue.

    Args:
        manifest: the manifest.
        items: its file of the role ``items``; an item table, or a log, stays as it is.
    """
    if {ITEM_TABLE, ITEM_LOG} & set(manifest.required_features):
        return manifest, items
    data = dump_log([items])
    return _with_file(manifest, data, is_log=True), data


def extend_items(old: bytes, n_old: int, items: Items, *, is_log: bool) -> bytes:
    """Return a log of ``items`` that continues an earlier release's file, or starts again if that is better.

    Args:
        old: the earlier file of the role ``items``.
        n_old: number of its items.
        items: the items of the new release, of which the first ``n_old`` have the ids of the old ones.
        is_log: the earlier file is a log.

    Raises:
        BundleError: the earlier file is damaged.
    """
    before = (read_item_log if is_log else read_items)(old, n_old)
    fresh = dump_log([dump_items(items)])
    if list(items.item_id[:n_old]) != list(before.item_id) or items.fields.keys() != before.fields.keys():
        return fresh
    streams = [bytes(stream) for stream in _split(old)] if is_log else [old]
    changes = changes_between(before, items)
    if changes.rows:
        streams.append(dump_items(changes))
    log = dump_log(streams)
    return log if len(streams) <= MAX_STREAMS and len(log) <= MAX_GROWTH * len(fresh) else fresh


def _read(manifest: Manifest, data: bytes) -> Items:
    """Return the items of a release that keeps them in memory."""
    read = read_item_log if ITEM_LOG in manifest.required_features else read_items
    return read(data, manifest.catalogue.n_items)


def _with_file(manifest: Manifest, data: bytes, *, is_log: bool) -> Manifest:
    """Return a manifest with another file of items."""
    others = tuple(feature for feature in manifest.required_features if feature != ITEM_LOG)
    files = tuple(
        describe(entry.name, entry.role, data) if entry.role == "items" else entry for entry in manifest.files
    )
    features = (*others, ITEM_LOG) if is_log else others
    return msgspec.structs.replace(manifest, files=files, required_features=features)


def _split(data: bytes) -> list[memoryview]:
    """Return the streams of a log: their lengths, and the number of them, are at its end."""
    size = _LENGTH.itemsize
    n = int.from_bytes(data[-size:], "little") if len(data) >= size else 0
    if not 1 <= n <= MAX_STREAMS or (n + 1) * size > len(data):
        raise BundleError(f"{_FILE}: found {n:,} streams, expected 1 to {MAX_STREAMS} and their lengths at the end")
    stop = len(data) - (n + 1) * size
    ends = np.cumsum(np.frombuffer(data, _LENGTH, n, stop), dtype=np.int64).tolist()
    if ends[-1] != stop:
        raise BundleError(f"{_FILE}: found streams of {ends[-1]:,} bytes, expected {stop:,}")
    view = memoryview(data)
    return [view[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def dump_log(streams: list[bytes]) -> bytes:
    """Return the bytes of a log."""
    lengths = np.array([*map(len, streams), len(streams)], dtype=_LENGTH)
    return b"".join(streams) + lengths.tobytes()


def _changed(items: Items, changes: ChangedItems) -> Items:
    """Return items after some changes.

    Raises:
        BundleError: the changes do not fit the items.
    """
    rows, n_before = list(changes.rows), len(items.item_id)
    appended = rows[next((index for index, row in enumerate(rows) if row >= n_before), len(rows)) :]
    is_ascending = all(first < second for first, second in pairwise(rows))
    if (rows and rows[0] < 0) or not is_ascending or appended != [*range(n_before, n_before + len(appended))]:
        raise BundleError(
            f"{_FILE}: found changed rows that do not ascend, or appended ones that do not follow the last"
        )
    check_items(changes, len(rows))
    if changes.fields.keys() != items.fields.keys():
        raise BundleError(f"{_FILE}: found changes of the facts {list(changes.fields)}, expected {list(items.fields)}")
    if any(items.item_id[row] != changes.item_id[index] for index, row in enumerate(rows) if row < n_before):
        raise BundleError(f"{_FILE}: found a row with another item id than before, expected that ids keep their rows")
    fields = {name: _merged(field, changes.fields[name], rows) for name, field in items.fields.items()}
    return Items(_put(items.item_id, rows, changes.item_id), _put(items.title, rows, changes.title), fields)


def _merged(field: Field, changes: Field, rows: list[int]) -> Field:
    """Return a fact after changes; a value that both have stays one value."""
    values = list(field.values)
    index_of = {value: index for index, value in enumerate(values)}
    for value in changes.values:
        if value not in index_of:
            index_of[value] = len(values)
            values.append(value)
    mapped = [index_of[value] for value in changes.values]
    return Field(values, _put(field.rows, rows, [[mapped[index] for index in row] for row in changes.rows]))


def _put(column: Iterable[Value], rows: list[int], values: Iterable[Value]) -> list[Value]:
    """Return a column with some values replaced, and those of rows behind the last one appended."""
    result = list(column)
    n_before = len(result)
    for row, value in zip(rows, values, strict=True):
        if row < n_before:
            result[row] = value
        else:
            result.append(value)
    return result


def changes_between(before: Items, items: Items) -> ChangedItems:
    """Return what differs from ``before``, whose items are the first of ``items``."""
    n_before = len(before.item_id)
    rows = [
        row
        for row in range(len(items.item_id))
        if row >= n_before or before.title[row] != items.title[row] or before.facts(row) != items.facts(row)
    ]
    fields = {name: _part(field, rows) for name, field in items.fields.items()}
    return ChangedItems([items.item_id[row] for row in rows], [items.title[row] for row in rows], fields, rows=rows)


def _part(field: Field, rows: list[int]) -> Field:
    """Return a fact of some rows, with the values that they have."""
    used = dict.fromkeys(chain.from_iterable(field.rows[row] for row in rows))
    place = {index: position for position, index in enumerate(used)}
    return Field([field.values[index] for index in used], [[place[index] for index in field.rows[row]] for row in rows])
