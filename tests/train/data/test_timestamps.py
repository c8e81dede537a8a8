"""Timestamps of public data sets are converted to seconds; unclear ones are refused."""

import polars as pl
import pytest

from train.data.timestamps import TimeReader


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("1500000000", 1500000000),
        (" 1500000000 ", 1500000000),
        ("1500000000.0", 1500000000),
        ("1500000000.9", 1500000000),
        ("1.5e9", 1500000000),
        ("1500000000000", 1500000000),
        ("1500000000000000", 1500000000),
        ("1500000000000000000", 1500000000),
        ("2017-07-14T02:40:00Z", 1500000000),
        ("2017-07-14T04:40:00+02:00", 1500000000),
        ("2017-07-14 04:40:00+0200", 1500000000),
        ("2017-07-14 02:40:00 UTC", 1500000000),
        ("2017-07-14T02:40:00.123456789", 1500000000),
        ("2017-07-14T02:40", 1500000000),
        ("2017-07-14", 1499990400),
        ("0", 0),
        ("-5", -5),
        ("-0.5", -1),
        ("14/07/2017", None),
        ("2017-13-01", None),
        ("soon", None),
        ("", None),
        ("nan", None),
        ("1_000", None),
        ("10000000000000000000000", None),
        ("1e99", None),
        (None, None),
    ],
)
def test_a_text_is_read_alone_and_in_a_column(written: str | None, seconds: int | None) -> None:
    column = TimeReader().column(pl.Series(["964982703", written], dtype=pl.String))

    assert column.to_list() == [964982703, seconds]
    assert TimeReader().seconds(written) == seconds


@pytest.mark.parametrize("value", [10**22, 10**400, float("nan"), float("inf"), True, None, [], {}])
def test_what_is_no_time_is_not_read(value: object) -> None:
    assert TimeReader().seconds(value) is None


def test_the_unit_of_a_number_follows_from_its_size() -> None:
    reader = TimeReader()

    assert [reader.seconds(value) for value in (1588687728, 1588687728923, 1588687728.9)] == [1588687728] * 3
    assert reader.note() == "timestamps were converted to seconds: 1 in milliseconds"


def test_dates_without_a_time_zone_are_counted_apart() -> None:
    reader = TimeReader()

    reader.column(pl.Series(["2017-07-14", "2017-07-14T02:40:00", "2017-07-14T02:40:00Z"]))

    assert reader.forms == {"dates without a time zone, as UTC": 2, "dates": 1}
