import numpy as np
import pytest

from tests.train.evaluation.hand_made import as_dict, log
from train.data.split import leave_one_out
from train.metrics.histories import (
    cut_histories,
    histories_of,
    insert_noise,
    select_targets,
    shuffle_histories,
    with_histories,
)

SPLIT = leave_one_out(log([[0, 1, 2, 3, 4], [5], [6, 7, 8]]))


def test_replacing_histories_keeps_users_and_targets() -> None:
    changed = with_histories(SPLIT.test, [np.array([9], dtype=np.int32), np.array([], dtype=np.int32)])

    assert as_dict(changed) == {0: ([9], 4), 2: ([], 8)}
    assert changed.sequences.of(1).tolist() == []
    assert changed.sequences.times_of(0).tolist() == [0, 1]


def test_validation_targets_work_too() -> None:
    assert as_dict(cut_histories(SPLIT.valid, 2)) == {0: ([1, 2], 3), 2: ([6], 7)}


def test_a_new_user_has_only_the_newest_events() -> None:
    assert as_dict(cut_histories(SPLIT.test, 1)) == {0: ([3], 4), 2: ([7], 8)}
    assert as_dict(cut_histories(SPLIT.test, 3)) == {0: ([1, 2, 3], 4), 2: ([6, 7], 8)}


def test_fewer_than_one_event_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        cut_histories(SPLIT.test, 0)


def test_shuffling_keeps_events_and_target() -> None:
    targets = leave_one_out(log([list(range(30))])).test

    shuffled = shuffle_histories(targets, seed=0)

    assert sorted(shuffled.history(0)) == list(range(29))
    assert shuffled.history(0).tolist() != list(range(29))
    assert shuffled.rows.tolist() == [29]


def test_noise_keeps_the_order_of_real_events() -> None:
    targets = leave_one_out(log([list(range(101))] * 40)).test

    noisy = insert_noise(targets, 0.2, 10_000, seed=0)

    for history in histories_of(noisy):
        events = iter(history.tolist())
        assert len(history) == 120
        assert all(row in events for row in range(100)), "the real events, in their order"


def test_noise_is_never_the_target() -> None:
    targets = leave_one_out(log([[0, 1, 2]] * 200)).test

    noisy = insert_noise(targets, 5.0, 3, seed=0)

    assert all(2 not in history for history in histories_of(noisy))
    assert all(len(history) == 12 for history in histories_of(noisy))


def test_short_histories_get_the_right_noise_on_average() -> None:
    targets = leave_one_out(log([[0, 1, 2, 3, 4]] * 2000)).test

    lengths = [len(history) for history in histories_of(insert_noise(targets, 0.1, 50, seed=0))]

    assert set(lengths) == {4, 5}
    assert np.mean(lengths) == pytest.approx(4.4, abs=0.05)


def test_no_noise_changes_nothing_and_negative_noise_is_refused() -> None:
    assert as_dict(insert_noise(SPLIT.test, 0.0, 9, seed=0)) == as_dict(SPLIT.test)
    with pytest.raises(ValueError, match="at least 0"):
        insert_noise(SPLIT.test, -0.1, 9, seed=0)


def test_selected_targets_keep_their_histories() -> None:
    assert as_dict(select_targets(SPLIT.test, np.array([False, True]))) == {2: ([6, 7], 8)}
