"""The history stores events, refuses files of other programs, and deletes everything on request."""

import os
import random
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import StateError
from edge_runtime.state.database import APPLICATION_ID, SCHEMA, translated_errors
from edge_runtime.state.history import Event, History
from edge_runtime.state.place import default_state


class Clock:
    """A clock that advances one second per call."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def test_events_are_returned_newest_first() -> None:
    with History.open(clock=Clock()) as history:
        history.add("a")
        history.add("b", "like")

        assert history.newest() == [Event(2, "b", "like", 1_002_000), Event(1, "a", "click", 1_001_000)]
        assert [event.item_id for event in history.newest(1)] == ["b"]


def test_events_outlive_the_process(tmp_path: Path) -> None:
    with History.open(tmp_path / "deep" / "er" / "s.sqlite") as history:
        history.add("a")
        history.set("style", "detailed")

    with History.open(tmp_path / "deep" / "er" / "s.sqlite") as history:
        assert [event.item_id for event in history.newest()] == ["a"]
        assert history.setting("style") == "detailed"
        assert history.setting("other") is None


def test_without_a_path_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with History.open() as history:
        history.add("a")

    assert list(tmp_path.iterdir()) == []


def test_commits_are_durable_before_the_call_returns(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        (journal,) = history._connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = history._connection.execute("PRAGMA synchronous").fetchone()

    assert (journal, synchronous) == ("wal", 2)


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        history.add("a")

        rights = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert set(rights.values()) == {0o600}
    assert "s.sqlite-wal" in rights


@pytest.mark.parametrize("event", ["", "Click", "a b", "x" * 33, "like;", "like\n", "é"])
def test_invalid_event_names_are_refused(event: str) -> None:
    with History.open() as history, pytest.raises(ValueError, match="event name"):
        history.add("a", event)


@pytest.mark.parametrize("item_id", ["", "i" * 257])
def test_item_ids_of_invalid_length_are_refused(item_id: str) -> None:
    with History.open() as history, pytest.raises(ValueError, match="must have 1 to 256"):
        history.add(item_id)


def test_one_event_can_be_removed_and_its_id_is_not_used_again() -> None:
    with History.open() as history:
        first = history.add("a")

        assert history.remove(first.id)
        assert not history.remove(first.id)
        assert history.add("b").id > first.id


def test_events_after_an_id_are_returned() -> None:
    with History.open() as history:
        first, second = history.add("a"), history.add("b")

        assert history.after(0) == [first, second]
        assert history.after(first.id) == [second]
        assert history.after(second.id) == []


def test_the_epoch_changes_with_removals_and_writes_of_other_processes(tmp_path: Path) -> None:
    with History.open(tmp_path / "s") as mine, History.open(tmp_path / "s") as theirs:
        epochs = [mine.epoch()]
        mine.add("a")
        assert mine.epoch() == epochs[0]
        theirs.add("b")
        epochs.append(mine.epoch())
        mine.remove(1)
        epochs.append(mine.epoch())
        mine.forget()
        epochs.append(mine.epoch())

    assert len(set(epochs)) == 4


def test_forgetting_leaves_no_trace_in_the_files(tmp_path: Path) -> None:
    secret = "embarrassing-item"
    with History.open(tmp_path / "s.sqlite") as history:
        for number in range(200):
            history.add(f"{secret}-{number}", "like")
        history.set("nickname", secret)
        assert any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())

        history.forget()

        left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert history.newest() == []
        assert history.setting("nickname") is None
        assert history.add("a").id == 1
    assert secret.encode() not in left
    assert b"like" not in left


def test_removing_one_event_overwrites_it(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        event = history.add("embarrassing-item")
        history.remove(event.id)
    with History.open(tmp_path / "s.sqlite"):
        left = (tmp_path / "s.sqlite").read_bytes()

    assert b"embarrassing" not in left


def test_forgetting_during_another_read_deletes_and_warns_of_traces(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        history.add("secret")
        history._connection.execute("PRAGMA busy_timeout = 50")
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM events").fetchall()

        with pytest.raises(StateError, match=r"[Cc]lose that program"):
            history.forget()
        assert history.newest() == []

        reader.execute("COMMIT")
        reader.close()
        history.forget()
    assert b"secret" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


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


def test_events_are_counted_and_the_newest_of_each_item_is_found() -> None:
    with History.open() as history:
        for item_id, event in (("a", "click"), ("b", "like"), ("a", "dislike")):
            history.add(item_id, event)

        assert history.count() == 3
        assert history.latest_events(["a", "b", "c"]) == {"a": "dislike", "b": "like"}


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


def test_using_a_closed_history_is_a_state_error() -> None:
    history = History.open()
    history.close()
    history.close()

    with pytest.raises(StateError, match="was closed before this call; the event was not recorded"):
        history.add("a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), r"an item id must be a string, got 3 \(int\). Pass the id that the catalogue has, such as 'item-7'"),
        ((None,), r"an item id must be a string, got None \(NoneType\)"),
        (("a", 1), r"an event name must be a string, got 1 \(int\). Pass a name such as 'click'"),
    ],
)
def test_an_argument_that_is_not_a_string_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with History.open() as history:
        with pytest.raises(TypeError, match=message):
            history.add(*arguments)
        assert history.count() == 0


WRITER = """
import sys
from collections.abc import Callable
from pathlib import Path
from edge_runtime.state.history import History
with History.open(Path(sys.argv[1])) as history:
    for number in range(25):
        history.add(f"{sys.argv[2]}-{number}")
"""


def test_several_processes_can_open_a_new_file_and_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(one)]) for one in range(4)]
    codes = [writer.wait(timeout=60) for writer in writers]

    with History.open(path) as history:
        found = {event.item_id for event in history.newest()}

    assert codes == [0, 0, 0, 0]
    assert found == {f"{one}-{number}" for one in range(4) for number in range(25)}


def test_the_default_path_follows_the_platform(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path / "app")}

    linux = default_state("beauty", environment, platform="linux")
    windows = default_state("beauty", environment, platform="win32")
    mac = default_state("beauty", environment, platform="darwin")

    assert linux == tmp_path / "pocketrec" / "beauty.sqlite"
    assert windows == tmp_path / "app" / "pocketrec" / "beauty.sqlite"
    assert mac.parts[-3:] == ("Application Support", "pocketrec", "beauty.sqlite")
    assert default_state("beauty", {"XDG_STATE_HOME": "relative"}, platform="linux").is_absolute()


@pytest.mark.parametrize("name", ["../../etc", "Tiny Shop", "tiny shop", "日本", "a" * 100, "."])
def test_every_bundle_name_has_a_unique_portable_file_name(name: str) -> None:
    path = default_state(name, {"XDG_STATE_HOME": "/state"}, platform="linux")

    assert path.parent == Path("/state/pocketrec")
    assert path != default_state(name + "!", {"XDG_STATE_HOME": "/state"}, platform="linux")
    assert path.name.isascii()


def test_a_lone_surrogate_is_not_a_valid_item_id() -> None:
    with History.open() as history, pytest.raises(ValueError, match="must be valid Unicode text"):
        history.add("item-\ud83d")


@pytest.mark.parametrize("event_id", [0, -1, 1 << 63, 1 << 80])
def test_removing_an_impossible_event_id_does_nothing(event_id: int) -> None:
    with History.open() as history:
        history.add("a")

        assert not history.remove(event_id)
        assert len(history.newest(1 << 70)) == 1


def test_a_negative_limit_is_refused() -> None:
    with History.open() as history, pytest.raises(ValueError, match="at least 0, got -1"):
        history.newest(-1)


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


def use_all_of_it(path: Path) -> None:
    with History.open(path) as history:
        history.newest()
        history.newest_interactions(50, {"item-1"}, 1 << 40)
        history.seen_items(["item-1", "gone"])
        history.setting("nickname")
        history.add("item-2")
        history.remove(1)
        history.set("nickname", "b")


def test_every_corruption_of_a_state_file_is_a_state_error_and_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with History.open(path) as history:
        for number in range(60):
            history.add(f"item-{number}-é", "like")
        history.set("nickname", "a")
    intact = path.read_bytes()
    rng = random.Random(0)
    refused: list[str] = []
    for _ in range(150):
        data = bytearray(intact)
        for _ in range(rng.choice([1, 4, 40])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        for file in tmp_path.iterdir():
            file.unlink()
        path.write_bytes(data[: rng.choice([len(data), len(data), rng.randrange(len(data))])])

        try:
            use_all_of_it(path)
        except StateError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert all(message.startswith(str(path)) for message in refused)


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


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_without_a_home_folder_the_error_suggests_state(platform: str) -> None:
    with pytest.raises(StateError, match=r"HOME is not set.*Choose a file with --state"):
        default_state("beauty", {}, platform=platform, home=no_home)


def test_without_a_home_folder_the_environment_can_name_one() -> None:
    assert default_state("a", {"XDG_STATE_HOME": "/s"}, platform="linux", home=no_home) == Path("/s/pocketrec/a.sqlite")
