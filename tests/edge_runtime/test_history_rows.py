"""The history as catalogue rows, and how much of it is read."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.history_rows import GivenHistory, RecordedHistory
from edge_runtime.state.history import History

IDS = [f"item-{row}" for row in range(12)]
ROW_OF = {item_id: row for row, item_id in enumerate(IDS)}
SCORES = np.linspace(1, 0, 12, dtype=np.float32)


def recorded(history: History, max_length: int = 50) -> RecordedHistory:
    return RecordedHistory(history, IDS, ROW_OF, max_length)


def test_dislikes_hide_items_and_are_not_interactions() -> None:
    with History.open() as history:
        for item_id, event in (("item-0", "click"), ("item-1", "dislike"), ("item-2", "purchase"), ("item-0", "x")):
            history.add(item_id, event)
        past = recorded(history)

        assert past.sequence.tolist() == [0, 2, 0]
        assert past.best(SCORES, 3).tolist() == [3, 4, 5]


def test_given_ids_are_interactions_and_unknown_ones_are_skipped() -> None:
    past = GivenHistory.of_ids(["item-1", "gone", "item-0", "item-2"], ROW_OF, 2)

    assert past.sequence.tolist() == [0, 2]
    assert past.best(SCORES, 2).tolist() == [3, 4]


def test_a_removed_event_does_not_hide_its_item_unless_another_one_does() -> None:
    with History.open() as history:
        first, second, _ = (history.add(item_id) for item_id in ("item-0", "item-1", "item-1"))
        past = recorded(history)
        assert past.sequence.tolist() == [0, 1, 1]
        assert past.best(SCORES, 1).tolist() == [2]

        history.remove(first.id)
        history.remove(second.id)

        assert past.sequence.tolist() == [1]
        assert past.best(SCORES, 2).tolist() == [0, 2]


def test_if_all_items_were_seen_the_list_is_empty() -> None:
    with History.open() as history:
        for item_id in IDS:
            history.add(item_id)
        past = recorded(history)

        assert past.sequence.tolist() == list(range(12))
        assert past.best(SCORES, 5).tolist() == []


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([*IDS[:6], "gone"]), st.sampled_from(["click", "like", "dislike"])),
        st.integers(1, 8),  # the event to remove
        st.just("look"),
    ),
    max_size=14,
)


@given(steps, st.integers(1, 4), st.integers(1, 8))
def test_incremental_updates_give_the_same_result_as_a_full_read(
    steps: list[tuple[str, str] | int | str], max_length: int, k: int
) -> None:
    with History.open() as history:
        past = recorded(history, max_length)
        for step in steps:
            if isinstance(step, tuple):
                history.add(*step)
            elif isinstance(step, int):
                history.remove(step)
            else:
                assert past.sequence is not None
                past.best(SCORES, k)
        events = [event for event in reversed(history.newest()) if event.item_id in ROW_OF]
        interactions = [ROW_OF[event.item_id] for event in events if event.event != "dislike"]
        seen = {ROW_OF[event.item_id] for event in events}

        assert past.sequence.tolist() == interactions[-max_length:]
        assert past.best(SCORES, k).tolist() == [row for row in range(12) if row not in seen][:k]


class Meter:
    """Counts the steps of the SQLite virtual machine with the progress handler."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.n_steps = 0
        connection.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.n_steps += 1
        return 0


@pytest.fixture(scope="module")
def long_history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20,000 events about the catalogue's items 6 to 11."""
    path = tmp_path_factory.mktemp("long") / "s.sqlite"
    History.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "INSERT INTO events (item_id, event, time) VALUES (?, 'click', 0)",
            ((f"item-{6 + number % 6}",) for number in range(20_000)),
        )
    connection.close()
    return path


def test_only_the_needed_part_of_a_long_history_is_read(long_history: Path) -> None:
    with History.open(long_history) as history:
        past = recorded(history)
        meter = Meter(history._connection)

        sequence = past.sequence
        listed = past.best(SCORES, 6)
        first_steps = meter.n_steps
        history.remove(20_000)
        again = past.sequence, past.best(SCORES, 6)

    assert len(sequence) == 50
    assert listed.tolist() == again[1].tolist() == [0, 1, 2, 3, 4, 5]
    assert 0 < first_steps < 5_000
    assert meter.n_steps < 15_000
