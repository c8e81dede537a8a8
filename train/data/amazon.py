"""Reads Amazon reviews in the layouts of 2014, 2018 and 2023 (McAuley Lab, https://amazon-reviews-2023.github.io).

| year | a review | an item |
|---|---|---|
| 2014 | `reviewerID, asin, unixReviewTime` (s) | Python literals: `asin, title, brand, categories` (lists of lists) |
| 2018 | the same | JSON: `asin, title, brand, category` (a list), `description` (a list), `price` ("$9.99") |
| 2023 | `user_id, parent_asin, timestamp` (ms) | JSON: `parent_asin, title, store, categories, description`, `price` |

The unit of a timestamp follows from its size, in all layouts.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import polars as pl

from train.data.amazon_files import read_lines, read_record
from train.data.amazon_items import ItemReader
from train.data.findings import Findings, RowError, Source, quoted
from train.data.interactions import ROW
from train.data.json_lines import Record
from train.data.timestamps import EXPECTED_TIME, TimeReader
from train.errors import DataError

_ASIN = re.compile(rb"""["'](?:parent_asin|asin)["']\s*:\s*["']([^"']{1,64})["']""")
_EXPECTED = "expected reviewerID, asin, unixReviewTime, or user_id, parent_asin, timestamp"


class _Review(msgspec.Struct):
    reviewer: object = msgspec.field(name="reviewerID", default=None)
    user_id: object = None
    asin: object = None
    parent_asin: object = None
    review_time: object = msgspec.field(name="unixReviewTime", default=None)
    timestamp: object = None


def read_reviews(path: Path, findings: Findings) -> pl.DataFrame:
    """Return the events: ``user_id, item_id, timestamp`` in seconds, and their line in column ``ROW``.

    Args:
        path: the reviews file.
        findings: collects unreadable lines and warnings.

    Raises:
        DataError: the file is damaged, or contains no review.
    """
    source, times = Source(path.name, "line"), TimeReader()
    decoder = msgspec.json.Decoder(_Review)
    users, items, seconds, numbers = [], [], [], []
    for number, line in read_lines(path, source, findings):
        try:
            user, item, second = _event(_review(line, decoder), times)
        except RowError as error:
            findings.bad_rows(source, error.kind, [number], str(error))
            continue
        users.append(user)
        items.append(item)
        seconds.append(second)
        numbers.append(number)
    if not users:
        n_broken = len(findings.rows(source.name))
        found = f"none of {n_broken:,} lines is a review" if n_broken else "the file is empty"
        raise DataError(findings.message(f"{path}: {found}; {_EXPECTED}."))
    if times.forms.keys() - {"in milliseconds"}:
        findings.warn(f"{source.name}: {times.note()}.")
    schema = {ROW: pl.Int64, "user_id": pl.String, "item_id": pl.String, "timestamp": pl.Int64}
    return pl.DataFrame({ROW: numbers, "user_id": users, "item_id": items, "timestamp": seconds}, schema=schema)


def read_metadata(path: Path, kept: set[str], findings: Findings, values: Findings) -> Mapping[str, Record]:
    """Return the items in ``kept`` as records of a data folder, by id.

    Args:
        path: the ``meta*`` file.
        kept: ids of the items to return; other lines are skipped.
        findings: collects unreadable lines.
        values: collects unreadable values of readable items.

    Raises:
        DataError: the file is damaged, or describes none of these items.
    """
    source = Source(path.name, "line")
    reader = ItemReader(source, values)
    items: dict[str, Record] = {}
    for number, line in read_lines(path, source, findings):
        # Searching for the id is a hundred times faster than parsing a Python literal.
        if not kept.intersection(asin.decode(errors="replace") for asin in _ASIN.findall(line)):
            if not _ASIN.search(line):
                message = f"the line is {quoted(line)}; expected an item with its asin."
                findings.bad_rows(source, "no item", [number], message)
            continue
        record = read_record(line)
        if record is None:
            message = f"the line is {quoted(line)}; expected JSON, or a Python literal."
            findings.bad_rows(source, "broken item", [number], message)
            continue
        item_id = record.get("parent_asin") or record.get("asin")
        if not isinstance(item_id, str) or item_id not in kept:
            continue
        if item_id in items:
            message = f"item {quoted(item_id)} occurs in an earlier line already."
            findings.bad_rows(source, "duplicate item", [number], message)
            continue
        items[item_id] = reader.item(record, number)
    if not items:
        raise DataError(
            findings.message(
                f"{path}: describes none of the {len(kept):,} reviewed items. Give files of the same data set."
            )
        )
    reader.warn(findings)
    return items


def _review(line: bytes, decoder: "msgspec.json.Decoder[_Review]") -> _Review:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        record = read_record(line)
    if record is None:
        raise RowError("broken review", f"the line is {quoted(line)}; expected one JSON object.")
    # Keys of a Python literal need not be strings; other keys are not used.
    return msgspec.convert({str(name): value for name, value in record.items()}, _Review)


def _event(review: _Review, times: TimeReader) -> tuple[str, str, int]:
    user = _id("user", review.reviewer or review.user_id)
    item = _id("item", review.parent_asin or review.asin)
    timestamp = review.timestamp if review.review_time is None else review.review_time
    seconds = times.seconds(timestamp)
    if seconds is None:
        raise RowError("timestamp cannot be read", f"timestamp is {quoted(timestamp)}; {EXPECTED_TIME}.")
    return user, item, seconds


def _id(what: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise RowError(f"no {what}", f"the id of the {what} is {quoted(value)}; {_EXPECTED}, ids as text.")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise RowError(f"broken id of the {what}", f"the id of the {what} is {quoted(value)}, which is not valid text.")
    return value
