"""The items of a large catalogue stay on disk, and behave as those in memory."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime import BundleError, Recommender, none_of
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.folder import write_folder
from edge_runtime.bundle.item_table import TABLE_FILE, check_item_table, dump_item_table, read_item_table
from edge_runtime.bundle.items import Field, Items
from edge_runtime.bundle.manifest import ITEM_TABLE
from edge_runtime.contents import open_contents
from edge_runtime.search.finder import word_index
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_items import with_item_table

ITEMS = Items(
    ["b", "a", "é", "aa"],
    ["Rose soap", "Mint — balm", "Soap", "Citrus balm"],
    {"brand": Field(["Aster", "Birch"], [[1], [], [0, 1], [0]]), "none": Field([], [[], [], [], []])},
)
DATA = dump_item_table(ITEMS, word_index(ITEMS))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recommender, Recommender]]:
    folder = tmp_path_factory.mktemp("bundles")
    make_tiny_bundle(folder / "memory")
    with_item_table(folder / "memory", folder / "disk")
    with Recommender.open(folder / "memory") as memory, Recommender.open(folder / "disk") as disk:
        yield memory, disk


def test_all_columns_are_as_written() -> None:
    table = read_item_table(load_arrays(DATA, TABLE_FILE), 4)

    check_item_table(table)
    items = table.items
    assert (list(items.item_id), list(items.title)) == (ITEMS.item_id, ITEMS.title)
    assert [items.facts(row) for row in range(4)] == [ITEMS.facts(row) for row in range(4)]
    assert {item_id: table.row_of[item_id] for item_id in ITEMS.item_id} == {"b": 0, "a": 1, "é": 2, "aa": 3}
    assert not {"", "ab", "z", "\ud800", None} & {key for key in ("", "ab", "z", "\ud800", None) if key in table.row_of}
    assert (items.title[-1], items.title[1:3]) == ("Citrus balm", ["Mint — balm", "Soap"])
    with pytest.raises(IndexError):
        items.title[4]


def test_lists_reasons_filters_and_searches_are_those_of_items_in_memory(both: tuple[Recommender, Recommender]) -> None:
    memory, disk = both
    history = ["item-3", "item-8", "item-1"]

    assert disk.recommend(10, history) == memory.recommend(10, history)
    assert [item.facts for item in disk.recommend(10)] == [item.facts for item in memory.recommend(10)]
    for where in ({"brand": "Aster"}, {"categories": {"Hair", "Bath"}}, {"brand": none_of("Elm", "Birch")}):
        assert disk.recommend(40, history, where=where) == memory.recommend(40, history, where=where)
    for text in ("rose", "aster soap", "skin", "shampo", "rsoe", "mintvanilla"):
        assert disk.search(text, 40) == memory.search(text, 40)
    for item in memory.recommend(5, history):
        assert disk.explain(item.item_id, history=history) == memory.explain(item.item_id, history=history)
    assert disk.hint("itm-7") == memory.hint("itm-7")


def test_a_recorded_history_finds_its_items_on_disk(both: tuple[Recommender, Recommender]) -> None:
    for recommender in both:
        recommender.observe("item-5")
        recommender.observe("unknown")
        recommender.observe("item-9", "dislike")

    memory, disk = both
    assert disk.recommend(40) == memory.recommend(40)
    assert not {"item-5", "item-9"} & {item.item_id for item in disk.recommend(40)}


def test_items_in_memory_need_no_feature_and_those_on_disk_do(both: tuple[Recommender, Recommender]) -> None:
    assert [ITEM_TABLE in one.manifest.required_features for one in both] == [False, True]


GOOD = load_arrays(DATA, TABLE_FILE)
TITLES = [0, 9, 22, 26, 37]


def _changed(**arrays: object) -> bytes:
    return dump_arrays(dict(GOOD) | {name: np.asarray(one) for name, one in arrays.items()})


def _starts(*starts: int) -> NDArray[np.uint32]:
    return np.array(starts, dtype=np.uint32)


WRONG_SIZES = {
    "fewer items": _changed(**{"title.start": _starts(0, 9, 22, 37)}),
    "a text that ends elsewhere": _changed(**{"title.start": _starts(0, 9, 22, 26, 99)}),
    "a text that starts elsewhere": _changed(**{"title.start": _starts(1, 9, 22, 26, 37)}),
    "order of another length": _changed(**{"item_id.order": _starts(0, 1, 2)}),
    "signed starts": _changed(**{"title.start": np.array(TITLES, dtype=np.int32)}),
    "a fact twice": _changed(**{"fact": np.frombuffer(b"nonenone", dtype=np.uint8), "fact.start": _starts(0, 4, 8)}),
    "words of fewer texts": _changed(n_words=GOOD["n_words"][1:]),
    "many facts": _changed(**{"fact.start": _starts(*range(302)), "fact": np.zeros(301, dtype=np.uint8)}),
}
WRONG_ENTRIES = {
    "a text with a negative length": _changed(**{"title.start": _starts(0, 22, 9, 26, 37)}),
    "an empty title": _changed(**{"title.start": _starts(0, 0, 22, 26, 37)}),
    "a value outside": _changed(**{"entry.0": GOOD["entry.0"] + np.uint32(1)}),
    "a row outside": _changed(**{"item_id.order": GOOD["item_id.order"] + np.uint32(1)}),
    "an id out of order": _changed(**{"item_id.order": _starts(3, 1, 0, 2)}),
    "not UTF-8": _changed(title=np.full_like(GOOD["title"], 0xFF)),
    "words out of order": _changed(word=GOOD["word"][::-1]),
    "a posting outside": _changed(posting=GOOD["posting"] + np.uint32(4)),
}


def test_the_titles_of_the_good_file_start_where_the_changed_ones_say() -> None:
    assert GOOD["title.start"].tolist() == TITLES


@pytest.mark.parametrize("name", WRONG_SIZES)
def test_wrong_sizes_are_refused_at_opening(name: str) -> None:
    with pytest.raises(BundleError, match=TABLE_FILE):
        read_item_table(load_arrays(WRONG_SIZES[name], TABLE_FILE), 4)


@pytest.mark.parametrize("name", WRONG_ENTRIES)
def test_wrong_entries_are_refused_by_the_full_check(name: str) -> None:
    table = read_item_table(load_arrays(WRONG_ENTRIES[name], TABLE_FILE), 4)

    with pytest.raises(BundleError):
        check_item_table(table)


@pytest.mark.parametrize(
    "changed",
    [
        {"entry.0": GOOD["entry.0"] + np.uint32(1)},
        {"entry.0.start": GOOD["entry.0.start"][[0, 3, 2, 1, 4]]},
    ],
    ids=["a value outside", "starts that descend"],
)
def test_who_reads_all_values_of_a_fact_refuses_wrong_ones(changed: dict[str, NDArray[np.uint32]]) -> None:
    field, *_ = read_item_table(load_arrays(_changed(**changed), TABLE_FILE), 4).items.fields.values()

    with pytest.raises(BundleError, match=r"entry\.0"):
        field.entries()


def test_a_changed_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "memory")
    with_item_table(tmp_path / "memory", tmp_path / "disk")
    file = tmp_path / "disk" / TABLE_FILE
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)

    with pytest.raises(BundleError, match="sha256"):
        open_contents(open_folder(tmp_path / "disk"))


def test_an_older_runtime_refuses_such_a_bundle_by_its_feature(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "memory")
    with_item_table(tmp_path / "memory", tmp_path / "disk")
    folder = open_folder(tmp_path / "disk")
    files = {entry.name: (entry.role, folder.read(entry)) for entry in folder.manifest.files}
    without = msgspec.structs.replace(folder.manifest, required_features=())
    write_folder(tmp_path / "wrong", without, files)

    with pytest.raises(BundleError):
        open_contents(open_folder(tmp_path / "wrong"))
