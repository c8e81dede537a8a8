"""Which delta is made for which change, and that its size follows the change and not the file."""

import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.codes import pack_tiers
from edge_runtime.bundle.delta import diff, diff_files, read_pack
from edge_runtime.bundle.delta.diff import diff_file
from edge_runtime.bundle.delta.operations import Operation
from edge_runtime.bundle.delta.pack import Delta, _inflate
from edge_runtime.bundle.item_table import dump_item_table
from edge_runtime.bundle.transitions import dump_transitions
from edge_runtime.search.finder import word_index
from tests.edge_runtime.delta.releases import manifest_of
from tests.tiny_items import make_items
from tests.tiny_transitions import tiny_followers

RNG = np.random.default_rng(0)
TABLE = RNG.integers(0, 256, (2000, 32)).astype(np.uint8)
NAME = "codes.safetensors"


def operation_of(delta: Delta) -> int:
    """Return the operation of a file with one tensor and the older header."""
    payload = _inflate(delta, NAME)
    assert payload[0] == 0
    return payload[1]


def one(array: NDArray[Any]) -> bytes:
    return dump_arrays({"a": array})


def changed(array: NDArray[Any], change: Callable[[NDArray[Any]], None]) -> NDArray[Any]:
    copy = array.copy()
    change(copy)
    return copy


def test_a_few_changed_rows_are_sent_as_rows() -> None:
    def change(rows: NDArray[Any]) -> None:
        rows[::100] = RNG.integers(0, 256, (20, 32))

    delta = diff_file(one(TABLE), one(changed(TABLE, change)))

    assert operation_of(delta) == Operation.ROWS
    assert len(delta.deflated) < 20 * 32 + 60


def test_a_removed_row_in_the_middle_costs_no_more_than_itself() -> None:
    tiers = np.zeros(len(TABLE), dtype=np.uint8)
    moved = changed(tiers, lambda tiers: tiers.__setitem__(700, 1))
    old = {"tier": pack_tiers(tiers), "codes.0": TABLE, "codes.1": TABLE[:0, :8]}
    new = {"tier": pack_tiers(moved), "codes.0": np.delete(TABLE, 700, axis=0), "codes.1": TABLE[700:701, :8]}

    delta = diff_file(dump_arrays(old), dump_arrays(new))

    assert len(delta.deflated) < 350  # most of it the header, in which sizes changed


def test_appended_rows_are_all_that_is_sent() -> None:
    delta = diff_file(one(TABLE), one(np.concatenate([TABLE, TABLE[:3]])))

    assert len(delta.deflated) < 3 * 32 + 100


def test_drifting_numbers_are_sent_as_differences() -> None:
    floats = RNG.normal(size=(500, 16)).astype(np.float32)

    delta = diff_file(one(floats), one(floats * np.float32(1 + 1e-6)))

    assert operation_of(delta) == Operation.SUB
    assert len(delta.deflated) < 0.3 * floats.nbytes


def test_rows_that_all_changed_are_sent_whole() -> None:
    delta = diff_file(one(TABLE), one(RNG.integers(0, 256, TABLE.shape).astype(np.uint8)))

    assert operation_of(delta) == Operation.FULL


def test_an_item_with_one_more_follower_is_a_few_bytes() -> None:
    found = tiny_followers(2000, np.random.default_rng(0))
    item = int(np.flatnonzero(np.diff(found.offsets) == 2)[5])
    end = int(found.offsets[item + 1])
    offsets = changed(
        found.offsets, lambda offsets: offsets.__setitem__(slice(item + 1, None), offsets[item + 1 :] + 1)
    )
    followers = np.insert(found.followers, end, min(1999, found.followers[end - 1] + 1))
    levels = np.insert(found.levels, end, 3).astype(np.uint8)
    old = dump_transitions(found.offsets, found.followers, found.levels, 2000)

    delta = diff_file(dump_arrays(old), dump_arrays(dump_transitions(offsets, followers, levels, 2000)))

    assert len(delta.deflated) < 200  # with the header, in which the number of entries changed


def test_an_item_table_with_other_titles_costs_little_more_than_those() -> None:
    items = make_items([f"title {row} of {row % 7} words" for row in range(2000)], brand=[["Elm"]] * 2000)
    titles = [f"another {row}" if row % 500 == 3 else title for row, title in enumerate(items.title)]
    other = msgspec.structs.replace(items, title=titles)
    old, new = (dump_item_table(one, word_index(one)) for one in (items, other))

    delta = diff_file(old, new)

    assert len(delta.deflated) < 0.1 * len(zlib.compress(new))


def test_a_file_that_a_device_could_hardly_hold_twice_is_fetched_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = {"a.bin": bytes(5000)}, {"a.bin": bytes(5000) + b"x"}
    assert diff_files(old, new, manifest_of(old), manifest_of(new)) is not None

    monkeypatch.setattr(diff, "MAX_FILE_BYTES", 5000)
    assert diff_files(old, new, manifest_of(old), manifest_of(new)) is None


def test_a_pack_makes_no_more_bytes_than_a_reader_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    new = {"a.bin": bytes(5000), "b.bin": bytes(5000)}
    monkeypatch.setattr(diff, "MAX_RESULT_BYTES", 9999)

    data = diff_files({}, new, manifest_of({}), manifest_of(new))

    assert data is not None
    assert read_pack(data, manifest_of(new)).names == ("a.bin",)


def test_a_pack_holds_the_files_that_changed_little() -> None:
    noise = RNG.bytes(5000)
    old = {"a.bin": noise, "b.bin": noise, "c.bin": noise}
    new = {"a.bin": noise, "b.bin": noise[:-1] + b"x", "c.bin": RNG.bytes(5000), "d.bin": bytes(5000)}
    manifest = manifest_of(new)

    data = diff_files(old, new, manifest_of(old), manifest)

    assert data is not None
    pack = read_pack(data, manifest)
    assert pack.names == ("b.bin", "d.bin")
    assert [pack.apply(name, old.get(name)) for name in pack.names] == [new["b.bin"], new["d.bin"]]


@pytest.mark.parametrize("new", [b"same", bytes(reversed(range(256)))])
def test_no_pack_is_made_if_nothing_is_gained(new: bytes) -> None:
    old, files = {"a.bin": b"same"}, {"a.bin": new}

    assert diff_files(old, files, manifest_of(old), manifest_of(files)) is None
