"""Items keep the rows of an earlier catalogue, whatever the order of the items file."""

from dataclasses import asdict
from pathlib import Path

import pytest

from edge_runtime.bundle.items import Items
from tests.tiny_bundle import make_tiny_bundle
from tests.train.data.data_folders import EVENTS, NOW_S, histories, write
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.kept_rows import check_rows, check_same_catalogue, earlier_items, save_items, saved_items
from train.errors import DataError, RunError

TENT, MAT, MUG, POT = (
    f'{{"item_id": "{item_id}", "title": "{title}", "brand": "{brand}"}}\n'.encode()
    for item_id, title, brand in (("a", "Tent", "Ash"), ("b", "Mat", "Elm"), ("c", "Mug", "Ash"), ("d", "Pot", "Oak"))
)


def read(folder: Path, items: bytes, earlier: Items | None = None, events: bytes = EVENTS) -> Dataset:
    data = write(folder, {"items.jsonl": items, "interactions.csv": events})
    return read_folder(data, earlier=earlier, now_s=NOW_S)


@pytest.fixture
def first(tmp_path: Path) -> Dataset:
    return read(tmp_path / "first", TENT + MAT + MUG)


@pytest.fixture
def earlier(first: Dataset, tmp_path: Path) -> Items:
    save_items(tmp_path, first.catalogue)
    found = saved_items(tmp_path)
    assert found is not None
    return found


def test_a_shuffled_items_file_gives_the_same_rows(first: Dataset, earlier: Items, tmp_path: Path) -> None:
    shuffled = read(tmp_path / "shuffled", MUG + TENT + MAT, earlier)

    assert asdict(shuffled.catalogue) == asdict(first.catalogue)
    assert histories(shuffled) == histories(first)
    assert shuffled.sequences.rows.tolist() == first.sequences.rows.tolist()


def test_new_items_come_after_the_known_ones_in_the_order_of_the_file(earlier: Items, tmp_path: Path) -> None:
    other = TENT.replace(b'"a"', b'"e"').replace(b"Tent", b"Lamp")

    grown = read(tmp_path / "grown", POT + MUG + other + TENT + MAT, earlier)

    assert grown.catalogue.item_ids == ("a", "b", "c", "d", "e")
    assert grown.catalogue.titles == ("Tent", "Mat", "Mug", "Pot", "Lamp")
    assert grown.catalogue.fields["brand"] == (("Ash",), ("Elm",), ("Ash",), ("Oak",), ("Ash",))
    assert grown.catalogue.gone == ()


def test_an_item_that_is_gone_keeps_its_row_its_facts_and_its_events(earlier: Items, tmp_path: Path) -> None:
    smaller = read(tmp_path / "smaller", MUG + POT + TENT, earlier)

    assert smaller.catalogue.item_ids == ("a", "b", "c", "d")
    assert smaller.catalogue.titles[1] == "Mat"
    assert smaller.catalogue.fields["brand"][1] == ("Elm",)
    assert smaller.catalogue.gone == (1,)
    assert histories(smaller)["u"] == ["a", "b", "c"]
    assert any("such as 'b'; they keep their rows and are retired" in each for each in smaller.report.warnings)


def test_an_event_of_an_item_that_never_was_is_refused_as_before(earlier: Items, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="zz"):
        read(tmp_path / "wrong", MUG + TENT + MAT, earlier, EVENTS + b"v,zz,1700000004\n")


def test_an_item_that_comes_back_is_not_gone_any_more(earlier: Items, tmp_path: Path) -> None:
    smaller = read(tmp_path / "smaller", MUG + POT + TENT, earlier)
    save_items(tmp_path / "smaller", smaller.catalogue)

    back = read(tmp_path / "back", MAT + POT + MUG + TENT, saved_items(tmp_path / "smaller"))

    assert back.catalogue.item_ids == ("a", "b", "c", "d")
    assert back.catalogue.gone == ()


def test_the_digest_says_in_which_rows_the_items_are(first: Dataset, earlier: Items, tmp_path: Path) -> None:
    in_order, moved = (read_folder(tmp_path / "first", earlier=each, now_s=NOW_S) for each in (earlier, None))
    shuffled = MUG + TENT + MAT
    as_in_file, aligned = (read(tmp_path / "shuffled", shuffled, each) for each in (None, earlier))

    assert in_order.digest == moved.digest == first.digest
    assert aligned.digest != as_in_file.digest
    assert aligned.digest == read(tmp_path / "shuffled", shuffled, earlier).digest


def test_the_rows_of_a_run_and_of_a_bundle_are_known(first: Dataset, earlier: Items, tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundle", n_items=30)

    assert tuple(earlier_items(tmp_path).item_id) == first.catalogue.item_ids
    assert list(earlier_items(tmp_path / "bundle").item_id) == [f"item-{row}" for row in range(30)]


def test_a_folder_that_does_not_say_which_items_it_has_is_refused(tmp_path: Path) -> None:
    assert saved_items(tmp_path) is None
    with pytest.raises(RunError, match="expected a run or a bundle"):
        earlier_items(tmp_path)


def test_a_catalogue_with_few_of_the_earlier_items_is_another_one(earlier: Items, tmp_path: Path) -> None:
    some = read(tmp_path / "some", TENT + MAT + POT, earlier, EVENTS)
    few = read(tmp_path / "few", POT + TENT, earlier, EVENTS)

    check_same_catalogue(some.catalogue, 3, "old")
    with pytest.raises(RunError, match="old: the items file has 1 of its 3 items, expected most"):
        check_same_catalogue(few.catalogue, 3, "old")


def test_damaged_items_of_a_run_are_named(tmp_path: Path) -> None:
    (tmp_path / "items.json.z").write_bytes(b"nothing")

    with pytest.raises(RunError, match="cannot be read"):
        saved_items(tmp_path)


def test_rows_that_would_move_are_named_with_both_places(earlier: Items) -> None:
    check_rows(("a", "b", "c", "d"), earlier, "old", "Stop.")

    with pytest.raises(
        RunError, match=r"old: 2 of its 3 items would move, such as 'b', which is in row 1 there and in r"
    ):
        check_rows(("a", "c", "b"), earlier, "old", "Stop.")
    with pytest.raises(RunError, match=r"1 of its 3 .*'c', which is in row 2 there and missing here.*Stop\."):
        check_rows(("a", "b"), earlier, "old", "Stop.")
