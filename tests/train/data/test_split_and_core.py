"""Leave-one-out by time, and the k-core."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.data.core import k_core
from train.data.sequences import Sequences
from train.data.split import leave_one_out


def sequences(*histories: list[int]) -> Sequences:
    """Return sequences of these rows, a second apart."""
    offsets = np.cumsum([0, *map(len, histories)]).astype(np.int64)
    rows = np.array([row for history in histories for row in history], dtype=np.int32)
    return Sequences(tuple(f"u{i}" for i in range(len(histories))), offsets, rows, np.arange(len(rows), dtype=np.int64))


def test_the_last_event_is_for_the_test_and_the_one_before_for_validation() -> None:
    split = leave_one_out(sequences([1, 2, 3, 4], [5, 6], [7, 8, 9]))

    assert [rows.tolist() for rows in split.train] == [[1, 2], [5, 6], [7]]
    assert split.train.times_of(2).tolist() == [6]
    assert (split.valid.users.tolist(), split.valid.rows.tolist()) == ([0, 2], [3, 8])
    assert (split.test.users.tolist(), split.test.rows.tolist()) == ([0, 2], [4, 9])


def test_the_history_of_a_test_target_ends_with_the_validation_event() -> None:
    split = leave_one_out(sequences([1, 2, 3, 4], [5, 6], [7, 8, 9]))

    assert [split.valid.history(i).tolist() for i in range(len(split.valid))] == [[1, 2], [7]]
    assert [split.test.history(i).tolist() for i in range(len(split.test))] == [[1, 2, 3], [7, 8]]


def test_users_with_fewer_than_three_events_only_train() -> None:
    split = leave_one_out(sequences([1], [2, 3]))

    assert [rows.tolist() for rows in split.train] == [[1], [2, 3]]
    assert len(split.valid) == len(split.test) == 0


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5))
def test_no_event_is_lost_and_none_is_used_twice(histories: list[list[int]]) -> None:
    split = leave_one_out(sequences(*histories))

    parts = [rows.tolist() for rows in split.train]
    for targets in (split.valid, split.test):
        for user, row in zip(targets.users.tolist(), targets.rows.tolist(), strict=True):
            parts[user].append(row)
    assert parts == histories


def slow_core(events: set[tuple[int, int]], k: int) -> set[tuple[int, int]]:
    """The definition: remove events one by one while their user or item has fewer than ``k``."""
    kept = set(events)
    while True:
        bad = next(
            (e for e in kept if any(sum(other[side] == e[side] for other in kept) < k for side in (0, 1))),
            None,
        )
        if bad is None:
            return kept
        kept.remove(bad)


@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5))), st.integers(1, 4))
def test_the_core_is_what_is_left_by_the_definition(events: set[tuple[int, int]], k: int) -> None:
    ordered = sorted(events)
    users, items = np.array([e[0] for e in ordered], dtype=int), np.array([e[1] for e in ordered], dtype=int)

    kept = k_core(users, items, k)

    assert {event for event, is_kept in zip(ordered, kept, strict=True) if is_kept} == slow_core(events, k)


def test_ids_may_be_text() -> None:
    kept = k_core(np.array(["u", "u", "v"], dtype=object), np.array(["a", "a", "b"], dtype=object), 2)

    assert kept.tolist() == [True, True, False]


def test_a_core_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        k_core(np.array([1]), np.array([1]), 0)
