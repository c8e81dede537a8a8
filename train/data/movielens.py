"""Reads the two layouts of MovieLens (GroupLens, https://grouplens.org/datasets/movielens/).

``.dat`` (1M, 10M): ``UserID::MovieID::Rating::Timestamp`` and ``MovieID::Title (Year)::Genre|Genre``, Latin-1 in 1M.
``.csv`` (20M, 25M, 32M, latest): headers ``userId,movieId,rating,timestamp`` and ``movieId,title,genres``, UTF-8, read
by name. In both, each line is a row, and only a line feed ends a line.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from train.data.delimited import NumberedRows, read_header, read_lines
from train.data.findings import Findings, RowError, Source, quoted
from train.data.interactions import ROW
from train.data.json_lines import Record
from train.data.movielens_files import open_download
from train.data.readable import is_code, without_markup
from train.data.text_file import plain_text
from train.data.timestamps import EXPECTED_TIME, TimeReader
from train.errors import DataError

_RATING_COLUMNS = ("userId", "movieId", "timestamp")
_MOVIE_COLUMNS = ("movieId", "title")
_DAT_RATING = ["userId", "movieId", "rating", "timestamp"]
_YEAR = re.compile(r"^(?P<title>.*?)\s*\((?P<year>\d{4})\)\s*$")
# "Matrix, The" and "Postman, The (Postino, Il)": the article moves to the front, text in parentheses stays.
_ARTICLE = re.compile(r"^(?P<title>[^(]*), (?P<article>The|A|An|Le|La|Les|L'|Il|El|Das|Der|Die)(?P<rest>\s*\(.*)?$")
_NO_GENRE = "(no genres listed)"
# Spreadsheets write 7 as "7.0".
_WHOLE = r"^([0-9]{1,18})\.0+$"


@dataclass(frozen=True, slots=True, eq=False)
class MovieLens:
    """The contents of a download.

    Attributes:
        ratings: file of the ratings.
        movies: file of the films.
        events: ``user_id, item_id, timestamp`` in seconds, and their line in column ``ROW``.
        films: records of a data folder, by id.
    """

    ratings: Source
    movies: Source
    events: pl.DataFrame
    films: Mapping[str, Record]


def read_movielens(source: Path, event_findings: Findings, film_findings: Findings, values: Findings) -> MovieLens:
    """Read a folder, or the official zip.

    Args:
        source: the folder or zip.
        event_findings: collects unreadable lines of ratings, and warnings.
        film_findings: collects unreadable lines of films.
        values: collects unreadable titles of readable films.

    Raises:
        DataError: the source has neither layout, or is damaged.
    """
    download = open_download(source)
    movies = Source(download.movies, "line")
    films = _read_films(download.read(download.movies), movies, film_findings, values)
    if not films:
        raise DataError(
            film_findings.message(f"{source}: no film could be read. Give an official archive, as downloaded.")
        )
    ratings = Source(download.ratings, "line")
    events = _read_ratings(download.read(download.ratings), ratings, event_findings)
    if events is None:
        raise DataError(
            event_findings.message(f"{source}: no rating could be read. Give an official archive, as downloaded.")
        )
    return MovieLens(ratings, movies, events, films)


def _read_ratings(data: bytes, source: Source, findings: Findings) -> pl.DataFrame | None:
    text = plain_text(data, source, findings)
    if text is None:
        return None
    if source.name.endswith(".dat"):
        # Commas would be read as separators; they only occur in columns that are not used.
        text = text.replace(b",", b";").replace(b"::", b",")
        parsed: NumberedRows | None = read_lines(text, _DAT_RATING, source, findings, has_header=False)
    else:
        parsed = _by_name(text, _RATING_COLUMNS, source, findings)
    if parsed is None or len(parsed[1]) == 0:
        return None
    frame, numbers = parsed
    times = TimeReader()
    events = frame.select(
        pl.Series(ROW, numbers),
        user_id=pl.col("userId").str.strip_chars().str.replace(_WHOLE, "$1"),
        item_id=pl.col("movieId").str.strip_chars().str.replace(_WHOLE, "$1"),
        timestamp=times.column(frame["timestamp"]),
    )
    bad = np.flatnonzero(events["timestamp"].is_null())
    if len(bad):
        message = f"timestamp is {quoted(frame['timestamp'][int(bad[0])])}; {EXPECTED_TIME}."
        findings.bad_rows(source, "timestamp cannot be read", numbers[bad], message)
    if times.forms:
        findings.warn(f"{source.name}: {times.note()}.")
    good = events.drop_nulls("timestamp")
    return None if good.is_empty() else good


def _by_name(text: bytes, required: tuple[str, ...], source: Source, findings: Findings) -> NumberedRows | None:
    """Return all columns of a file; None, and a problem, if one of ``required`` is missing."""
    names = _header(text, required, source, findings)
    return None if names is None else read_lines(text, names, source, findings)


def _header(text: bytes, required: tuple[str, ...], source: Source, findings: Findings) -> list[str] | None:
    """Return the column names, with the spelling of ``required`` where they match it."""
    written = read_header(text, source, findings)
    if written is None:
        return None
    spelling = {_plain_name(name): name for name in (*required, "genres")}
    names = [spelling.get(_plain_name(name), name) for name in written]
    missing = [name for name in required if names.count(name) != 1]
    if missing:
        findings.bad_file(
            source.name,
            f"the header, line 1, is {quoted(','.join(written))}; expected {missing[0]} in it once, as in "
            f"{','.join(required)}. Write the header line, with the name of every column.",
        )
        return None
    return names


def _plain_name(name: str) -> str:
    return name.strip().replace("_", "").lower()


def _read_films(data: bytes, source: Source, findings: Findings, values: Findings) -> dict[str, Record]:
    text = plain_text(data, source, findings)
    if text is None:
        return {}
    text = b"\n".join(map(_as_utf8, text.split(b"\n")))
    rows = _dat_films(text, source, findings) if source.name.endswith(".dat") else _csv_films(text, source, findings)
    films: dict[str, Record] = {}
    for number, written_id, title, genres in rows:
        try:
            item_id = _film_id(written_id)
            if item_id in films:
                raise RowError("duplicate film", f"film {item_id} occurs in an earlier line. Keep one of them.")
        except RowError as error:
            findings.bad_rows(source, error.kind, [number], str(error))
            continue
        films[item_id] = _film(title, genres)
        if title.strip() and not films[item_id]["title"]:
            message = f"title is {quoted(title)}, markup or code: left out."
            values.bad_rows(source, "title is not text", [number], message)
    return films


def _as_utf8(line: bytes) -> bytes:
    """Decode a line as UTF-8, or else as Windows-1252, or else as Latin-1, and return it as UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        try:
            line = line.decode("cp1252").encode()
        except UnicodeDecodeError:
            line = line.decode("latin-1").encode()
    return line.replace(b"\r", b" ")


def _csv_films(text: bytes, source: Source, findings: Findings) -> Iterator[tuple[int, str, str, str]]:
    """Yield the line number, id, title and genres of every film."""
    parsed = _by_name(text, _MOVIE_COLUMNS, source, findings)
    if parsed is None:
        return
    frame, numbers = parsed
    for number, row in zip(numbers.tolist(), frame.iter_rows(named=True), strict=True):
        yield number, row["movieId"] or "", row["title"] or "", row.get("genres") or ""


def _dat_films(text: bytes, source: Source, findings: Findings) -> Iterator[tuple[int, str, str, str]]:
    """Yield the same from a ``.dat`` file, where a title may contain the separator."""
    for number, line in enumerate(text.decode().split("\n"), start=1):
        item_id, title_separator, rest = line.partition("::")
        title, genre_separator, genres = rest.rpartition("::")
        if title_separator and genre_separator:
            yield number, item_id, title, genres
        elif line.strip():
            message = f"the line is {quoted(line)}; expected MovieID::Title::Genres."
            findings.bad_rows(source, "no film", [number], message)


def _film_id(text: str) -> str:
    item_id = re.sub(_WHOLE, r"\1", text.strip())
    if not re.fullmatch("[0-9]{1,18}", item_id):
        raise RowError("movieId is not a number", f"movieId is {quoted(text)}; expected a whole number.")
    return item_id


def _film(title: str, genres: str) -> Record:
    words = without_markup(title).strip()
    if is_code(words):
        words = ""
    film: Record = {"title": words}
    if dated := _YEAR.match(words):
        film = {"title": dated["title"], "year": int(dated["year"])}
    film["title"] = _ARTICLE.sub(_to_front, str(film["title"])).strip()
    film["categories"] = [] if genres in ("", _NO_GENRE) else genres.split("|")
    return film


def _to_front(match: re.Match[str]) -> str:
    article, rest = match["article"], match["rest"] or ""
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{match['title']}{rest}"
