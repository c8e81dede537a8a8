"""Reads and checks the events of a data folder, and groups them into :class:`Sequences`."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from edge_runtime.events import DISLIKE
from train.data.findings import Findings, Source, quoted
from train.data.ids import check_ids
from train.data.sequences import Sequences
from train.data.table_file import Table
from train.data.timestamp_checks import check_timestamps

REQUIRED = ("user_id", "item_id", "timestamp")
OPTIONAL = ("event", "weight")
DEFAULT_EVENT = "interaction"

ROW = "row number"
_EVENT_NAME = "^[a-z_]{1,32}$"
_WHOLE_NUMBER = "^[+-]?[0-9]{1,19}$"
_ADVICE = {
    "user_id": "text or whole numbers",
    "item_id": "text or whole numbers",
    "timestamp": "int64, whole seconds since 1970",
    "event": "text",
    "weight": "a number",
}


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """The checked events of a file.

    Attributes:
        sequences: events with positive interest, by user and time.
        kept_out: number of other events, by kind.
    """

    sequences: Sequences
    kept_out: dict[str, int]


def check_columns(names: list[str], required: tuple[str, ...], source: Source, findings: Findings) -> bool:
    """Report missing required columns; return whether all are present."""
    missing = [name for name in required if name not in names]
    if not missing:
        return True
    found = ", ".join(quoted(name) for name in names[:8])
    hint = " Is the header line missing?" if len(missing) == len(required) else ""
    findings.bad_file(
        source.name,
        f"column{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing; found {found}.{hint} "
        f"Name the columns {', '.join(required)}.",
    )
    return False


def read_events(table: Table, row_of: dict[str, int] | None, findings: Findings) -> Events | None:
    """Check every row and group the valid ones by user.

    Args:
        table: the interactions file.
        row_of: catalogue row of each item id, by which unknown items are found; None if the items file cannot be used.
        findings: collects the problems.

    Returns:
        The events; None if a column cannot be used, or no row is left.
    """
    source = table.source
    if table.names() and not check_columns(table.names(), REQUIRED, source, findings):
        return None
    unused = [name for name in table.names() if name not in REQUIRED + OPTIONAL]
    if unused:
        findings.warn(f"{source.name}: unknown columns are ignored: {', '.join(map(quoted, unused[:8]))}.")
    frame, numbers = table.columns(REQUIRED + OPTIONAL, findings)
    if len(numbers) == 0:
        findings.bad_file(source.name, "no usable row is left. Correct the rows listed here.")
        return None
    typed = _typed(frame.with_columns(pl.Series(ROW, numbers)), source, findings)
    if typed is None:
        return None
    for name in ("user_id", "item_id"):
        typed = check_ids(typed, name, ROW, source, findings)
    typed = check_timestamps(typed, ROW, source, findings)
    typed = _check_events(_check_weights(typed, source, findings), source, findings)
    if row_of is not None:
        typed = _check_known(typed, row_of, source, findings)
    typed = _check_duplicates(typed, source, findings)
    if typed.is_empty():
        findings.bad_file(source.name, "no usable row is left. Correct the rows listed here.")
        return None
    return None if row_of is None else _group(typed, row_of, source, findings)


def _typed(frame: pl.DataFrame, source: Source, findings: Findings) -> pl.DataFrame | None:
    """Convert every column to its type; None, and a problem, if a column has an unsuitable type."""
    wrong = False
    for name in frame.columns:
        if name == ROW or _is_usable(name, frame.schema[name], is_text=source.unit == "line"):
            continue
        wrong = True
        findings.bad_file(
            source.name, f"column {name} is of type {frame.schema[name]}; expected {_ADVICE[name]}. Convert it."
        )
    if wrong:
        return None
    frame = frame.with_columns(pl.col("user_id", "item_id").cast(pl.String))
    frame = _whole_numbers(frame, source, findings)
    return _add_optional(frame, source, findings)


def _is_usable(name: str, dtype: pl.DataType, *, is_text: bool) -> bool:
    if dtype == pl.Null:
        return True
    if name == "timestamp":
        return is_text or dtype.is_integer()
    if name == "weight":
        return is_text or dtype.is_numeric()
    is_category = isinstance(dtype, pl.Categorical | pl.Enum)
    return dtype == pl.String or is_category or (name != "event" and dtype.is_integer())


def _whole_numbers(frame: pl.DataFrame, source: Source, findings: Findings) -> pl.DataFrame:
    column = pl.col("timestamp")
    is_text = frame.schema["timestamp"] == pl.String
    number = column.cast(pl.Int64, strict=False)
    if is_text:
        number = pl.when(column.str.contains(_WHOLE_NUMBER)).then(number)
    bad = frame.filter(number.is_null())
    if not bad.is_empty():
        findings.bad_rows(
            source,
            "timestamp is not a whole number",
            bad[ROW],
            f"timestamp is {quoted(bad['timestamp'][0])}; expected whole seconds since 1970, such as 1700000000.",
        )
    return frame.with_columns(number).drop_nulls("timestamp")


def _add_optional(frame: pl.DataFrame, source: Source, findings: Findings) -> pl.DataFrame:
    if "event" not in frame.columns:
        frame = frame.with_columns(event=pl.lit(DEFAULT_EVENT))
    if "weight" not in frame.columns:
        return frame.with_columns(event=pl.col("event").cast(pl.String), weight=pl.lit(1.0))
    number = pl.col("weight").cast(pl.Float64, strict=False)
    bad = frame.filter(number.is_null() & pl.col("weight").is_not_null())
    if not bad.is_empty():
        message = f"weight is {quoted(bad['weight'][0])}; expected a number; empty means 1."
        findings.bad_rows(source, "weight is not a number", bad[ROW], message)
    good = frame.filter(number.is_not_null() | pl.col("weight").is_null())
    return good.with_columns(event=pl.col("event").cast(pl.String), weight=number.fill_null(1.0))


def _check_weights(frame: pl.DataFrame, source: Source, findings: Findings) -> pl.DataFrame:
    bad = frame.filter(~pl.col("weight").is_finite())
    if not bad.is_empty():
        message = f"weight is {bad['weight'][0]}; expected a finite number; empty means 1."
        findings.bad_rows(source, "weight is not finite", bad[ROW], message)
    return frame.filter(pl.col("weight").is_finite())


def _check_events(frame: pl.DataFrame, source: Source, findings: Findings) -> pl.DataFrame:
    frame = frame.with_columns(pl.col("event").fill_null(DEFAULT_EVENT).replace("", DEFAULT_EVENT))
    named = pl.col("event").str.contains(_EVENT_NAME)
    bad = frame.filter(~named)
    if not bad.is_empty():
        message = f"event is {quoted(bad['event'][0])}; expected 1 to 32 characters of a-z and _, such as 'purchase'."
        findings.bad_rows(source, "event is not a name", bad[ROW], message)
    return frame.filter(named)


def _check_known(frame: pl.DataFrame, row_of: dict[str, int], source: Source, findings: Findings) -> pl.DataFrame:
    known = pl.col("item_id").is_in(list(row_of))
    bad = frame.filter(~known)
    if not bad.is_empty():
        n_ids = bad["item_id"].n_unique()
        message = (
            f"item_id {quoted(bad['item_id'][0])} is not in the items file ({n_ids:,} such id{'s' * (n_ids > 1)}). "
            "Add the item, or correct the id."
        )
        findings.bad_rows(source, "unknown item", bad[ROW], message)
    return frame.filter(known)


def _check_duplicates(frame: pl.DataFrame, source: Source, findings: Findings) -> pl.DataFrame:
    first = frame.select(pl.struct(REQUIRED).is_first_distinct()).to_series()
    bad = frame.filter(~first)
    if not bad.is_empty():
        user, item, time = bad.select(REQUIRED).row(0)
        message = (
            f"user {quoted(user)}, item {quoted(item)}, timestamp {time} occur in an earlier {source.unit} already. "
            "Keep one of them."
        )
        findings.bad_rows(source, "duplicate event", bad[ROW], message)
    return frame.filter(first)


def _group(frame: pl.DataFrame, row_of: dict[str, int], source: Source, findings: Findings) -> Events | None:
    """Leave out events without positive interest; sort the rest by user and time, ties in file order."""
    is_dislike = pl.col("event") == DISLIKE
    kept_out = {
        DISLIKE: frame.filter(is_dislike).height,
        "weight not above 0": frame.filter(~is_dislike & (pl.col("weight") <= 0)).height,
    }
    kept = frame.filter(~is_dislike & (pl.col("weight") > 0))
    if kept.is_empty():
        findings.bad_file(source.name, "every event is a dislike or has no weight above 0. Add positive events.")
        return None
    lost = frame["user_id"].n_unique() - kept["user_id"].n_unique()
    if lost:
        findings.warn(
            f"{source.name}: {lost:,} user(s) have only dislikes or events without a positive weight and are left out."
        )
    user_ids = kept["user_id"].unique(maintain_order=True)
    users = kept["user_id"].replace_strict(user_ids, np.arange(len(user_ids)), return_dtype=pl.Int64).to_numpy()
    rows = kept["item_id"].replace_strict(row_of, return_dtype=pl.Int32).to_numpy()
    times = kept["timestamp"].to_numpy()
    by_user = np.argsort(users, kind="stable")
    _warn_unsorted(users[by_user], times[by_user], kept[ROW].to_numpy()[by_user], source, findings)
    order = np.lexsort((times, users))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(users)))).astype(np.int64)
    sequences = Sequences(tuple(user_ids), offsets, rows[order], times[order])
    return Events(sequences, {kind: count for kind, count in kept_out.items() if count})


def _warn_unsorted(
    users: np.ndarray, times: np.ndarray, numbers: np.ndarray, source: Source, findings: Findings
) -> None:
    late = np.flatnonzero((users[1:] == users[:-1]) & (times[1:] < times[:-1])) + 1
    if len(late):
        findings.warn(
            f"{source.name}, {source.unit} {numbers[late].min()}: events are not in order of time: {len(late):,} "
            f"event(s) of {len(np.unique(users[late])):,} user(s) are older than the one before. Sorted."
        )
