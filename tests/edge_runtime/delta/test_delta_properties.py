"""For any files, a delta leads from the older to the newer one; any bytes lead to it, or to a DeltaError."""

import contextlib
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.delta import Pack, read_pack
from edge_runtime.bundle.delta.cursor import Cursor, dump_array
from edge_runtime.bundle.delta.diff import diff_file
from edge_runtime.bundle.delta.pack import Delta, dump_pack
from edge_runtime.bundle.item_table import dump_item_table
from edge_runtime.bundle.transitions import dump_transitions
from edge_runtime.errors import DeltaError
from edge_runtime.search.finder import word_index
from tests.edge_runtime.delta.releases import manifest_of
from tests.tiny_items import make_items
from tests.tiny_transitions import tiny_followers

FUZZ = settings(max_examples=200, deadline=None)
NAME = "codes.safetensors"
DTYPES = ("<f4", "<i4", "<u4", "i1", "u1")


def made(old: bytes | None, new: bytes) -> bytes:
    """Return what a device makes of ``old`` with the delta to ``new``, after the delta was written and read."""
    return packed(old, new).apply(NAME, old)


def packed(old: bytes | None, new: bytes) -> Pack:
    return read_pack(dump_pack({NAME: diff_file(old, new)}), manifest_of({NAME: new}))


@st.composite
def arrays(draw: st.DrawFn) -> dict[str, NDArray[Any]]:
    """Return arrays with few distinct numbers, so that two of them often share rows."""
    shapes = st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 5), max_size=3))
    chosen = draw(st.dictionaries(st.sampled_from(["a", "b", "tier", "codes.0"]), shapes, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 3)))
    return {name: rng.integers(0, 3, shape).astype(dtype) for name, (dtype, shape) in chosen.items()}


@FUZZ
@given(arrays(), arrays())
def test_any_arrays(old: dict[str, NDArray[Any]], new: dict[str, NDArray[Any]]) -> None:
    data = dump_arrays(new)
    assert made(dump_arrays(old), data) == data


@FUZZ
@given(st.none() | st.binary(max_size=80), st.binary(max_size=80))
def test_any_bytes(old: bytes | None, new: bytes) -> None:
    assert made(old, new) == new


@FUZZ
@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9), st.binary(max_size=9))))
def test_any_changes_of_arrays(numbers: bytes, changes: list[tuple[int, int, bytes]]) -> None:
    old = dump_arrays({"a": np.frombuffer(numbers, np.uint8), "b": np.arange(9, dtype=np.float32)})
    changed = bytearray(old)
    for start, length, inserted in changes:
        changed[start : start + length] = inserted

    assert made(old, bytes(changed)) == bytes(changed)


@FUZZ
@given(arrays(), st.binary(max_size=80))
def test_any_bytes_to_arrays_and_back(new: dict[str, NDArray[Any]], other: bytes) -> None:
    data = dump_arrays(new)

    assert made(other, data) == data
    assert made(data, other) == other


@FUZZ
@given(st.integers(7, 40), st.integers(7, 40), st.integers(1, 5), st.integers(0, 9))
def test_any_transitions(n_old: int, n_new: int, largest: int, seed: int) -> None:
    old, new = (transitions(n_items, seed + index, largest) for index, n_items in enumerate((n_old, n_new)))

    assert made(old, new) == new


def transitions(n_items: int, seed: int, largest: int) -> bytes:
    found = tiny_followers(n_items, np.random.default_rng(seed), largest)
    return dump_arrays(dump_transitions(found.offsets, found.followers, found.levels, n_items))


TITLES = st.lists(st.sampled_from(["red rose", "rose", "blue mint", "mint soap", "soap"]), min_size=1, max_size=8)


@FUZZ
@given(TITLES, TITLES, st.integers(0, 3), st.integers(0, 3))
def test_any_item_tables(old: list[str], new: list[str], n_old_brands: int, n_new_brands: int) -> None:
    before, after = item_table(old, n_old_brands), item_table(new, n_new_brands)

    assert made(before, after) == after


def item_table(titles: list[str], n_brands: int) -> bytes:
    items = make_items(titles, brand=[[f"brand {row % n_brands}"] if n_brands else [] for row in range(len(titles))])
    return dump_item_table(items, word_index(items))


@FUZZ
@given(st.dictionaries(st.sampled_from(["a", "word", "posting"]), st.lists(st.integers(0, 9), max_size=5)), st.data())
def test_any_starts(columns: dict[str, list[int]], data: st.DataObject) -> None:
    def file() -> bytes:
        arrays: dict[str, NDArray[Any]] = {}
        for name, starts in columns.items():
            entries = data.draw(st.binary(max_size=12))
            arrays[f"{name}.start"] = np.array([0, *sorted(starts), len(entries)], dtype=np.uint32)
            wide = np.frombuffer(entries, np.uint8)
            arrays[name] = wide.astype(np.uint32) if name == "posting" else wide
        return dump_arrays(arrays)

    before, after = file(), file()

    assert made(before, after) == after


@FUZZ
@given(st.lists(st.integers(0, (1 << 49) - 1)))
def test_numbers_are_read_as_written(values: list[int]) -> None:
    cursor = Cursor(dump_array(np.array(values, dtype=np.int64)), "x")

    assert cursor.numbers(len(values)).tolist() == values
    cursor.end()


@st.composite
def changed(draw: st.DrawFn, data: bytes) -> bytes:
    """Truncate, duplicate and overwrite parts of a file."""
    mutated = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(mutated)))
        mutated[start : start + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(mutated)


OLD, NEW = transitions(40, 1, 5), transitions(40, 2, 5)
PACK = dump_pack({NAME: diff_file(OLD, NEW)})
MANIFEST = manifest_of({NAME: NEW})


@FUZZ
@given(st.binary(max_size=200) | changed(PACK))
def test_any_pack(data: bytes) -> None:
    with contextlib.suppress(DeltaError):
        pack = read_pack(data, MANIFEST)
        for name in pack.names:
            assert pack.apply(name, OLD) == NEW


@FUZZ
@given(st.data())
def test_any_payload_of_a_pack(data: st.DataObject) -> None:
    check_payload(lambda payload: data.draw(changed(payload) | st.binary(max_size=200)))


def check_payload(change: Callable[[bytes], bytes]) -> None:
    """Read a pack whose compressed part is valid, and its content changed."""
    good = diff_file(OLD, NEW)
    payload = change(zlib.decompress(good.deflated, wbits=-15))
    deflater = zlib.compressobj(wbits=-15)
    delta = Delta(good.kind, len(payload), deflater.compress(payload) + deflater.flush())
    with contextlib.suppress(DeltaError):
        assert read_pack(dump_pack({NAME: delta}), MANIFEST).apply(NAME, OLD) == NEW
