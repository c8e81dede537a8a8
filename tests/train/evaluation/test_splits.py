from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.errors import DataError
from tests.train.evaluation.hand_made import log, told
from tests.train.tiny_data import tiny_dataset
from train.evaluation.checks import check_leaks
from train.evaluation.plan import SPLITS, SplitConfig, can_split, make_split
from train.evaluation.splits import (
    hold_out_both,
    hold_out_items,
    hold_out_users,
    sample_users,
    split_by_time,
)

# Seconds since 1970, in September 2001: a real clock.
START = 1_000_000_000


def test_new_items_leave_every_history_and_are_what_is_asked_for() -> None:
    sequences = log([[0, 1, 2, 3, 4], [4, 0, 1, 2, 0], [1, 4, 2, 4, 0], [0, 1, 2, 1, 3]])

    # Of five items one is drawn; the seed is one that draws item 4.
    seed = next(s for s in range(100) if np.random.default_rng(s).choice(np.arange(5), 1, replace=False)[0] == 4)
    found = hold_out_items(sequences, 0.2, 5, seed=seed)

    assert found.new_items is not None
    assert found.withheld is not None
    assert np.flatnonzero(found.new_items).tolist() == [4]
    assert [rows.tolist() for rows in found.split.train] == [[0, 1, 2], [0, 1], [1, 2], [0, 1, 2]]
    assert told(found.split.test) == {0: ([0, 1, 2, 3], 4), 2: ([1, 2], 4)}
    assert told(found.split.valid) == {0: ([0, 1, 2], 3), 1: ([0, 1], 2), 3: ([0, 1, 2], 1)}
    assert found.withheld.tolist() == [4, 4]


def test_a_user_with_nothing_but_new_items_is_asked_for_nothing() -> None:
    sequences = log([[4, 4, 4, 4], [0, 1, 4], [0, 1, 2, 3], [1, 0, 2, 3]])
    seed = next(s for s in range(100) if np.random.default_rng(s).choice(np.arange(5), 1, replace=False)[0] == 4)

    found = hold_out_items(sequences, 0.2, 5, seed=seed)

    assert told(found.split.test) == {1: ([0, 1], 4)}
    assert found.split.train.of(0).tolist() == []


def test_new_users_train_nothing_and_are_asked_behind_all_they_did() -> None:
    sequences = log([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [1, 3, 5, 7]])

    found = hold_out_users(sequences, 0.34, seed=0).split

    (new,) = found.test.users.tolist()
    assert told(found.test) == {new: (sequences.of(new)[:-1].tolist(), int(sequences.of(new)[-1]))}
    assert found.train.of(new).tolist() == []
    assert found.train.of(2).tolist() == [8, 9]
    assert set(found.valid.users.tolist()) == {0, 1, 3} - {new}


def test_the_extreme_split_holds_out_half_of_users_and_items() -> None:
    data = tiny_dataset()

    found = hold_out_both(data.sequences, 0.5, 24, seed=0)

    assert found.new_items is not None
    assert found.new_items.sum() == 12
    assert len(found.split.test) == 30
    assert not found.new_items[found.split.train.rows].any()
    assert not set(found.split.train.users()) & set(found.split.test.users)
    assert not set(found.split.valid.users) & set(found.split.test.users)
    whole = data.sequences.of(int(found.split.test.users[0]))
    assert found.split.test.history(0).tolist() == whole[:-1].tolist()


def test_the_same_seed_draws_the_same_and_another_one_another() -> None:
    sequences = tiny_dataset().sequences

    first, again, other = (hold_out_items(sequences, 0.3, 24, seed=seed).new_items for seed in (1, 1, 2))

    assert first is not None
    assert again is not None
    assert other is not None
    assert first.tolist() == again.tolist() != other.tolist()


def test_a_sample_keeps_whole_users_and_their_numbers() -> None:
    sequences = log([[0, 1, 2], [3, 4, 5], [6, 7], [8, 9, 0]])

    found = sample_users(sequences, 2, seed=0)

    assert len(found) == 4
    assert sorted(found.lengths.tolist()) == [0, 0, 3, 3]
    assert found.of(2).tolist() == []
    assert all(rows.tolist() in ([], sequences.of(user).tolist()) for user, rows in enumerate(found))


def test_a_sample_as_large_as_the_log_is_the_log() -> None:
    sequences = log([[0, 1, 2], [3, 4]])

    assert sample_users(sequences, 2, seed=0) is sequences
    with pytest.raises(ValueError, match="at least 1"):
        sample_users(sequences, 0, seed=0)


def test_one_cut_in_time_is_the_same_for_everybody() -> None:
    # Moments 0 to 9: training until 8, validation in 8, the test from 9 on.
    times = [[START + t for t in moments] for moments in ([0, 1, 2, 8], [3, 4, 9], [5, 6, 7])]
    sequences = log([[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]], times)

    found = split_by_time(sequences).split

    assert [rows.tolist() for rows in found.train] == [[0, 1, 2], [4, 5], [7, 8, 9]]
    assert told(found.valid) == {0: ([0, 1, 2], 3)}
    assert told(found.test) == {1: ([4, 5], 6)}


def test_the_first_event_after_the_cut_is_asked_for_and_somebody_without_a_past_is_not() -> None:
    moments = ([0, 1, 2, 3, 4, 5, 6, 7], [3, 8], [2, 9, 9], [9], [1, 2, 3, 4, 5, 6])
    sequences = log([[0] * 8, [1, 2], [3, 4, 5], [6], [0] * 6], [[START + t for t in each] for each in moments])

    found = split_by_time(sequences).split

    assert told(found.valid) == {1: ([1], 2)}
    assert told(found.test) == {2: ([3], 4)}
    assert (found.train.timestamps < START + 9).all()


def test_positions_are_no_clock() -> None:
    with pytest.raises(DataError, match="real clock"):
        split_by_time(log([[0, 1, 2, 3]]))


@pytest.mark.parametrize("split", [name for name in SPLITS if name != "global time"])
def test_no_split_lets_training_know_what_is_asked(split: str) -> None:
    data = tiny_dataset()

    _, derived = make_split(data, SplitConfig(split=split, n_users=40))  # type: ignore[arg-type]  # parametrized by its values

    assert check_leaks(derived).passed
    assert len(derived.split.test)


def test_a_split_by_time_leaks_nothing_either_and_needs_a_clock() -> None:
    data = tiny_dataset()
    timed = replace(data, sequences=replace(data.sequences, timestamps=data.sequences.timestamps + START))

    _, derived = make_split(timed, SplitConfig(split="global time"))

    assert check_leaks(derived).passed
    assert can_split(timed, SplitConfig(split="global time"))
    assert not can_split(data, SplitConfig(split="global time"))


def test_a_log_that_leaves_nothing_to_ask_is_refused() -> None:
    with pytest.raises(DataError, match="leaves"):
        hold_out_users(log([[0, 1, 2]]), 0.5, seed=0)
