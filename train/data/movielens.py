"""Reads the two layouts of MovieLens (GroupLens, https://grouplens.org/datasets/movielens/).

``.dat`` (1M, 10M): ``UserID::MovieID::Rating::Timestamp`` and ``MovieID::Title (Year)::Genre|Genre``, Latin-1 in 1M.
``.csv`` (20M, 25M, 32M, latest): headers ``userId,movieId,rating,timestamp`` and ``movieId,title,genres``, UTF-8.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

import polars as pl

from edge_runtime.errors import DataError
from train.data.json_lines import Record

# The largest official file, ratings.csv of 32M, has 877 MB.
_MOST_BYTES = 4 << 30
_YEAR = re.compile(r"^(?P<title>.*?)\s*\((?P<year>\d{4})\)\s*$")
# "Matrix, The" and "Postman, The (Postino, Il)": the article goes to the front, what stands in brackets stays.
_ARTICLE = re.compile(r"^(?P<title>[^(]*), (?P<article>The|A|An|Le|La|Les|L'|Il|El|Das|Der|Die)(?P<rest>\s*\(.*)?$")
_NO_GENRE = "(no genres listed)"

Reader = Callable[[str], bytes]


def read_movielens(source: Path) -> tuple[pl.DataFrame, Mapping[str, Record], int]:
    """Return the events (``user_id, item_id, timestamp``), the films by id, and how many lines were broken.

    Raises:
        DataError: the source has neither layout, or is damaged.
    """
    names, read = _open(source)
    if {"ratings.dat", "movies.dat"} <= names:
        events, n_lines = _ratings(read("ratings.dat").replace(b"::", b","), source, skip_header=False)
        rows: Iterable[list[str]] = (line.split("::") for line in _decode(read("movies.dat")).splitlines())
    elif {"ratings.csv", "movies.csv"} <= names:
        events, n_lines = _ratings(read("ratings.csv"), source, skip_header=True)
        rows = csv.reader(io.StringIO(_decode(read("movies.csv")), newline=""))
    else:
        found = ", ".join(sorted(names)[:6]) or "nothing"
        raise DataError(
            f"{source}: found {found}; expected ratings.dat and movies.dat, or ratings.csv and movies.csv, as in the "
            "official archives ml-1m, ml-10m, ml-20m, ml-25m, ml-32m or ml-latest."
        )
    films = dict(_film(row) for row in rows if len(row) == 3 and row[0].isdigit())
    if not films:
        raise DataError(f"{source}: no film could be read. Unpack the official archive again.")
    known = events.filter(pl.col("item_id").is_in(list(films)))
    return known, films, n_lines - len(known)


def _open(source: Path) -> tuple[set[str], Reader]:
    if source.is_dir():
        return {path.name for path in source.iterdir() if path.is_file()}, lambda name: (source / name).read_bytes()
    if not source.exists():
        raise DataError(f"{source}: found nothing; expected a folder or zip of MovieLens. Check the path.")
    try:
        with zipfile.ZipFile(source) as archive:
            members = {PurePosixPath(info.filename).name: info for info in archive.infolist() if not info.is_dir()}
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{source}: {error}; expected a folder or zip of MovieLens. Download it again.") from error

    def read(name: str) -> bytes:
        try:
            with zipfile.ZipFile(source) as archive, archive.open(members[name]) as stream:
                data = stream.read(_MOST_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise DataError(f"{source}: {name} is damaged: {error}. Download it again.") from error
        if len(data) > _MOST_BYTES:
            raise DataError(f"{source}: {name} is over {_MOST_BYTES:,} bytes, which no official file is.")
        return data

    return set(members), read


def _ratings(data: bytes, source: Path, *, skip_header: bool) -> tuple[pl.DataFrame, int]:
    columns = dict.fromkeys(("user_id", "item_id", "rating", "timestamp"), pl.String)
    if data.partition(b"\n")[0].count(b",") != len(columns) - 1:
        raise DataError(f"{source}: the ratings do not have {len(columns)} columns. Unpack the official archive again.")
    try:
        frame = pl.read_csv(
            data.strip(),
            has_header=False,
            skip_rows=int(skip_header),
            schema=columns,
            quote_char=None,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"{source}: the ratings cannot be read: {reason}. Unpack the archive again.") from error
    events = frame.select("user_id", "item_id", pl.col("timestamp").cast(pl.Int64, strict=False)).drop_nulls()
    return events, len(frame)


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _film(row: list[str]) -> tuple[str, Record]:
    item_id, title, genres = row
    film: Record = {"title": title.strip()}
    if dated := _YEAR.match(title):
        film = {"title": dated["title"], "year": int(dated["year"])}
    film["title"] = _ARTICLE.sub(_to_front, str(film["title"])).strip()
    film["categories"] = [] if genres == _NO_GENRE else genres.split("|")
    return item_id, film


def _to_front(match: re.Match[str]) -> str:
    article, rest = match["article"], match["rest"] or ""
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{match['title']}{rest}"
