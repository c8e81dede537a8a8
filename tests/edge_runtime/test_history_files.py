"""The history uses its own file only: it refuses those of other programs, and reports what is wrong with a file."""

import os
import sqlite3
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import StateError
from edge_runtime.state.database import APPLICATION_ID, SCHEMA, translated_errors
from edge_runtime.state.history import Event, History


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with History.open() as history:
        history.add("a")

    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        history.add("a")

        rights = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert set(rights.values()) == {0o600}
    assert "s.sqlite-wal" in rights


def test_a_file_that_is_not_a_database_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"dear diary " * 100)

    with pytest.raises(StateError, match="not a database"):
        History.open(path)
    assert path.read_bytes() == b"dear diary " * 100


def test_the_database_of_another_program_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.close()
    before = path.read_bytes()

    with pytest.raises(StateError, match="another program"):
        History.open(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("statement", range(10))
def test_a_file_that_another_process_creates_meanwhile_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    n_executed = 0

    class Overtaken(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401 - those of sqlite3
            nonlocal n_executed
            n_executed += 1
            if n_executed == statement + 1:
                monkeypatch.undo()
                History.open(tmp_path / "s.sqlite").close()
            return super().execute(*arguments)

    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Overtaken))

    with History.open(tmp_path / "s.sqlite") as history:
        history.add("a")

    assert n_executed > statement


def test_a_file_of_a_newer_runtime_is_refused_and_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    newer.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    newer.close()
    before = path.read_bytes()

    with pytest.raises(StateError, match="newer pocketrec"):
        History.open(path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        for number in range(500):
            history.add(f"item-{number}")
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)

    with pytest.raises(StateError, match="damaged"), History.open(path) as history:
        history.newest()


@pytest.mark.parametrize("place", ["folder", "below-a-file"])
def test_a_path_that_cannot_be_a_file_is_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    path = tmp_path / "folder" if place == "folder" else tmp_path / "file" / "s.sqlite"

    with pytest.raises(StateError, match="--state"):
        History.open(path)


@pytest.mark.parametrize("name", [":memory:", "file:s.sqlite", "file::memory:?cache=shared", "s.sqlite"])
def test_every_name_is_a_file_in_the_folder_of_its_opening(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with History.open(name) as history:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        history.add("a")

    assert list((tmp_path / "elsewhere").iterdir()) == []
    with History.open(tmp_path / name) as history:
        assert [event.item_id for event in history.newest()] == ["a"]


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(StateError, match="the path of the state file is empty"):
        History.open("")


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_folder_in_the_place_of_a_file_of_sqlite_is_named(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"s.sqlite{suffix}").mkdir()

    with pytest.raises(StateError, match=f"s.sqlite{suffix}: found a folder"):
        History.open(tmp_path / "s.sqlite")


@pytest.mark.parametrize(("item_id", "event"), [("x" * 10_000_000, "click"), ("a", "y" * 10_000_000), ("", "click")])
def test_an_event_that_could_not_have_been_recorded_is_damage_and_its_message_is_short(
    tmp_path: Path, item_id: str, event: str
) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        history.add("a")
    with sqlite3.connect(tmp_path / "s.sqlite") as database:
        database.execute("UPDATE events SET item_id = ?, event = ?", (item_id, event))
    database.close()

    with History.open(tmp_path / "s.sqlite") as history, pytest.raises(StateError, match="damaged") as refusal:
        history.newest(1)

    assert len(str(refusal.value)) < 500


def test_a_read_only_file_is_reported(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        history._connection.execute("PRAGMA query_only = ON")

        with pytest.raises(StateError, match="cannot be written"):
            history.add("a")
        assert history.newest() == []


def test_a_full_disk_is_reported_and_nothing_is_partially_recorded(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        (n_pages,) = history._connection.execute("PRAGMA page_count").fetchone()
        history._connection.execute(f"PRAGMA max_page_count = {n_pages + 1}")

        recorded: list[Event] = []
        with pytest.raises(StateError, match="disk is full"):
            recorded.extend(history.add("i" * 256) for _ in range(10_000))
        assert len(history.newest()) == len(recorded) > 0

        history._connection.execute("PRAGMA max_page_count = 1000000")
        history.add("room-again")
        assert history.newest(1)[0].item_id == "room-again"


def test_a_locked_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        history._connection.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StateError, match="locked"):
            history.add("a")
        other.execute("ROLLBACK")
        other.close()
        history.add("a")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_PROTOCOL, "file locks do not work there.*Choose a file on a local disk"),
        (sqlite3.SQLITE_IOERR_SHMLOCK, "file locks do not work there"),
        (sqlite3.SQLITE_FULL, "the disk is full; the setting was not saved. Free some space"),
        (sqlite3.SQLITE_BUSY, "the setting was not saved. Close that program"),
        (sqlite3.SQLITE_ERROR, "no such table.*it is damaged"),
    ],
)
def test_sqlite_errors_are_translated_into_advice(code: int, advice: str) -> None:
    error = sqlite3.OperationalError("no such table: events")
    error.sqlite_errorcode = code

    with (
        pytest.raises(StateError, match=f"s.sqlite: .*{advice}"),
        translated_errors(Path("s.sqlite"), "the setting was not saved"),
    ):
        raise error


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "folder"])
def test_pipes_and_devices_are_refused_without_blocking(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "s.sqlite")

    with pytest.raises(StateError, match="--state"):
        History.open(tmp_path / "s.sqlite")


def test_a_damaged_file_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        for number in range(500):
            history.add(f"secret-{number}")
    data = bytearray(path.read_bytes())
    data[5 * 4096 :: 4096] = b"\xff" * len(data[5 * 4096 :: 4096])
    path.write_bytes(data)

    with History.open(path) as history:
        history.forget()

        assert history.newest() == []
        assert history.add("a").id == 1
    assert b"secret" not in path.read_bytes()


def test_the_item_index_is_added_to_files_of_the_first_release(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        history.add("a")
        history._connection.execute("DROP INDEX events_by_item")

    with History.open(path) as history:
        plan = history._connection.execute("EXPLAIN QUERY PLAN SELECT 1 FROM events WHERE item_id = 'a'").fetchall()

    assert "events_by_item" in str(plan)
