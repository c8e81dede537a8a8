"""Checks timestamps: whole seconds since 1970, before 2100, or small numbers that only give an order.

Today's date only affects a warning, so that the same file is read, with the same digest, on any day.
"""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from train.data.findings import Findings, Source
from train.data.sequences import IntArray

# 1973. Smaller numbers are positions in a history (0, 1, 2, ...) or days.
FIRST_UNIX_TIME_S = 100_000_000
# 2100-01-01: a later timestamp is an error.
END_OF_TIME_S = 4_102_444_800
# As seconds this is the year 5138, as milliseconds 1973.
MIN_MILLISECONDS = 100_000_000_000
UNITS = ((10**17, "nanoseconds", 10**9), (10**14, "microseconds", 10**6), (MIN_MILLISECONDS, "milliseconds", 1000))
_CLOCK_SKEW_S = 86_400


def check_timestamps(frame: pl.DataFrame, number: str, source: Source, findings: Findings) -> pl.DataFrame:
    """Report rows with an impossible ``timestamp``, and return the others.

    If the median is in milliseconds or finer, one problem of the whole file is reported, and every row is returned.
    """
    median = frame["timestamp"].median()
    if isinstance(median, int | float) and median >= MIN_MILLISECONDS:
        unit, factor = _unit(median)
        findings.bad_file(
            source.name,
            f"timestamps are {unit} ({source.unit} {frame[number][0]} has {frame['timestamp'][0]}); expected whole "
            f"seconds since 1970. Divide them by {factor:,}.",
        )
        return frame
    rules = (
        (pl.col("timestamp") < 0, "negative timestamp", _negative),
        (pl.col("timestamp") >= END_OF_TIME_S, "timestamp after 2099", _late),
    )
    for broken, kind, describe in rules:
        bad = frame.filter(broken)
        if not bad.is_empty():
            findings.bad_rows(source, kind, bad[number], describe(int(bad["timestamp"][0])))
            frame = frame.filter(~broken)
    return frame


def warn_about_future(times: IntArray, name: str, findings: Findings, *, now_s: float) -> None:
    """Warn about timestamps more than a day after ``now_s``, in seconds since 1970. Those events are kept."""
    late = times[times > now_s + _CLOCK_SKEW_S]
    if len(late):
        newest = int(np.max(late))
        findings.warn(
            f"{name}: {len(late):,} event(s) are in the future, the last on {day_of(newest)} ({newest}). Models are "
            "tested on the newest events. Correct or remove them."
        )


def is_unix_time(newest: int) -> bool:
    """Return whether timestamps with the maximum ``newest`` are seconds since 1970, not positions."""
    return newest >= FIRST_UNIX_TIME_S


def day_of(timestamp: int) -> str:
    """Return the UTC day of seconds since 1970, such as ``2024-05-31``."""
    return datetime.fromtimestamp(timestamp, UTC).date().isoformat()


def _unit(value: float) -> tuple[str, int]:
    return next((name, factor) for least, name, factor in UNITS if value >= least)


def _negative(value: int) -> str:
    return f"timestamp is {value}; expected seconds since 1970, at least 0. Correct it."


def _late(value: int) -> str:
    if value < MIN_MILLISECONDS:
        return f"timestamp {value} is {day_of(value)}; expected a day before 2100. Correct it."
    unit, factor = _unit(value)
    return f"timestamp {value} seems to be {unit}; expected seconds since 1970. Divide it by {factor:,}."
