from dataclasses import replace

import numpy as np
import pytest

from tests.train.evaluation.hand_made import as_dict, log
from tests.train.tiny_data import tiny_dataset
from train.errors import DataError
from train.evaluation.checks import check_leaks
from train.evaluation.split_config import SPLITS, SplitConfig, can_split, make_split
from train.evaluation.splits import (
    hold_out_both,
    hold_out_items,
    hold_out_users,
    sample_users,
    split_by_time,
)

# Seconds since 1970, in September 2001.
START = 1_000_000_000


def test_new_items_are_removed_from_histories_and_are_the_targets() -> None:
    sequences = log([[0, 1, 2, 3, 4], [4, 0, 1, 2, 0], [1, 4, 2, 4, 0], [0, 1, 2, 1, 3]])

    # One of five items is drawn; with this seed it is item 4.
    seed = next(s for s in range(100) if np.random.default_rng(s).choice(np.arange(5), 1, replace=False)[0] == 4)
    result = hold_out_items(sequences, 0.2, 5, seed=seed)

    assert result.new_items is not None
    assert result.withheld is not None
    assert np.flatnonzero(result.new_items).tolist() == [4]
    assert [rows.tolist() for rows in result.split.train] == [[0, 1, 2], [0, 1], [1, 2], [0, 1, 2]]
    assert as_dict(result.split.test) == {0: ([0, 1, 2, 3], 4), 2: ([1, 2], 4)}
    assert as_dict(result.split.valid) == {0: ([0, 1, 2], 3), 1: ([0, 1], 2), 3: ([0, 1, 2], 1)}
    assert result.withheld.tolist() == [4, 4]


def test_a_user_with_only_new_items_has_no_target() -> None:
    sequences = log([[4, 4, 4, 4], [0, 1, 4], [0, 1, 2, 3], [1, 0, 2, 3]])
    seed = next(s for s in range(100) if np.random.default_rng(s).choice(np.arange(5), 1, replace=False)[0] == 4)

    result = hold_out_items(sequences, 0.2, 5, seed=seed)

    assert as_dict(result.split.test) == {1: ([0, 1], 4)}
    assert result.split.train.of(0).tolist() == []


def test_new_users_are_not_trained_on_and_have_whole_histories() -> None:
    sequences = log([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [1, 3, 5, 7]])

    result = hold_out_users(sequences, 0.34, seed=0).split

    (new,) = result.test.users.tolist()
    assert as_dict(result.test) == {new: (sequences.of(new)[:-1].tolist(), int(sequences.of(new)[-1]))}
    assert result.train.of(new).tolist() == []
    assert result.train.of(2).tolist() == [8, 9]
    assert set(result.valid.users.tolist()) == {0, 1, 3} - {new}


def test_the_extreme_split_holds_out_half_of_users_and_items() -> None:
    data = tiny_dataset()

    result = hold_out_both(data.sequences, 0.5, 24, seed=0)

    assert result.new_items is not None
    assert result.new_items.sum() == 12
    assert len(result.split.test) == 30
    assert not result.new_items[result.split.train.rows].any()
    assert not set(result.split.train.users()) & set(result.split.test.users)
    assert not set(result.split.valid.users) & set(result.split.test.users)
    whole = data.sequences.of(int(result.split.test.users[0]))
    assert result.split.test.history(0).tolist() == whole[:-1].tolist()


def test_the_split_depends_on_the_seed() -> None:
    sequences = tiny_dataset().sequences

    first, again, other = (hold_out_items(sequences, 0.3, 24, seed=seed).new_items for seed in (1, 1, 2))

    assert first is not None
    assert again is not None
    assert other is not None
    assert first.tolist() == again.tolist() != other.tolist()


def test_a_sample_keeps_whole_users_and_their_numbers() -> None:
    sequences = log([[0, 1, 2], [3, 4, 5], [6, 7], [8, 9, 0]])

    result = sample_users(sequences, 2, seed=0)

    assert len(result) == 4
    assert sorted(result.lengths.tolist()) == [0, 0, 3, 3]
    assert result.of(2).tolist() == []
    assert all(rows.tolist() in ([], sequences.of(user).tolist()) for user, rows in enumerate(result))


def test_a_sample_as_large_as_the_log_is_the_log() -> None:
    sequences = log([[0, 1, 2], [3, 4]])

    assert sample_users(sequences, 2, seed=0) is sequences
    with pytest.raises(ValueError, match="at least 1"):
        sample_users(sequences, 0, seed=0)


def test_the_time_of_the_split_is_the_same_for_all_users() -> None:
    # Moments 0 to 9: training until 8, validation in 8, the test from 9 on.
    times = [[START + t for t in moments] for moments in ([0, 1, 2, 8], [3, 4, 9], [5, 6, 7])]
    sequences = log([[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]], times)

    result = split_by_time(sequences).split

    assert [rows.tolist() for rows in result.train] == [[0, 1, 2], [4, 5], [7, 8, 9]]
    assert as_dict(result.valid) == {0: ([0, 1, 2], 3)}
    assert as_dict(result.test) == {1: ([4, 5], 6)}


def test_the_first_event_after_the_split_is_the_target_of_users_with_a_history() -> None:
    moments = ([0, 1, 2, 3, 4, 5, 6, 7], [3, 8], [2, 9, 9], [9], [1, 2, 3, 4, 5, 6])
    sequences = log([[0] * 8, [1, 2], [3, 4, 5], [6], [0] * 6], [[START + t for t in each] for each in moments])

    result = split_by_time(sequences).split

    assert as_dict(result.valid) == {1: ([1], 2)}
    assert as_dict(result.test) == {2: ([3], 4)}
    assert (result.train.timestamps < START + 9).all()


def test_positions_are_refused_as_timestamps() -> None:
    with pytest.raises(DataError, match="real timestamps"):
        split_by_time(log([[0, 1, 2, 3]]))


@pytest.mark.parametrize("split", [name for name in SPLITS if name != "global time"])
def test_no_split_has_targets_in_the_training_data(split: str) -> None:
    data = tiny_dataset()

    _, derived = make_split(data, SplitConfig(split=split, n_users=40))  # type: ignore[arg-type]  # parametrized by its values

    assert check_leaks(derived).passed
    assert len(derived.split.test)


def test_a_split_by_time_has_no_leaks_and_needs_timestamps() -> None:
    data = tiny_dataset()
    timed = replace(data, sequences=replace(data.sequences, timestamps=data.sequences.timestamps + START))

    _, derived = make_split(timed, SplitConfig(split="global time"))

    assert check_leaks(derived).passed
    assert can_split(timed, SplitConfig(split="global time"))
    assert not can_split(data, SplitConfig(split="global time"))


def test_a_log_without_targets_is_refused() -> None:
    with pytest.raises(DataError, match="leaves"):
        hold_out_users(log([[0, 1, 2]]), 0.5, seed=0)
