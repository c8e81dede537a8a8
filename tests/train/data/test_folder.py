"""Reading valid data folders in all formats."""

from pathlib import Path

import numpy as np
import pytest

from tests.train.data.data_folders import EVENTS, ITEMS, NOW_S, events, items, parquet, write
from train.data.dataset import Dataset
from train.data.folder import read_folder

JSON_EVENTS = b"".join(
    b'{"user_id": "%s", "item_id": "%s", "timestamp": %s}\n' % tuple(line.split(b","))
    for line in EVENTS.splitlines()[1:]
)
PARQUET_EVENTS = parquet(
    user_id=["u", "u", "u", "v"],
    item_id=["a", "b", "c", "a"],
    timestamp=[1700000000, 1700000001, 1700000002, 1700000003],
)
CSV_ITEMS = b"item_id,title\na,Tent\nb,Mat\nc,Mug\n"
PARQUET_ITEMS = parquet(item_id=["a", "b", "c"], title=["Tent", "Mat", "Mug"])


def read(tmp_path: Path, interactions: bytes = EVENTS, catalogue: bytes = ITEMS, **more: bytes) -> Dataset:
    """Read a folder with CSV interactions and JSON items."""
    return read_folder(
        write(tmp_path / "shop", {"interactions.csv": interactions, "items.jsonl": catalogue, **more}), now_s=NOW_S
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("interactions.csv", EVENTS),
        ("interactions.csv", EVENTS.replace(b"\n", b"\r\n")),
        ("interactions.csv", b"\xef\xbb\xbf" + EVENTS),
        ("interactions.csv", EVENTS.replace(b"u,", b'"u",')),
        ("interactions.csv", EVENTS.rstrip(b"\n")),
        ("interactions.csv", EVENTS.replace(b"\nv", b"\n\nv") + b"\n"),
        ("interactions.jsonl", JSON_EVENTS),
        ("interactions.jsonl", b"\xef\xbb\xbf" + JSON_EVENTS.replace(b"\n", b"\r\n")),
        ("interactions.parquet", PARQUET_EVENTS),
    ],
)
@pytest.mark.parametrize(
    ("items_name", "items_data"), [("items.jsonl", ITEMS), ("items.csv", CSV_ITEMS), ("items.parquet", PARQUET_ITEMS)]
)
def test_every_format_gives_the_same_sequences_and_titles(
    tmp_path: Path, name: str, data: bytes, items_name: str, items_data: bytes
) -> None:
    dataset = read_folder(write(tmp_path / "shop", {name: data, items_name: items_data}), now_s=NOW_S)

    assert dataset.name == "shop"
    assert dataset.catalogue.titles == ("Tent", "Mat", "Mug")
    assert dataset.sequences.user_ids == ("u", "v")
    assert [rows.tolist() for rows in dataset.sequences] == [[0, 1, 2], [0]]
    assert dataset.sequences.times_of(0).tolist() == [1700000000, 1700000001, 1700000002]
    assert dataset.sequences.rows.dtype == np.int32
    assert dataset.sequences.offsets.dtype == np.int64


def test_whole_numbers_are_ids_too(tmp_path: Path) -> None:
    interactions = parquet(user_id=[7, 7], item_id=[1, 2], timestamp=[5, 6])
    catalogue = b'{"item_id": 1, "title": "A"}\n{"item_id": "2", "title": "B"}\n'

    dataset = read_folder(write(tmp_path / "shop", {"interactions.parquet": interactions, "items.jsonl": catalogue}))

    assert dataset.sequences.user_ids == ("7",)
    assert dataset.catalogue.item_ids == ("1", "2")


def test_events_are_sorted_by_time_and_ties_keep_the_order_of_the_file(tmp_path: Path) -> None:
    dataset = read(tmp_path, events("u,c,9", "v,a,1", "u,b,5", "u,a,5"))

    assert dataset.sequences.of(0).tolist() == [1, 0, 2]
    (warning,) = (text for text in dataset.report.warnings if "Sorted" in text)
    assert "interactions.csv, line 4" in warning


def test_dislikes_and_events_without_weight_are_counted_but_not_in_the_sequences(tmp_path: Path) -> None:
    rows = ("u,a,1,click,1", "u,b,2,dislike,1", "u,c,3,,0", "u,b,4,purchase,-2", "u,c,5,like,", "v,a,1,dislike,")

    dataset = read(tmp_path, events(*rows, header="user_id,item_id,timestamp,event,weight"))

    assert dataset.sequences.user_ids == ("u",)
    assert dataset.sequences.of(0).tolist() == [0, 2]
    assert dataset.report.kept_out == {"dislike": 2, "weight not above 0": 2}
    assert any("1 user(s) have only dislikes" in text for text in dataset.report.warnings)


def test_other_columns_become_facts_and_unsuitable_values_give_a_warning(tmp_path: Path) -> None:
    line = (
        '{"item_id": "c", "title": " Red \\n Mug ", "brand": "Alder",'
        ' "categories": ["Kitchen", "Mugs", "Kitchen", null], "price": 9, "year": 1999,'
        ' "rating": 4.50, "director": "Ann Lee, Bo Ek", "cast": ["C. Dee"],'
        ' "maker": "Lee, Ek", "details": {"x": 1}, "new": true, "description": " "}'
    )

    catalogue = read(tmp_path, events("u,a,1"), items(line)).catalogue

    assert catalogue.titles[2] == "Red Mug"
    assert catalogue.descriptions == (None, None, None)
    assert {name: values[2] for name, values in catalogue.fields.items()} == {
        "brand": ("Alder",),
        "categories": ("Kitchen", "Mugs"),
        "price": ("9.00",),
        "year": ("1999",),
        "rating": ("4.5",),
        "director": ("Ann Lee", "Bo Ek"),
        "cast": ("C. Dee",),
        "maker": ("Lee, Ek",),
    }
    assert list(catalogue.fields)[:3] == ["brand", "categories", "price"]
    assert catalogue.fields["brand"][0] == ()


def test_lists_in_csv_are_written_with_bars_or_as_json(tmp_path: Path) -> None:
    catalogue = b'item_id,title,categories,tags\na,A,Camp|Mugs,"[""x"", ""y, z""]"\n'

    dataset = read_folder(write(tmp_path / "shop", {"interactions.csv": events("u,a,1"), "items.csv": catalogue}))

    assert dataset.catalogue.fields == {"categories": (("Camp", "Mugs"),), "tags": (("x", "y, z"),)}


def test_pictures_and_frames_are_found_and_missing_ones_give_a_warning(tmp_path: Path) -> None:
    lines = (
        '{"item_id": "a", "title": "A", "image": "images/a.png", "video": "videos/a"}',
        '{"item_id": "b", "title": "B", "image": "images/none.png", "video": ["videos/a/1.png", "gone.png"]}',
        '{"item_id": "c", "title": "C", "image": null, "video": null}',
    )
    pictures = {"images/a.png": b"x", "videos/a/1.png": b"x", "videos/a/0.png": b"x", "videos/a/notes.txt": b"x"}

    dataset = read(tmp_path, events("u,a,1"), "\n".join(lines).encode(), **pictures)

    folder = tmp_path / "shop"
    assert dataset.catalogue.images == (folder / "images/a.png", None, None)
    assert dataset.catalogue.videos == (
        (folder / "videos/a/0.png", folder / "videos/a/1.png"),
        (folder / "videos/a/1.png",),
        (),
    )
    assert any("1 image path(s) lead to no picture, such as 'images/none.png'" in w for w in dataset.report.warnings)
    assert any("1 video path(s) lead to no picture" in warning for warning in dataset.report.warnings)


def test_an_item_without_a_title_is_shown_with_its_id(tmp_path: Path) -> None:
    dataset = read(tmp_path, events("u,a,1", "u,c,2"), items('{"item_id": "c", "title": ""}'))

    assert dataset.catalogue.titles == ("Tent", "Mat", "Item c")
    assert any("1 item(s) have an empty title, such as 'c'" in text for text in dataset.report.warnings)


def test_the_events_of_a_skipped_item_are_skipped(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "shop",
        {"interactions.csv": events("u,a,1", "u,c,2"), "items.jsonl": items('{"item_id": "c", "title": 3}')},
    )

    dataset = read_folder(folder, skip_bad_rows=True)

    assert dataset.sequences.n_events == 1
    assert dataset.report.skipped == {"title of a wrong type": 1, "unknown item": 1}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (("u,a,1", "u,a,2", "u,a,3"), "2 item(s) have no event"),
        (("u,a,1", "u,b,2"), "1 user(s) have fewer than 3 events"),
        (("u,a,0", "u,b,1700000000"), "1 timestamp(s) are before 1973"),
        (("u,a,7", "u,b,7", "u,c,7"), "2 events have the same timestamp"),
    ],
)
def test_unusual_data_give_a_warning(tmp_path: Path, rows: tuple[str, ...], expected: str) -> None:
    dataset = read(tmp_path, events(*rows), items('{"item_id": "c", "title": "C"}'))

    assert any(expected in warning for warning in dataset.report.warnings)


def test_unknown_columns_give_a_warning(tmp_path: Path) -> None:
    dataset = read(tmp_path, events("u,a,1,5", header="user_id,item_id,timestamp,rating"))

    assert any("unknown columns are ignored: 'rating'" in warning for warning in dataset.report.warnings)


def test_the_digest_depends_on_the_bytes_of_both_files(tmp_path: Path) -> None:
    first = read(tmp_path / "1").digest
    again = read(tmp_path / "2").digest
    other_events = read(tmp_path / "3", EVENTS + b"v,b,1700000009\n").digest
    other_items = read(tmp_path / "4", EVENTS, ITEMS + b'{"item_id": "d", "title": "D"}\n').digest

    assert first == again
    assert len({first, other_events, other_items}) == 3


def test_the_digest_depends_on_skipped_rows(tmp_path: Path) -> None:
    in_the_folder = items('{"item_id": "c", "title": "C", "image": "pictures/c.png"}')
    log = events("u,a,1", "u,b,2", "u,c,3", "u,a,4")
    inside = read(tmp_path / "1", log, in_the_folder, **{"pictures/c.png": b"x"})
    folder = write(tmp_path / "2", {"interactions.csv": log, "items.jsonl": in_the_folder, "pictures/d.png": b""})
    (tmp_path / "secret.png").write_bytes(b"x")
    (folder / "pictures" / "c.png").symlink_to(tmp_path / "secret.png")

    outside = read_folder(folder, skip_bad_rows=True)

    assert (inside.sequences.n_events, outside.sequences.n_events) == (4, 3)
    assert inside.digest != outside.digest
    assert outside.digest == read_folder(folder, skip_bad_rows=True).digest


@pytest.mark.parametrize("skip_bad_rows", [False, True])
def test_the_current_date_only_affects_a_warning(tmp_path: Path, skip_bad_rows: bool) -> None:
    rows = ("u,a,1700000000", "u,b,1700000001", "u,c,1900000000", "u,a,1700000002")
    files = {"interactions.csv": events(*rows), "items.jsonl": items('{"item_id": "c", "title": "C"}')}
    folder = write(tmp_path / "shop", files)

    early = read_folder(folder, skip_bad_rows=skip_bad_rows, now_s=1_800_000_000)
    late = read_folder(folder, skip_bad_rows=skip_bad_rows, now_s=2_000_000_000)

    assert early.digest == late.digest
    assert early.sequences.n_events == late.sequences.n_events == 4
    assert [text for text in early.report.warnings if "in the future, the last on 2030-03-17" in text]
    assert not [text for text in late.report.warnings if "in the future" in text]


def test_too_few_events_for_training_give_a_warning(tmp_path: Path) -> None:
    three = read(tmp_path / "3", events("u,a,1", "u,b,2", "u,a,3"))
    four = read(tmp_path / "4", events("u,a,1", "u,b,2", "u,a,3", "u,b,4"))

    assert any("no user has more than 3 events" in text and "user with 4" in text for text in three.report.warnings)
    assert not any("no user has more" in text for text in four.report.warnings)


def test_titles_with_line_breaks_or_tags_give_a_warning_and_blank_ones_count_as_empty(tmp_path: Path) -> None:
    lines = (
        r'{"item_id": "c", "title": "Mug\n7,Cup"}',
        '{"item_id": "d", "title": "<b>Cup</b>"}',
        r'{"item_id": "e", "title": "\u200b"}',
    )

    dataset = read(tmp_path, events("u,a,1"), items(*lines))

    assert dataset.catalogue.titles[2:] == ("Mug 7,Cup", "<b>Cup</b>", "Item e")
    assert any("1 title(s), such as that of 'c', contain a line break" in text for text in dataset.report.warnings)
    assert any("1 title(s), such as that of 'd', contain HTML tags" in text for text in dataset.report.warnings)


def test_other_files_are_ignored(tmp_path: Path) -> None:
    dataset = read(tmp_path, truth=b"", **{"notes.txt": b"\xff", "truth.d/reasons.parquet": b"x"})

    assert dataset.report.warnings == read(tmp_path / "plain").report.warnings
