"""Imports of MovieLens files changed by other tools: valid values are read, others are reported and counted."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.train.data.data_folders import histories, write
from train.data.folder import read_folder
from train.data.import_report import ImportReport
from train.data.importers import import_movielens
from train.errors import DataError

RATINGS = "userId,movieId,rating,timestamp\n1,10,4.0,964982703\n1,20,4.0,964981247\n2,10,3.5,964982705\n"
MOVIES = 'movieId,title,genres\n10,"American President, The (1995)",Comedy|Drama\n20,Nowhere (1999),Drama\n'
EXPECTED = {"1": ["20", "10"], "2": ["10"]}


def csv_files(ratings: str = RATINGS, movies: str = MOVIES) -> dict[str, bytes]:
    return {"ratings.csv": ratings.encode(), "movies.csv": movies.encode()}


def run(tmp_path: Path, files: dict[str, bytes], k: int = 1) -> ImportReport:
    return import_movielens(write(tmp_path / "ml", files), tmp_path / "out", k=k)


@pytest.mark.parametrize(
    "ratings",
    [
        RATINGS,
        "movieId,userId,rating,timestamp\n10,1,4.0,964982703\n20,1,4.0,964981247\n10,2,3.5,964982705\n",
        "timestamp,movie_id,USER_ID\n964982703,10,1\n964981247,20,1\n964982705,10,2\n",
        '"userId","movieId","rating","timestamp"\n"1","10","4.0","964982703"\n1,20,4,964981247\n2,10,3.5,"964982705"\n',
        ",userId,movieId,timestamp\n0,1.0,10.0,964982703.0\n1,1.0,20.0,964981247.0\n2,2.0,10.0,964982705.0\n",
        "userId, movieId, rating, timestamp\n1, 10, 4.0, 964982703\n1, 20, 4.0, 964981247\n2, 10, 3.5, 964982705\n",
        "userId,movieId,rating,timestamp\n1,10,4,2000-07-30T18:45:03Z\n1,20,4,2000-07-30T18:20:47\n2,10,3,964982705000\n",
        "\ufeff" + RATINGS.replace("\n", "\r\n"),
        RATINGS.replace("\n", "\n\n").rstrip(),
    ],
)
def test_columns_are_read_by_name_and_values_in_any_unambiguous_form(tmp_path: Path, ratings: str) -> None:
    imported = run(tmp_path, csv_files(ratings))

    dataset = read_folder(tmp_path / "out")
    assert histories(dataset) == EXPECTED
    assert dataset.sequences.timestamps.tolist() == [964981247, 964982703, 964982705]
    assert imported.problems == ()


def test_dates_without_a_time_zone_are_read_as_utc_with_a_warning(tmp_path: Path) -> None:
    imported = run(tmp_path, csv_files(RATINGS.replace("964982703", "2000-07-30 18:45:03")))

    assert imported.notes == (
        "ratings.csv: timestamps were converted to seconds: 1 dates without a time zone, as UTC.",
    )


@pytest.mark.parametrize(
    ("files", "phrases"),
    [
        (csv_files(RATINGS.split("\n", 1)[1]), ("header, line 1, is '1,10,4.0,964982703'", "expected userId")),
        (csv_files(movies=MOVIES.split("\n", 1)[1]), ("movies.csv: the header, line 1", "expected movieId")),
        (csv_files(RATINGS.replace(",", ";")), ("separated by ';'",)),
        (csv_files(RATINGS.replace("userId", "userId,userid", 1)), ("expected userId in it once",)),
        (csv_files(""), ("ratings.csv: the file is empty",)),
        (csv_files(movies=""), ("movies.csv: the file is empty",)),
        (csv_files("userId,movieId,timestamp\n"), ("no rating could be read",)),
        (
            csv_files("userId,movieId,timestamp\n1,10,14/07/2017\n1,20,15/07/2017\n"),
            ("ratings.csv, line 2: timestamp is '14/07/2017'", "2000-07-30T18:45:03Z", "Also in line 3"),
        ),
        ({**csv_files(), "ratings.csv": RATINGS.encode("utf-16")}, ("ratings.csv: the file is UTF-16",)),
        ({"ratings.csv/x": b"", "movies.csv": MOVIES.encode()}, ("found movies.csv",)),
        ({**csv_files(), "ratings.dat": b"1::2::3::4", "movies.dat": b"2::A::B"}, ("expected one data set",)),
        (csv_files(movies="movieId,title,genres\n10,,\n20,,\n"), ("nothing was written", "no item has a title")),
    ],
)
def test_an_unreadable_source_is_refused_with_file_and_first_value(
    tmp_path: Path, files: dict[str, bytes], phrases: tuple[str, ...]
) -> None:
    with pytest.raises(DataError) as refusal:
        run(tmp_path, files)

    for phrase in phrases:
        assert phrase in str(refusal.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ml"]


def test_unreadable_events_are_left_out_and_reported_apart_from_items(tmp_path: Path) -> None:
    bad = "1,10,4,soon\n1,20,4,4102444800\n1,20\n1,20,4,-1\n,20,4,5\n1,99,4,964982709\n1,10,4.0,964982703\n"

    imported = run(tmp_path, csv_files(RATINGS + bad))

    assert histories(read_folder(tmp_path / "out")) == EXPECTED
    assert (imported.n_broken, imported.n_unknown, imported.n_duplicates, imported.n_broken_items) == (5, 1, 1, 0)
    said = str(imported)
    for phrase in (
        "line 5: timestamp is 'soon'",
        "line 6: timestamp 4102444800 is 2100-01-01",
        "line 7: the line has 2 values",
        "line 8: timestamp is -1",
        "line 9: user_id is ''",
        "ratings.csv: movies.csv does not describe 1 of the films, such as '99' in line 10; their 1 event(s)",
    ):
        assert phrase in said


@pytest.mark.parametrize("n_films", [20, 20_000])
def test_an_unclosed_quote_only_affects_its_own_line(tmp_path: Path, n_films: int) -> None:
    films = [f"{film},Film {film} (1999),Drama" for film in range(1, n_films + 1)]
    films[4] = '5,"Film 5 (1999),Drama'
    films[16] = '17,"Film, 17 (1999)",Drama'
    ratings = "".join(f"1,{film},4,{964982700 + film}\n" for film in range(1, 21))

    imported = run(
        tmp_path,
        csv_files("userId,movieId,rating,timestamp\n" + ratings, "\n".join(["movieId,title,genres", *films, ""])),
    )

    assert read_folder(tmp_path / "out").sequences.n_events == 19
    assert (imported.n_items, imported.n_broken_items, imported.n_broken, imported.n_unknown) == (19, 1, 0, 1)
    assert "movies.csv, line 6: the line has an invalid quote" in str(imported)


def test_only_a_line_feed_ends_a_film_and_its_title_may_contain_colons(tmp_path: Path) -> None:
    titles = {"10": "Wait\x85 (1999)", "20": "Mission:: Impossible:: II (2000)", "30": "One\u2028Two\u0085Three (1990)"}
    movies = "".join(f"{film}::{title}::Drama\n" for film, title in titles.items()).encode()
    ratings = "".join(f"1::{film}::5::{978300760 + int(film)}\r\n" for film in titles).encode()

    run(tmp_path, {"ratings.dat": ratings, "movies.dat": movies.replace("Wait\x85".encode(), b"Wait\x85")})

    assert read_folder(tmp_path / "out").catalogue.titles == ("Wait…", "Mission:: Impossible:: II", "One Two Three")


def test_a_comma_in_a_dat_file_is_not_a_separator(tmp_path: Path) -> None:
    files = {"ratings.dat": b"1::10::4,5::978300760\n1:10:5:978300761\n", "movies.dat": b"10::A, B::Drama\n11::C\n"}

    imported = run(tmp_path, files)

    assert read_folder(tmp_path / "out").sequences.timestamps.tolist() == [978300760]
    assert (imported.n_broken, imported.n_broken_items) == (1, 1)
    assert "movies.dat, line 2: the line is '11::C'; expected MovieID::Title::Genres." in str(imported)


def test_films_described_twice_and_titles_that_are_code_are_reported(tmp_path: Path) -> None:
    movies = MOVIES + "20,Somewhere (2000),Drama\nx,None,Drama\n30,<script>alert(1)</script>,Drama\n"

    imported = run(tmp_path, csv_files(RATINGS + "1,30,4,964982710\n", movies))

    assert read_folder(tmp_path / "out").catalogue.titles == ("Nowhere", "The American President", "Item 30")
    assert imported.n_broken_items == 2
    said = str(imported)
    assert "movies.csv, line 4: film 20 occurs in an earlier line" in said
    assert "movies.csv, line 5: movieId is 'x'" in said
    assert "value left out: movies.csv, line 6: title is '<script>alert(1)</script>'" in said


def test_a_zip_with_the_same_file_twice_is_refused_and_files_of_macos_are_ignored(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ml.zip", "w") as made:
        for name, data in csv_files().items():
            made.writestr(f"ml/{name}", data)
            made.writestr(f"__MACOSX/ml/{name}", b"")

    import_movielens(tmp_path / "ml.zip", tmp_path / "out", k=1)

    assert histories(read_folder(tmp_path / "out")) == EXPECTED
    with zipfile.ZipFile(tmp_path / "ml.zip", "a") as made:
        made.writestr("older/ratings.csv", RATINGS)
    with pytest.raises(DataError, match="twice; expected one data set"):
        import_movielens(tmp_path / "ml.zip", tmp_path / "again", k=1)


def damaged_lzma(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as made:
        for name, data in csv_files().items():
            made.writestr(name, data * 50)
    data = path.read_bytes()
    start = data.index(b"movies.csv") + len("movies.csv") + 9  # behind the header of the compressed data
    path.write_bytes(data[:start] + b"\xff" * 40 + data[start + 40 :])


def damaged_bzip2(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as made:
        for name, data in csv_files().items():
            made.writestr(name, data * 50)
    data = path.read_bytes()
    start = data.index(b"movies.csv") + len("movies.csv")
    path.write_bytes(data[:start] + b"\xff" * 40 + data[start + 40 :])


def name_that_is_not_utf8(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("moviesé.csv", b"")
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xff"))


@pytest.mark.parametrize("make", [damaged_lzma, damaged_bzip2, name_that_is_not_utf8])
def test_a_damaged_zip_is_refused_with_advice(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "ml.zip")

    with pytest.raises(DataError, match=r"ml.zip: .* The file is damaged: download it again\."):
        import_movielens(tmp_path / "ml.zip", tmp_path / "out", k=1)


def test_a_refused_import_leaves_neither_the_folder_nor_its_parents(tmp_path: Path) -> None:
    source = write(tmp_path / "ml", csv_files())

    with pytest.raises(DataError, match="Choose a smaller --k-core"):
        import_movielens(source, tmp_path / "new" / "deep" / "out", k=5)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["ml"]


def test_an_empty_core_is_reported_with_the_unreadable_lines(tmp_path: Path) -> None:
    ratings = "userId,movieId,timestamp\n1,10,964982703\n1,20,soon\n"

    with pytest.raises(DataError) as refusal:
        run(tmp_path, csv_files(ratings), k=2)

    assert "1 lines could not be read" in str(refusal.value)
    assert "line 3: timestamp is 'soon'" in str(refusal.value)
