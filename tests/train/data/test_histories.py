"""Histories for the profiler."""

from pathlib import Path

from tests.tiny_shop import write_shop
from train.data.histories import histories


def test_histories_are_those_before_the_test_event_with_items_of_the_bundle_only(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop")

    found = histories(tmp_path / "shop", ["i0", "i2", "i7", "i8"])

    # Users 0 and 1 have 4 and 5 events, from item 0 and 7 on; the last one is the test's.
    assert found[:2] == [("i0", "i2"), ("i7", "i8")]
    assert all(found)
