import numpy as np

from tests.train.evaluation.hand_made import log
from train.data.split import Split, leave_one_out
from train.evaluation.scenarios import (
    cold_target,
    densities,
    drifting,
    lengths,
    long_dense,
    new_behaviour,
    scenarios,
    short_sparse,
)
from train.metrics.interests import cluster_interests

# Twelve items: 0 to 5 in one cluster, 6 to 11 in the other. Each log ends in a validation and a test event.
TWO_TASTES = cluster_interests(np.repeat([0, 1], 6))


def split(*trained: list[int], ending: tuple[int, int] = (10, 11)) -> Split:
    return leave_one_out(log([[*rows, *ending] for rows in trained]))


def test_length_and_density_are_of_training_events() -> None:
    found = split([1, 2, 3], [1, 1, 1, 1, 2])

    assert lengths(found).tolist() == [3, 5]
    assert densities(found).tolist() == [3, 2]


def test_short_sparse_is_shorter_than_five_or_of_fewer_than_three_items() -> None:
    found = split([0, 1, 2, 3], [0, 1, 2, 3, 4], [0, 1, 0, 1, 0, 1, 0], [0, 1, 2, 0, 1])

    assert short_sparse(found).tolist() == [True, False, True, False]


def test_long_dense_is_ten_or_more_events_on_eight_or_more_items() -> None:
    found = split(list(range(10)), list(range(9)), [0, 1, 2, 3, 4, 5, 6, 0, 1, 2], [0, 1, 2, 3, 4, 5, 6, 7, 0, 1])

    assert long_dense(found).tolist() == [True, False, False, True]


def test_a_user_who_was_never_trained_is_short() -> None:
    whole = split([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    new = Split(whole.train.keep(whole.train.users() != 0), whole.valid, whole.test)

    assert short_sparse(new).tolist() == [True, False]


def test_drift_is_a_change_of_taste_that_shuffling_undoes() -> None:
    changed, steady, constant = [0, 1, 2, 3, 6, 7, 8], [0, 6, 1, 7, 2, 8, 3], [0, 1, 2, 3, 4, 5, 0]

    found = leave_one_out(log([[*changed, 9, 11], [*steady, 9, 11], [*constant, 1, 2], [0, 1, 6, 7, 8]]))

    assert drifting(found, TWO_TASTES).tolist() == [True, False, False, False]


def test_new_behaviour_is_a_category_never_touched_before_the_target() -> None:
    found = leave_one_out(log([[0, 1, 2, 6], [0, 1, 6, 7], [0, 1, 2, 3]]))

    assert new_behaviour(found, TWO_TASTES).tolist() == [True, False, False]


def test_a_target_is_cold_when_training_has_it_fewer_than_five_times() -> None:
    others = [[3, 3, 3, 3, 0, 1, 2]]
    found = leave_one_out(log([*others, [0, 1, 3], [3, 0, 3], [0, 1, 9]]))

    assert np.bincount(found.train.rows, minlength=12)[3] == 5
    assert cold_target(found, 12).tolist() == [True, False, False, True]


def test_every_scenario_is_a_mask_over_all_targets() -> None:
    found = scenarios(split([0, 1, 2], [3, 4, 5]), 12, TWO_TASTES)

    assert list(found) == ["all", "short sparse", "long dense", "drift", "new behaviour", "cold item"]
    assert all(mask.shape == (2,) and mask.dtype == np.bool_ for mask in found.values())
    assert found["all"].all()


def test_without_interests_the_masks_that_need_them_are_left_out() -> None:
    assert list(scenarios(split([0, 1, 2]), 12, None)) == ["all", "short sparse", "long dense", "cold item"]
