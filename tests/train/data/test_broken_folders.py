"""Invalid folders are refused with one message that names the location, the problem and the solution."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.train.data.data_folders import EVENTS, ITEMS, NOW_S, events, items, parquet, write
from train.data.folder import read_folder
from train.errors import DataError

GOOD_PARQUET = parquet(user_id=["u", "u"], item_id=["a", "b"], timestamp=[1, 2])
WITH_WEIGHT = "user_id,item_id,timestamp,weight"
WITH_EVENT = "user_id,item_id,timestamp,event"


def both(interactions: bytes, catalogue: bytes = ITEMS) -> Mapping[str, bytes]:
    return {"interactions.csv": interactions, "items.jsonl": catalogue}


def shop(catalogue: bytes) -> Mapping[str, bytes]:
    return both(events("u,a,1", "u,b,2"), catalogue)


# Folders with an invalid file, and expected phrases of the message; no rows can be skipped.
BROKEN_FILES: dict[str, tuple[Mapping[str, bytes], tuple[str, ...]]] = {
    "empty folder": ({}, ("interactions: the file is missing", "items: the file is missing")),
    "no interactions": ({"items.jsonl": ITEMS}, ("interactions: the file is missing", "interactions.parquet")),
    "no items": ({"interactions.csv": EVENTS}, ("items: the file is missing", "items.jsonl")),
    "packed interactions": (
        {"interactions.csv.gz": b"x", "items.jsonl": ITEMS},
        ("missing", "interactions.csv.gz", "unpack"),
    ),
    "two interactions": (
        {**both(EVENTS), "interactions.parquet": GOOD_PARQUET},
        ("interactions.parquet and interactions.csv both", "Keep one"),
    ),
    "two items": ({**both(EVENTS), "items.csv": b"item_id,title\na,A\n"}, ("items.csv and items.jsonl both",)),
    "a folder for a file": ({"interactions.csv/x": b"", "items.jsonl": ITEMS}, ("interactions.csv: this is a folder",)),
    "empty interactions": (both(b""), ("interactions.csv: the file is empty",)),
    "blank interactions": (both(b"\n \n\n"), ("interactions.csv: the file is empty",)),
    "empty items": (both(EVENTS, b""), ("items.jsonl: the file is empty",)),
    "empty parquet file": (
        {"interactions.parquet": b"", "items.jsonl": ITEMS},
        ("interactions.parquet: the file is empty",),
    ),
    "header only": (both(events()), ("interactions.csv: the file has a header and no row",)),
    "header only in items.csv": (
        {"interactions.csv": EVENTS, "items.csv": b"item_id,title\n"},
        ("items.csv: the file has a header and no row",),
    ),
    "parquet without rows": (
        {"interactions.parquet": parquet(user_id=[], item_id=[], timestamp=[]), "items.jsonl": ITEMS},
        ("interactions.parquet: the file has columns and no row",),
    ),
    "missing column": (
        both(events("u,1", header="user_id,timestamp")),
        ("interactions.csv: column item_id missing", "found 'user_id', 'timestamp'"),
    ),
    "missing column in items": (both(EVENTS, b'{"item_id": "a"}\n'), ("items.jsonl: column title missing",)),
    "missing column in parquet": (
        {"interactions.parquet": parquet(user_id=["u"], item_id=["a"]), "items.jsonl": ITEMS},
        ("interactions.parquet: column timestamp missing",),
    ),
    "no header": (both(b"u,a,1\nu,b,2\n"), ("missing", "Is the header line missing?")),
    "same column twice": (
        both(events("u,a,1,2", header="user_id,item_id,timestamp,timestamp")),
        ("names column 'timestamp' twice",),
    ),
    "semicolons": (both(EVENTS.replace(b",", b";")), ("separated by ';'", "commas")),
    "tabs": (both(EVENTS.replace(b",", b"\t")), ("separated by '\\t'",)),
    "too many columns": (
        both(events("u,a,1", header="user_id,item_id,timestamp," + ",".join(map(str, range(60_000))))),
        ("the header, line 1, has 60,003 columns, expected at most 10,000",),
    ),
    "blanks in the header": (both(EVENTS.replace(b"item_id,", b" item_id,")), ("column item_id missing", "' item_id'")),
    "utf-16": (both(EVENTS.decode().encode("utf-16")), ("interactions.csv: the file is UTF-16",)),
    "latin-1 header": (both(b"user_id,item_id,timestamp,\xfcber\nu,a,1,x\n"), ("header, line 1, cannot be read",)),
    "open quote": (both(b'user_id,item_id,timestamp\nu,a,1\n"v,b,2\n'), ("begins in line 3", "invalid quote")),
    "text as parquet": (
        {"interactions.parquet": EVENTS, "items.jsonl": ITEMS},
        ("interactions.parquet: the file is not Parquet",),
    ),
    "cut parquet": (
        {"interactions.parquet": GOOD_PARQUET[:-20], "items.jsonl": ITEMS},
        ("interactions.parquet: the file is not Parquet, or is incomplete",),
    ),
    "hollow parquet": (
        {"interactions.parquet": b"PAR1" + bytes(60) + b"PAR1", "items.jsonl": ITEMS},
        ("interactions.parquet: the file is damaged",),
    ),
    "a pickle": ({"interactions.pkl": b"\x80\x04.", "items.jsonl": ITEMS}, ("missing", "interactions.pkl")),
    "times as text in parquet": (
        {
            "interactions.parquet": parquet(user_id=["u"], item_id=["a"], timestamp=["2024-01-01"]),
            "items.jsonl": ITEMS,
        },
        ("column timestamp is of type String", "int64"),
    ),
    "times as dates in parquet": (
        {
            "interactions.parquet": parquet(user_id=["u"], item_id=["a"], timestamp=[datetime(2024, 1, 1)]),
            "items.jsonl": ITEMS,
        },
        ("column timestamp is of type Datetime", "seconds"),
    ),
    "ids as fractions in parquet": (
        {"interactions.parquet": parquet(user_id=[1.5], item_id=["a"], timestamp=[1]), "items.jsonl": ITEMS},
        ("column user_id is of type Float64",),
    ),
    "milliseconds": (
        both(events("u,a,1700000000000", "u,b,1700000001000")),
        ("timestamps are milliseconds", "Divide them by 1,000"),
    ),
    "nanoseconds": (both(events("u,a,1700000000000000000", "u,b,1700000001000000000")), ("nanoseconds",)),
    "dislikes only": (both(events("u,a,1,dislike", header=WITH_EVENT)), ("every event is a dislike",)),
    "one json array": (both(EVENTS, b'[{"item_id": "a", "title": "A"}]\n'), ("items.jsonl: the file begins with '['",)),
    "no title at all": (shop(b'{"item_id": "a", "title": ""}\n{"item_id": "b"}\n'), ("no item has a title",)),
    "nothing left": (
        both(events("u,x,1", "u,y,2")),
        ("item_id 'x' is not in the items file", "no usable row is left"),
    ),
}  # fmt: skip

# Folders with invalid rows, expected phrases, and the number of rows that --skip-bad-rows leaves out.
BROKEN_ROWS: dict[str, tuple[Mapping[str, bytes], tuple[str, ...], int]] = {
    "unknown item": (both(events("u,a,1", "u,x,2")), ("interactions.csv, line 3: item_id 'x' is not in the items",), 1),
    "duplicate event": (both(events("u,a,1", "u,b,2", "u,a,1")), ("line 4: user 'u', item 'a', timestamp 1",), 1),
    "future": (both(events("u,a,1700000000", "u,b,4102444800")), ("line 3: timestamp 4102444800 is 2100-01-01",), 1),
    "one in milliseconds": (
        both(events("u,a,1700000000", "u,b,1700000001", "u,c,1700000000000")),
        ("line 4: timestamp 1700000000000 seems to be milliseconds",),
        1,
    ),
    "negative": (both(events("u,a,1", "u,b,-2")), ("line 3: timestamp is -2",), 1),
    "a word for a time": (both(events("u,a,1", "u,b,soon")), ("line 3: timestamp is 'soon'", "1700000000"), 1),
    "a fraction for a time": (both(events("u,a,1", "u,b,1.5")), ("line 3: timestamp is '1.5'",), 1),
    "a time beyond int64": (both(events("u,a,1", "u,b,99999999999999999999")), ("line 3: timestamp is",), 1),
    "no time": (both(events("u,a,1", "u,b,")), ("line 3: timestamp is None",), 1),
    "no user": (both(events("u,a,1", ",b,2")), ("line 3: user_id is ''",), 1),
    "no item": (both(events("u,a,1", "u,,2")), ("line 3: item_id is ''",), 1),
    "overlong user": (both(events("u,a,1", f"{'x' * 257},b,2")), ("line 3: user_id is 'xxx", "1 to 256"), 1),
    "blank around an id": (both(events("u,a,1", "u, b,2")), ("line 3: item_id is ' b'", "surrounding blanks"), 1),
    "control character": (both(events("u,a,1", "u\0,b,2")), ("line 3: user_id is 'u\\x00'",), 1),
    "reversed text in an item": (
        both(events("u,a,1", "u,b\u202etxt,2")),
        ("line 3: item_id is 'b\\u202etxt' with U+202E (RIGHT-TO-LEFT OVERRIDE) at character 2",),
        1,
    ),
    "invisible character in a user": (
        both(events("u,a,1", "u\u200b,b,2")),
        ("line 3: user_id is 'u\\u200b' with U+200B (ZERO WIDTH SPACE) at character 2",),
        1,
    ),
    "weight is nan": (both(events("u,a,1,1", "u,b,2,nan", header=WITH_WEIGHT)), ("line 3: weight is nan",), 1),
    "weight is infinite": (both(events("u,a,1,1", "u,b,2,inf", header=WITH_WEIGHT)), ("line 3: weight is inf",), 1),
    "weight is a word": (both(events("u,a,1,1", "u,b,2,big", header=WITH_WEIGHT)), ("line 3: weight is 'big'",), 1),
    "event is no name": (both(events("u,a,1,click", "u,b,2,Buy now", header=WITH_EVENT)), ("event is 'Buy now'",), 1),
    "too few values": (both(events("u,a,1", "u,b")), ("line 3: the line has 2 values, the header 3",), 1),
    "too many values": (both(events("u,a,1", "u,b,2,3")), ("line 3: the line has 4 values, the header 3",), 1),
    "too few values beside quotes": (both(events('"u",a,1', "u,b")), ("line 3: the line has 2 values",), 1),
    "latin-1 row": (both(b"user_id,item_id,timestamp\nu,a,1\n\xfc,b,2\n"), ("line 3: the line is not UTF-8",), 1),
    "latin-1 row beside quotes": (
        both(b'user_id,item_id,timestamp\n"u",a,1\n\xfc,b,2\n'),
        ("line 3: the line is not UTF-8",),
        1,
    ),
    "null ids in parquet": (
        {
            "interactions.parquet": parquet(user_id=["u", None], item_id=["a", "b"], timestamp=[1, 2]),
            "items.jsonl": ITEMS,
        },
        ("interactions.parquet, row 2: user_id is ''",),
        1,
    ),
    "a list for an id in json": (
        {
            "interactions.jsonl": b'{"user_id": "u", "item_id": "a", "timestamp": 1}\n'
            b'{"user_id": ["u"], "item_id": "a", "timestamp": 2}\n',
            "items.jsonl": ITEMS,
        },
        ("interactions.jsonl, line 2: user_id is ['u']",),
        1,
    ),
    "items again without their titles": (
        shop(items() + b'{"item_id": "a"}\n{"item_id": "b"}\n'),
        ("items.jsonl, line 3: item_id 'a' occurs in an earlier row",),
        2,
    ),
    "cut json line": (shop(items('{"item_id": "c", "ti')), ("items.jsonl, line 3: the line is not JSON",), 1),
    "deep json line": (shop(items("[" * 100_000)), ("items.jsonl, line 3: the line is not JSON",), 1),
    "json nan": (shop(items('{"item_id": "c", "title": "C", "price": NaN}')), ("line 3: the line is not JSON",), 1),
    "no json object": (shop(items('["c"]')), ("items.jsonl, line 3: the line is ['c']",), 1),
    "latin-1 json line": (
        shop(items() + b'{"item_id": "c", "title": "\xfc"}\n'),
        ("items.jsonl, line 3: the line is not UTF-8",),
        1,
    ),
    "duplicate item": (shop(items('{"item_id": "a", "title": "B"}')), ("line 3: item_id 'a' occurs in an earlier",), 1),
    "item without id": (shop(items('{"title": "C"}')), ("items.jsonl, line 3: item_id is ''",), 1),
    "item id of a wrong type": (shop(items('{"item_id": true, "title": "C"}')), ("line 3: item_id is True",), 1),
    "title of a wrong type": (shop(items('{"item_id": "c", "title": 7}')), ("line 3: title is 7",), 1),
    "price of a wrong type": (
        shop(items('{"item_id": "c", "title": "C", "price": "9 EUR"}')),
        ("line 3: price is '9 EUR'", "without a currency"),
        1,
    ),
    "negative price": (shop(items('{"item_id": "c", "title": "C", "price": -1}')), ("line 3: price is -1",), 1),
    "categories of a wrong type": (
        shop(items('{"item_id": "c", "title": "C", "categories": {"x": 1}}')),
        ("line 3: categories is {'x': 1}",),
        1,
    ),
    "description of a wrong type": (
        shop(items('{"item_id": "c", "title": "C", "description": ["x"]}')),
        ("line 3: description is ['x']",),
        1,
    ),
    "image above the folder": (
        shop(items('{"item_id": "c", "title": "C", "image": "../x.png"}')),
        ("line 3: image '../x.png' leaves the folder",),
        1,
    ),
    "absolute image": (
        shop(items('{"item_id": "c", "title": "C", "image": "/x.png"}')),
        ("line 3: image '/x.png' leaves the folder",),
        1,
    ),
    "video above the folder": (
        shop(items('{"item_id": "c", "title": "C", "video": ["v/0.png", "v/../../x.png"]}')),
        ("line 3: video 'v/../../x.png' leaves the folder",),
        1,
    ),
    "video of a wrong type": (
        shop(items('{"item_id": "c", "title": "C", "video": 3}')),
        ("line 3: video is 3",),
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN_FILES)
@pytest.mark.parametrize("skip_bad_rows", [False, True])
def test_a_broken_file_is_refused_whatever_is_skipped(tmp_path: Path, name: str, skip_bad_rows: bool) -> None:
    files, phrases = BROKEN_FILES[name]
    folder = write(tmp_path / "shop", files)

    with pytest.raises(DataError) as refusal:
        read_folder(folder, skip_bad_rows=skip_bad_rows, now_s=NOW_S)

    for phrase in phrases:
        assert phrase in str(refusal.value)


@pytest.mark.parametrize("name", BROKEN_ROWS)
def test_a_broken_row_is_named_with_file_and_row(tmp_path: Path, name: str) -> None:
    files, phrases, _ = BROKEN_ROWS[name]
    folder = write(tmp_path / "shop", files)

    with pytest.raises(DataError) as refusal:
        read_folder(folder, now_s=NOW_S)

    for phrase in (*phrases, "--skip-bad-rows"):
        assert phrase in str(refusal.value)


@pytest.mark.parametrize("name", BROKEN_ROWS)
def test_a_broken_row_can_be_skipped_and_is_counted(tmp_path: Path, name: str) -> None:
    files, _, n_rows = BROKEN_ROWS[name]
    folder = write(tmp_path / "shop", files)

    dataset = read_folder(folder, skip_bad_rows=True, now_s=NOW_S)

    assert sum(dataset.report.skipped.values()) == n_rows
    assert dataset.sequences.n_events >= 1


def test_all_problems_of_both_files_are_listed_with_counts(tmp_path: Path) -> None:
    bad = [f"u,x{i},{i}" for i in range(8)]
    folder = write(tmp_path / "shop", both(events("u,a,1", *bad, "u,b,never"), items("{")))

    with pytest.raises(DataError) as refusal:
        read_folder(folder, now_s=NOW_S)

    message = str(refusal.value)
    assert "3 kinds of problem" in message
    assert "items.jsonl, line 3" in message
    assert "line 3: item_id 'x0' is not in the items file (8 such ids)" in message
    assert "Also in lines 4, 5, 6, 7 and 3 more." in message
    assert "line 11: timestamp is 'never'" in message


@pytest.mark.parametrize(("offset", "value"), [(62, 55), (62, 107), (445, 51)])
def test_a_parquet_file_that_aborts_its_reader_is_refused(tmp_path: Path, offset: int, value: int) -> None:
    # Found by changing random bytes: Polars 2.1 allocates exabytes for each of these, which ends its process.
    numbers = range(60)
    data = bytearray(
        parquet(user_id=[f"u{i % 7}" for i in numbers], item_id=[f"i{i % 9}" for i in numbers], timestamp=[*numbers])
    )
    data[offset] = value
    folder = write(tmp_path / "shop", {"interactions.parquet": bytes(data), "items.jsonl": ITEMS})

    with pytest.raises(DataError, match=r"interactions\.parquet: the file is damaged"):
        read_folder(folder)


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_a_path_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(DataError, match="expected a folder"):
        read_folder(tmp_path / name)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    folder = write(tmp_path / "shop", shop(items('{"item_id": "c", "title": "C", "image": "pictures/c.png"}')))
    (folder / "pictures").mkdir()
    (folder / "pictures" / "c.png").symlink_to(tmp_path / "secret.png")

    with pytest.raises(DataError, match="leaves the folder"):
        read_folder(folder)


def read_or_refuse(folder: Path) -> str:
    """Return the error message; empty if the folder was read and has events."""
    try:
        dataset = read_folder(folder, now_s=NOW_S)
    except DataError as error:
        return str(error)
    return "" if dataset.sequences.n_events else "no event"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(4, 10_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_parquet_file_never_ends_in_anything_but_a_data_error(
    tmp_path: Path, places: list[tuple[int, int]]
) -> None:
    data = bytearray(parquet(user_id=["u", "u", "v"], item_id=["a", "b", "a"], timestamp=[1, 2, 3]))
    for place, value in places:
        data[4 + place % (len(data) - 8)] = value
    folder = write(tmp_path / "shop", {"interactions.parquet": bytes(data), "items.jsonl": ITEMS})

    refused = read_or_refuse(folder)

    assert not refused or "interactions.parquet" in refused


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=80), st.text(alphabet='ua,\n\r"12\0;', max_size=60).map(str.encode)))
@pytest.mark.parametrize("name", ["interactions.csv", "interactions.jsonl"])
def test_any_bytes_are_read_or_refused(tmp_path: Path, name: str, data: bytes) -> None:
    header = b"user_id,item_id,timestamp\n" if name.endswith("csv") else b""
    folder = write(tmp_path / "shop", {name: header + data, "items.jsonl": ITEMS})

    refused = read_or_refuse(folder)

    assert not refused or name in refused


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=80), st.text(alphabet='ab,\n\r"[|{:;', max_size=60).map(str.encode)))
@pytest.mark.parametrize("name", ["items.csv", "items.jsonl"])
def test_any_bytes_are_items_or_refused(tmp_path: Path, name: str, data: bytes) -> None:
    known = b"item_id,title,tags\na,A,\n" if name.endswith("csv") else b'{"item_id": "a", "title": "A"}\n'
    folder = write(tmp_path / "shop", {name: known + data, "interactions.csv": events("u,a,1")})

    refused = read_or_refuse(folder)

    assert not refused or name in refused
