"""The history stores events durably and returns them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.errors import ClosedError
from edge_runtime.state.history import Event, History


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


def test_commits_are_durable_before_the_call_returns(tmp_path: Path) -> None:
    with History.open(tmp_path / "s.sqlite") as history:
        (journal,) = history._connection.execute("PRAGMA journal_mode").fetchone()
        (synchronous,) = history._connection.execute("PRAGMA synchronous").fetchone()

    assert (journal, synchronous) == ("wal", 2)


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


def test_events_are_counted_and_the_newest_of_each_item_is_found() -> None:
    with History.open() as history:
        for item_id, event in (("a", "click"), ("b", "like"), ("a", "dislike")):
            history.add(item_id, event)

        assert history.count() == 3
        assert history.latest_events(["a", "b", "c"]) == {"a": "dislike", "b": "like"}


def test_using_a_closed_history_raises_a_closed_error() -> None:
    history = History.open()
    history.close()
    history.close()

    with pytest.raises(ClosedError, match="was closed before this call; the event was not recorded"):
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
