"""Parses the timestamps of public data sets: numbers in seconds or finer units, and ISO 8601 dates."""

import math
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl

from train.data.timestamp_checks import UNITS

EXPECTED_TIME = "expected seconds since 1970, such as 964982703, or a date, such as 2000-07-30T18:45:03Z"

# Up to ten digits are always seconds; most timestamps match.
_PLAIN = r"^[0-9]{1,10}$"
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,2})?")
_DATE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?)"
    r" ?(?P<zone>[Zz]|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_MAX = 10**20


class TimeReader:
    """Converts timestamps to whole seconds since 1970, and counts those in other forms.

    The unit of a number follows from its size: 10^11 as seconds is the year 5138, as milliseconds 1973. Dates without
    a time zone are read as UTC.

    Attributes:
        forms: number of timestamps in each other form.
    """

    def __init__(self) -> None:
        self.forms: Counter[str] = Counter()

    def seconds(self, value: object) -> int | None:
        """Return the seconds of a number or text, rounded down; None if it is not a timestamp."""
        if isinstance(value, str):
            text = value.strip()
            return self._scaled(Decimal(text)) if _NUMBER.fullmatch(text) else self._of_date(text)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return self._scaled(Decimal(value))

    def column(self, texts: pl.Series) -> pl.Series:
        """Return the seconds of every text, int64; null where it is not a timestamp."""
        stripped = texts.str.strip_chars()
        plain = stripped.str.contains(_PLAIN).fill_null(value=False)
        seconds = stripped.zip_with(plain, pl.Series([None], dtype=pl.String)).cast(pl.Int64)
        others = (~plain).arg_true()
        if len(others):
            parsed = [None if text is None else self.seconds(text) for text in stripped.gather(others)]
            seconds = seconds.scatter(others, pl.Series(parsed, dtype=pl.Int64))
        return seconds

    def note(self) -> str:
        """Return a sentence about timestamps in other forms than seconds; empty if there are none."""
        forms = ", ".join(f"{count:,} {form}" for form, count in sorted(self.forms.items()))
        return f"timestamps were converted to seconds: {forms}" if forms else ""

    def _scaled(self, number: Decimal) -> int | None:
        if not number.is_finite() or abs(number) >= _MAX:
            return None
        unit, factor = next(((name, factor) for least, name, factor in UNITS if abs(number) >= least), ("", 1))
        if unit:
            self.forms[f"in {unit}"] += 1
        return math.floor(number / factor)

    def _of_date(self, text: str) -> int | None:
        match = _DATE.fullmatch(text)
        if match is None:
            return None
        zone = {"UTC": "+00:00", "Z": "+00:00"}.get((match["zone"] or "").upper(), match["zone"] or "")
        try:
            when = datetime.fromisoformat(f"{match['day']}T{(match['time'] or '00:00').replace(',', '.')}{zone}")
        except ValueError:
            return None
        self.forms["dates" if zone else "dates without a time zone, as UTC"] += 1
        return math.floor((when if zone else when.replace(tzinfo=UTC)).timestamp())
