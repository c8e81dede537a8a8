"""Reads Amazon reviews in the layouts of 2014, 2018 and 2023 (McAuley Lab, https://amazon-reviews-2023.github.io).

| year | a review | an item |
|---|---|---|
| 2014 | `reviewerID, asin, unixReviewTime` (s) | Python literals: `asin, title, brand, categories` (lists of lists) |
| 2018 | the same | JSON: `asin, title, brand, category` (a list), `description` (a list), `price` ("$9.99") |
| 2023 | `user_id, parent_asin, timestamp` (ms) | JSON: `parent_asin, title, store, categories, description`, `price` |
"""

import ast
import gzip
import html
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import polars as pl

from edge_runtime.errors import DataError
from train.data.json_lines import Record

_SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
_MOST_LINE_BYTES = 4 << 20
# A Python literal is parsed by a parser made for programs, so only a line of a sane length is given to it.
_MOST_LITERAL_BYTES = 256 << 10
_ASIN = re.compile(rb"""["'](?:parent_asin|asin)["']\s*:\s*["']([^"']{1,64})["']""")
_PRICE = re.compile(r"^\$?(\d{1,9}(?:\.\d{1,2})?)$")
_MOST_DESCRIPTION = 2000


class _Review(msgspec.Struct):
    reviewer: str = msgspec.field(name="reviewerID", default="")
    user_id: str = ""
    asin: str = ""
    parent_asin: str = ""
    seconds: int | None = msgspec.field(name="unixReviewTime", default=None)
    milliseconds: int | None = msgspec.field(name="timestamp", default=None)


def find_files(source: Path) -> tuple[Path, Path | None]:
    """Return the reviews file of a folder and its ``meta*`` file, or None; ``source`` may be the reviews file itself.

    Raises:
        DataError: there is no reviews file, or it is unclear which one.
    """
    if source.is_file():
        return source, None
    if not source.is_dir():
        raise DataError(f"{source}: found nothing; expected a folder with a reviews file. Check the path.")
    files = sorted(path for path in source.iterdir() if path.is_file() and path.name.endswith(_SUFFIXES))
    metadata = [path for path in files if path.name.startswith("meta")]
    reviews = [path for path in files if path not in metadata]
    if len(reviews) != 1 or len(metadata) > 1:
        found = ", ".join(path.name for path in files[:6]) or "none"
        raise DataError(
            f"{source}: found {found}; expected one reviews file ({', '.join(_SUFFIXES)}) and at most one meta* file."
        )
    return reviews[0], metadata[0] if metadata else None


def read_reviews(path: Path) -> tuple[pl.DataFrame, int]:
    """Return the events (``user_id, item_id, timestamp`` in seconds), and how many lines were broken.

    Raises:
        DataError: the file is damaged, or no line of it is a review.
    """
    decoder = msgspec.json.Decoder(_Review)
    users, items, times, n_broken = [], [], [], 0
    for line in _lines(path):
        event = _event(line, decoder)
        if event is None:
            n_broken += 1
            continue
        users.append(event[0])
        items.append(event[1])
        times.append(event[2])
    if not users:
        raise DataError(
            f"{path}: none of {n_broken:,} lines is a review; expected JSON lines with reviewerID, asin, "
            "unixReviewTime, or user_id, parent_asin, timestamp."
        )
    schema = {"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}
    return pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times}, schema=schema), n_broken


def read_metadata(path: Path, kept: set[str]) -> Mapping[str, Record]:
    """Return what the file says of the items in ``kept``, by id, in the words of the data contract.

    Raises:
        DataError: the file is damaged, or says nothing of any of them.
    """
    items: dict[str, Record] = {}
    for line in _lines(path):
        name = _ASIN.search(line)
        # Cheap first: parsing a Python literal takes a hundred times as long as looking for the id.
        if name is None or not kept.intersection(asin.decode(errors="replace") for asin in _ASIN.findall(line)):
            continue
        record = _record(line)
        item_id = None if record is None else record.get("parent_asin") or record.get("asin")
        if record is not None and isinstance(item_id, str) and item_id in kept:
            items.setdefault(item_id, _item(record))
    if not items:
        raise DataError(f"{path}: describes none of the {len(kept):,} items that were reviewed. Is it the same set?")
    return items


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as stream:
            while line := stream.readline(_MOST_LINE_BYTES):
                if line.strip():
                    yield line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the file is damaged: {error}. Download it again.") from error


def _event(line: bytes, decoder: "msgspec.json.Decoder[_Review]") -> tuple[str, str, int] | None:
    try:
        review = decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    user, item = review.reviewer or review.user_id, review.parent_asin or review.asin
    if not user or not item:
        return None
    if review.seconds is not None:
        return user, item, review.seconds
    return None if review.milliseconds is None else (user, item, review.milliseconds // 1000)


def _record(line: bytes) -> Record | None:
    """Return a line as a dictionary: JSON, or else a Python literal, which ``ast`` reads without running anything."""
    try:
        value: object = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        if len(line) > _MOST_LITERAL_BYTES:
            return None
        try:
            value = ast.literal_eval(line.decode().strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None
    return value if isinstance(value, dict) else None


def _item(record: Record) -> Record:
    categories = record.get("categories") or record.get("category") or record.get("main_category")
    item: Record = {
        "title": _clean(record.get("title")),
        "brand": _clean(record.get("brand") or record.get("store")) or None,
        "categories": list(dict.fromkeys(_flat(categories))),
    }
    price = _PRICE.match(str(record.get("price") or ""))
    if price:
        item["price"] = float(price[1])
    description = " ".join(_flat(record.get("description")))[:_MOST_DESCRIPTION]
    if description:
        item["description"] = description
    return item


def _flat(value: object, depth: int = 3) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for part in value if depth else ():
            yield from _flat(part, depth - 1)
    elif text := _clean(value):
        yield text


def _clean(value: object) -> str:
    return " ".join(html.unescape(value).split()) if isinstance(value, str) else ""
