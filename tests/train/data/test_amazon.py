"""Imports of Amazon reviews with typical errors: valid values are read, others are reported and counted."""

import gzip
import json
from pathlib import Path

import pytest

from tests.train.data.data_folders import histories, write
from train.data.dataset import Dataset
from train.data.folder import read_folder
from train.data.import_report import ImportReport
from train.data.importers import import_amazon
from train.errors import DataError

META = b'{"parent_asin": "B1", "title": "Soap"}\n{"parent_asin": "B2", "title": "Comb"}\n'


def review(user: object = "A", item: object = "B1", time: object = 1588687728923) -> bytes:
    return json.dumps({"user_id": user, "parent_asin": item, "timestamp": time}).encode() + b"\n"


REFERENCE = "&#" + "9" * 5000 + ";"
HUGE = b"0x" + b"f" * 5000  # Python refuses to print integers of over 4,300 digits
HUGE_TIME = b"{'user_id': 'A', 'parent_asin': 'B1', 'timestamp': %s}\n" % HUGE
HUGE_USER = b"{'user_id': [%s], 'parent_asin': 'B1', 'timestamp': 1588687728}\n" % HUGE
GOOD = review() + review(item="B2", time=1588687730000)


def run(tmp_path: Path, reviews: bytes = GOOD, meta: bytes = META) -> tuple[ImportReport, Dataset]:
    source = write(tmp_path / "source", {"Beauty.jsonl": reviews, "meta_Beauty.jsonl": meta})
    imported = import_amazon(source, tmp_path / "out", k=1)
    return imported, read_folder(tmp_path / "out")


def title_of(dataset: Dataset, item_id: str) -> str:
    return dataset.catalogue.titles[dataset.catalogue.row_of()[item_id]]


@pytest.mark.parametrize("time", [1588687728923, 1588687728, "1588687728", 1588687728.5, "2020-05-05T14:08:48Z"])
@pytest.mark.parametrize("name", ["timestamp", "unixReviewTime"])
def test_the_unit_of_a_timestamp_follows_from_its_size_in_any_field(tmp_path: Path, name: str, time: object) -> None:
    line = review(time=time).replace(b'"timestamp"', f'"{name}"'.encode())

    _, dataset = run(tmp_path, line)

    assert dataset.sequences.timestamps.tolist() == [1588687728]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (review(time=10**22), "timestamp is 10000000000000000000000"),
        (review(time="soon"), "timestamp is 'soon'"),
        (review(time=None), "timestamp is None"),
        (review(time=True), "timestamp is True"),
        (review(time=float("nan")), "timestamp is nan"),
        (b'{"user_id": "A", "parent_asin": "B1", "timestamp": 1e999}\n', "timestamp is inf"),
        (review(time=4102444800000), "timestamp 4102444800 is 2100-01-01"),
        (review(time=32503680000), "timestamp 32503680000 is 3000-01-01"),
        (review(time=-1), "timestamp is -1"),
        (review(user=7), "the id of the user is 7"),
        (review(user=""), "the id of the user is ''"),
        (review(item=None), "the id of the item is None"),
        (review(user="\ud800"), "which is not valid text"),
        (review(user="a\u2028b"), "printable characters"),
        (review(user=" a"), "without surrounding blanks"),
        (b"{\n", "expected one JSON object"),
        (b"[1]\n", "expected one JSON object"),
        (b"{1: 2}\n", "the id of the user is None"),
        (b"\xff\n", "expected one JSON object"),
        (b"{'reviewerID': 'U1', 'asin': 'A1', []: 1}\n", "expected one JSON object"),
        (b"{{}: 1}\n", "expected one JSON object"),
        (b"{'x': {[1]}}\n", "expected one JSON object"),
        pytest.param(HUGE_TIME, "timestamp is a value too large to show (int)", id="huge timestamp"),
        pytest.param(HUGE_USER, "the id of the user is a value too large to show (list)", id="huge user"),
        pytest.param(b'{"x": "' + b"y" * (5 << 20) + b'"}\n', "over 4,194,304 bytes", id="5 MiB"),
    ],
)
def test_a_line_that_is_not_a_review_is_left_out_and_reported(tmp_path: Path, line: bytes, expected: str) -> None:
    imported, dataset = run(tmp_path, GOOD + line)

    assert histories(dataset) == {"A": ["B1", "B2"]}
    assert (imported.n_broken, imported.n_broken_items) == (1, 0)
    assert "Beauty.jsonl, line 3: " in str(imported)
    assert expected in str(imported)


@pytest.mark.parametrize(
    "meta",
    [
        b'{"parent_asin": "B1", "title": "So\\ud800ap", "rating": null}\n',
        b"{'asin': 'B1', 'title': 'So\\ud800ap', 'rating': None}\n",
    ],
)
def test_a_lone_surrogate_in_a_title_becomes_a_replacement_character(tmp_path: Path, meta: bytes) -> None:
    _, dataset = run(tmp_path, review(), meta)

    assert dataset.catalogue.titles == ("So\ufffdap",)


def test_an_unreadable_price_is_reported_and_one_with_separators_is_read(tmp_path: Path) -> None:
    meta = (
        b'{"parent_asin": "B1", "title": "Soap", "price": "$1,299.00"}\n'
        b'{"parent_asin": "B2", "title": "Comb", "price": "$1.00 - $2.00"}\n'
    )

    imported, dataset = run(tmp_path, GOOD, meta)

    assert dataset.catalogue.fields["price"] == (("1299.00",), ())
    assert "value left out: meta_Beauty.jsonl, line 2: price is '$1.00 - $2.00'" in str(imported)


def test_prices_in_two_currencies_give_a_warning(tmp_path: Path) -> None:
    meta = META.replace(b'"Soap"', b'"Soap", "price": "$9.99"').replace(b'"Comb"', b'"Comb", "price": "EUR 5"')

    imported, _ = run(tmp_path, GOOD, meta)

    assert any("1 in USD, 1 in EUR" in note for note in imported.notes)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<b>Soap</b> &amp; Salt", "Soap & Salt"),
        ("&lt;i&gt;Soap&lt;/i&gt;", "Soap"),
        ("<script>alert(1)</script>", "Item B1"),
        ("<span class='a'>", "Item B1"),
        ("var aPageStart = (new Date()).getTime();", "Item B1"),
        ("Soap\u2028and\u0085Salt", "Soap and Salt"),
    ],
)
def test_markup_and_code_are_never_shown_as_titles(tmp_path: Path, written: str, shown: str) -> None:
    meta = json.dumps({"parent_asin": "B1", "title": written}).encode() + b"\n" + META.split(b"\n", 1)[1]

    imported, dataset = run(tmp_path, GOOD, meta)

    assert title_of(dataset, "B1") == shown
    assert ("line 1: title is" in str(imported)) is (shown == "Item B1")


def test_invalid_categories_and_an_overlong_brand_are_left_out_and_reported(tmp_path: Path) -> None:
    soap = {"parent_asin": "B1", "title": "Soap", "store": "x" * 1001, "categories": ["Beauty", "</span></span>"]}

    imported, dataset = run(tmp_path, review(), json.dumps(soap).encode())

    assert dataset.catalogue.fields == {"categories": (("Beauty",),)}
    assert "brand has 1,001 characters" in str(imported)
    assert "category is '</span></span>'" in str(imported)


@pytest.mark.parametrize("name", ["brand", "description", "categories"])
def test_a_character_reference_of_thousands_of_digits_is_left_out_and_reported(tmp_path: Path, name: str) -> None:
    soap = {"parent_asin": "B1", "title": "Soap", name: REFERENCE if name == "brand" else [REFERENCE]}

    imported, dataset = run(tmp_path, review(), json.dumps(soap).encode())

    assert dataset.catalogue.titles == ("Soap",)
    assert dataset.catalogue.fields == {}
    assert "meta_Beauty.jsonl, line 1: " in str(imported)
    assert "expected numbers of Unicode characters in its references" in str(imported)


def test_a_title_of_thousands_of_digits_is_reported(tmp_path: Path) -> None:
    meta = json.dumps({"parent_asin": "B1", "title": REFERENCE}).encode() + b"\n" + META.splitlines()[1]

    imported, dataset = run(tmp_path, GOOD, meta)

    assert dataset.catalogue.titles == ("Item B1", "Comb")
    assert "value left out: meta_Beauty.jsonl, line 1: title is '&#999" in str(imported)


def test_unreadable_item_lines_are_counted_apart_from_events(tmp_path: Path) -> None:
    meta = META + b'nonsense\n{"parent_asin": "B1", "title": "Again"}\n{"parent_asin": "B2" broken\n'

    imported, dataset = run(tmp_path, GOOD, meta)

    assert dataset.catalogue.titles == ("Soap", "Comb")
    assert (imported.n_broken, imported.n_broken_items, imported.n_undescribed) == (0, 3, 0)
    for phrase in ("line 3: the line is b'nonsense", "line 4: item 'B1' occurs in an earlier", "line 5: the line is"):
        assert phrase in str(imported)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.jsonl": GOOD}, "which has the titles"),
        ({"a.jsonl": GOOD, "meta_a.jsonl": META.replace(b"Soap", b"").replace(b"Comb", b" ")}, "nothing was written"),
        ({"a.jsonl": b"", "meta_a.jsonl": META}, "the file is empty"),
        ({"a.jsonl": GOOD, "meta_a.jsonl": b""}, "describes none of the 2 reviewed items"),
        ({"a.jsonl": GOOD.decode().encode("utf-16"), "meta_a.jsonl": META}, "none of 3 lines is a review"),
        ({"a.jsonl/x": b"", "meta_a.jsonl": META}, "found meta_a.jsonl"),
        ({"a.jsonl.gz": gzip.compress(GOOD), "meta_a.jsonl.gz": gzip.compress(META)[:-9]}, "the file is damaged"),
    ],
)
def test_a_failed_import_leaves_nothing_behind(tmp_path: Path, files: dict[str, bytes], expected: str) -> None:
    source = write(tmp_path / "source", files)

    with pytest.raises(DataError, match=expected):
        import_amazon(source, tmp_path / "new" / "out", k=1)

    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_reviews_file_is_read_with_the_metadata_beside_it(tmp_path: Path) -> None:
    source = write(tmp_path / "source", {"Beauty.jsonl": gzip.compress(GOOD), "meta_Beauty.jsonl": META})

    import_amazon(source / "Beauty.jsonl", tmp_path / "out", k=1)

    assert read_folder(tmp_path / "out").catalogue.titles == ("Soap", "Comb")


def test_reviews_as_python_literals_are_read_and_never_run(tmp_path: Path) -> None:
    reviews = (
        b"{'reviewerID': 'A', 'asin': 'B1', 'unixReviewTime': 1391040000}\n"
        b"{'reviewerID': __import__('os').getcwd(), 'asin': 'B1', 'unixReviewTime': 1391040000}\n"
    )

    imported, dataset = run(tmp_path, reviews)

    assert histories(dataset) == {"A": ["B1"]}
    assert imported.n_broken == 1
