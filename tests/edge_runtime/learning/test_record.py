"""What is kept of learning is replaced only by who knows it as it is."""

import sqlite3
from pathlib import Path

from edge_runtime.learning.record import MAX_RECORD_BYTES, SETTING, KeptRecord
from edge_runtime.state.history import History


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        kept = KeptRecord(history)
        assert kept.read() is None
        record = kept.create()

        assert KeptRecord(history).read() == record
        assert kept.create() == record


def test_who_has_not_seen_the_latest_record_cannot_replace_it(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as first, History.open(tmp_path / "s.sqlite") as second:
        mine, other = KeptRecord(first), KeptRecord(second)
        record = mine.create()
        other.read()
        assert mine.replace(type(record)(version=1, token=record.token, steps=3))

        assert not other.replace(record)
        assert other.read() == mine.read()


def test_an_erased_record_does_not_come_back(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        kept = KeptRecord(history)
        record = kept.create()
        history.forget()
        KeptRecord(history).create()

        assert not kept.replace(record)
        fresh = kept.read()
        assert fresh is not None
        assert fresh.token != record.token


def test_a_damaged_record_counts_as_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    for value in ("", "{", '{"version": 2, "token": "x"}', '{"version": 1}', "[" * 100_000, "x" * MAX_RECORD_BYTES * 2):
        with History.open(path) as history:
            history.set(SETTING, value)
            found = KeptRecord(history).read()
            assert found is not None
            assert found.session is None
            assert found.adapter is None
            kept = KeptRecord(history)
            kept.create()
            assert kept.replace(found)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (1,)
