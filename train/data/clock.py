"""What a timestamp may be: whole seconds since 1970, before 2100; or a small number, where there is no clock.

Today's date decides a warning and nothing else: what is read of a file, and so its digest, is the same on every day.
"""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from train.data.findings import Findings, Source
from train.data.sequences import IntArray

# Smaller numbers are positions in a history (0, 1, 2, ...), or days; larger ones are seconds since 1970 from 1973 on.
FIRST_CLOCK_S = 100_000_000
# 2100-01-01: no log reaches it, and a typing error soon does.
END_OF_CLOCK_S = 4_102_444_800
# Seconds beyond this are no date of this millennium, but milliseconds are: 1973 to 5138.
FIRST_MILLISECOND = 100_000_000_000
UNITS = ((10**17, "nanoseconds", 10**9), (10**14, "microseconds", 10**6), (FIRST_MILLISECOND, "milliseconds", 1000))
_CLOCK_SKEW_S = 86_400


def check_clock(frame: pl.DataFrame, number: str, source: Source, findings: Findings) -> pl.DataFrame:
    """Note the rows whose ``timestamp`` cannot be, and return the others.

    Where most are milliseconds or finer, that is one problem of the whole file, and every row is returned.
    """
    median = frame["timestamp"].median()
    if isinstance(median, int | float) and median >= FIRST_MILLISECOND:
        unit, factor = _unit(median)
        findings.refuse(
            source.name,
            f"timestamps are {unit} ({source.unit} {frame[number][0]} has {frame['timestamp'][0]}); expected whole "
            f"seconds since 1970. Divide them by {factor:,}.",
        )
        return frame
    rules = (
        (pl.col("timestamp") < 0, "negative timestamp", _negative),
        (pl.col("timestamp") >= END_OF_CLOCK_S, "timestamp after 2099", _late),
    )
    for broken, kind, describe in rules:
        bad = frame.filter(broken)
        if not bad.is_empty():
            findings.bad_rows(source, kind, bad[number], describe(int(bad["timestamp"][0])))
            frame = frame.filter(~broken)
    return frame


def warn_of_future(times: IntArray, name: str, findings: Findings, *, now_s: float) -> None:
    """Warn of timestamps more than a day after ``now_s``, in seconds since 1970. They are read like any other."""
    late = times[times > now_s + _CLOCK_SKEW_S]
    if len(late):
        newest = int(np.max(late))
        findings.warn(
            f"{name}: {len(late):,} event(s) lie in the future, the last on {day_of(newest)} ({newest}): they count as "
            "the newest of their users, on which models are tested. Correct or remove them."
        )


def has_clock(newest: int) -> bool:
    """Return whether timestamps up to ``newest`` are seconds since 1970, not mere positions."""
    return newest >= FIRST_CLOCK_S


def day_of(timestamp: int) -> str:
    """Return the UTC day of seconds since 1970, such as ``2024-05-31``."""
    return datetime.fromtimestamp(timestamp, UTC).date().isoformat()


def _unit(value: float) -> tuple[str, int]:
    return next((name, factor) for least, name, factor in UNITS if value >= least)


def _negative(value: int) -> str:
    return f"timestamp is {value}; expected seconds since 1970, which are not below 0. Correct it."


def _late(value: int) -> str:
    if value < FIRST_MILLISECOND:
        return f"timestamp {value} is {day_of(value)}; expected a day before 2100. Correct it."
    unit, factor = _unit(value)
    return f"timestamp {value} seems to be {unit}; expected seconds since 1970. Divide it by {factor:,}."
