"""Small files in the official layouts are imported as valid folders."""

import gzip
import zipfile
from pathlib import Path

import pytest

from tests.train.data.data_folders import histories, write
from train.data.folder import read_folder
from train.data.importers import import_amazon, import_movielens
from train.errors import DataError

DAT = {
    "ratings.dat": b"1::10::5::978300760\n1::20::3::978300700\n"
    b"2::10::4::978300800\n2::20::4::978300801\n2::30::1::978300802\n",
    "movies.dat": b"10::Matrix, The (1999)::Action|Sci-Fi\n20::Mis\xe9rables, Les (1995)::Drama\n"
    b"30::Heat (1995)::Crime\n",
    "users.dat": b"1::F::1::10::48067\n",
}
CSV = {
    "ratings.csv": b"userId,movieId,rating,timestamp\r\n1,10,4.0,964982703\r\n1,20,4.0,964981247\r\n",
    "movies.csv": b'movieId,title,genres\r\n10,"American President, The (1995)",Comedy|Drama\r\n'
    b"20,Nowhere,(no genres listed)\r\n",
}
REVIEWS_2014 = (
    b'{"reviewerID": "A1", "asin": "B1", "helpful": [0, 0], "overall": 5.0, "unixReviewTime": 1391040000}\n'
    b'{"reviewerID": "A1", "asin": "B2", "overall": 1.0, "unixReviewTime": 1397433600}\n'
    b'{"reviewerID": "A1", "asin": "B2", "overall": 2.0, "unixReviewTime": 1397433600}\n'
    b'{"reviewerID": "A2", "asin"\n'
    b'{"reviewerID": "", "asin": "B2", "unixReviewTime": 1397433600}\n'
)
META_2014 = (
    b"{'asin': 'B0', 'title': 'Never reviewed'}\n"
    b"{'asin': 'B1', 'title': 'Soap &amp; \\'Salt\\'', 'brand': 'Rye', 'price': 9.99, "
    b"'categories': [['Beauty', 'Soap'], ['Beauty', 'Gifts']], 'related': {'also_bought': ['B2']}}\n"
    b"{'asin': 'B2', 'title': __import__('os').getcwd()}\n"
)
REVIEWS_2023 = (
    b'{"rating": 5.0, "user_id": "A1", "asin": "B1-red", "parent_asin": "B1", "timestamp": 1588687728923}\n'
    b'{"rating": 4.0, "user_id": "A1", "asin": "B2", "parent_asin": "B2", "timestamp": 1588687730000}\n'
)
META_2023 = (
    b'{"parent_asin": "B1", "title": "Soap", "store": "Rye", "categories": ["Beauty", "Soap"], "price": 8.5,'
    b' "description": ["Smells of", "rye."], "details": {"Brand": "Rye"}}\n'
    b'{"parent_asin": "B2", "title": "Comb", "main_category": "All Beauty", "categories": [], "price": "None"}\n'
)


def test_movielens_dat_is_imported_with_years_genres_and_articles_in_front(tmp_path: Path) -> None:
    imported = import_movielens(write(tmp_path / "ml", DAT), tmp_path / "out", k=2)

    dataset = read_folder(tmp_path / "out")
    assert histories(dataset) == {"1": ["20", "10"], "2": ["10", "20"]}
    assert dict(zip(dataset.catalogue.item_ids, dataset.catalogue.titles, strict=True)) == {
        "10": "The Matrix",
        "20": "Les Misérables",
    }
    row = dataset.catalogue.row_of()["10"]
    assert dataset.catalogue.fields["year"][row] == ("1999",)
    assert dataset.catalogue.fields["categories"][row] == ("Action", "Sci-Fi")
    assert (imported.n_events, imported.n_outside) == (4, 1)


def test_movielens_csv_is_imported_from_the_official_zip(tmp_path: Path) -> None:
    archive = tmp_path / "ml-latest-small.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name, data in CSV.items():
            made.writestr(f"ml-latest-small/{name}", data)

    import_movielens(archive, tmp_path / "out", k=1)

    dataset = read_folder(tmp_path / "out")
    assert histories(dataset) == {"1": ["20", "10"]}
    assert dataset.catalogue.titles == ("Nowhere", "The American President")
    assert dataset.catalogue.fields["categories"] == ((), ("Comedy", "Drama"))


def test_amazon_2014_is_imported_and_its_python_literals_are_parsed_but_never_executed(tmp_path: Path) -> None:
    source = write(
        tmp_path / "beauty",
        {"reviews_Beauty.json.gz": gzip.compress(REVIEWS_2014), "meta_Beauty.json.gz": gzip.compress(META_2014)},
    )

    imported = import_amazon(source, tmp_path / "out", k=1)

    dataset = read_folder(tmp_path / "out")
    assert histories(dataset) == {"A1": ["B1", "B2"]}
    assert dataset.catalogue.titles == ("Soap & 'Salt'", "Item B2")
    assert dataset.catalogue.fields["categories"][0] == ("Beauty", "Soap", "Gifts")
    assert dataset.catalogue.fields["brand"] == (("Rye",), ())
    assert dataset.catalogue.fields["price"] == (("9.99",), ())
    assert (imported.n_broken, imported.n_duplicates, imported.n_undescribed) == (2, 1, 1)


def test_amazon_2023_is_imported_by_parent_and_in_seconds(tmp_path: Path) -> None:
    source = write(tmp_path / "b", {"All_Beauty.jsonl": REVIEWS_2023, "meta_All_Beauty.jsonl": META_2023})

    import_amazon(source, tmp_path / "out", k=1)

    dataset = read_folder(tmp_path / "out")
    assert dataset.catalogue.item_ids == ("B1", "B2")
    assert dataset.sequences.timestamps.tolist() == [1588687728, 1588687730]
    assert dataset.catalogue.fields["categories"] == (("Beauty", "Soap"), ("All Beauty",))
    assert dataset.catalogue.descriptions == ("Smells of rye.", None)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "expected ratings.dat and movies.dat"),
        ({"u.data": b"1\t2\t3\t4\n"}, "found u.data"),
        ({**DAT, "movies.dat": b"y"}, "no film could be read"),
        ({**DAT, "ratings.dat": b"1:2:3"}, "line 1: the line has 1 values"),
        ({**DAT, "ratings.dat": b""}, "ratings.dat: the file is empty"),
        (DAT, "Choose a smaller --k-core"),
    ],
)
def test_an_unusable_movielens_source_is_refused(tmp_path: Path, files: dict[str, bytes], expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        import_movielens(write(tmp_path / "ml", files), tmp_path / "out", k=5)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["ml"]


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip", b"plain"])
def test_a_broken_zip_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "ml.zip").write_bytes(data)

    with pytest.raises(DataError, match="expected a folder or zip"):
        import_movielens(tmp_path / "ml.zip", tmp_path / "out")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "expected one reviews file"),
        ({"a.json": b"", "b.json": b""}, "found a.json, b.json"),
        ({"a.json": b"{}\n", "meta.json": META_2014}, "none of 1 lines is a review"),
        ({"a.json.gz": gzip.compress(REVIEWS_2014)[:-9], "meta.json": META_2014}, "the file is damaged"),
        ({"a.json.gz": REVIEWS_2014, "meta.json": META_2014}, "the file is damaged"),
        ({"a.json": REVIEWS_2014, "meta.json": b"{'asin': 'ZZ'}\n"}, "describes none of the 2 reviewed items"),
        ({"a.json": REVIEWS_2014, "meta.json": b"{'asin': 'B1', " + b"[" * 5000 + b"\n"}, "describes none"),
    ],
)
def test_an_unusable_amazon_source_is_refused(tmp_path: Path, files: dict[str, bytes], expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        import_amazon(write(tmp_path / "amazon", files), tmp_path / "out", k=1)


def test_an_import_never_overwrites_files(tmp_path: Path) -> None:
    out = write(tmp_path / "out", {"mine.txt": b"x"})

    with pytest.raises(DataError, match="not empty"):
        import_movielens(write(tmp_path / "ml", DAT), out, k=1)

    assert [path.name for path in out.iterdir()] == ["mine.txt"]
