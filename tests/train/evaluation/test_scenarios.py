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

# Twelve items: 0 to 5 in one cluster, 6 to 11 in the other. Each log ends with a validation and a test event.
TWO_TASTES = cluster_interests(np.repeat([0, 1], 6))


def split(*trained: list[int], ending: tuple[int, int] = (10, 11)) -> Split:
    return leave_one_out(log([[*rows, *ending] for rows in trained]))


def test_length_and_density_are_of_training_events() -> None:
    result = split([1, 2, 3], [1, 1, 1, 1, 2])

    assert lengths(result).tolist() == [3, 5]
    assert densities(result).tolist() == [3, 2]


def test_short_sparse_is_below_five_events_or_three_items() -> None:
    result = split([0, 1, 2, 3], [0, 1, 2, 3, 4], [0, 1, 0, 1, 0, 1, 0], [0, 1, 2, 0, 1])

    assert short_sparse(result).tolist() == [True, False, True, False]


def test_long_dense_is_at_least_ten_events_and_eight_items() -> None:
    result = split(list(range(10)), list(range(9)), [0, 1, 2, 3, 4, 5, 6, 0, 1, 2], [0, 1, 2, 3, 4, 5, 6, 7, 0, 1])

    assert long_dense(result).tolist() == [True, False, False, True]


def test_a_user_without_training_events_is_short() -> None:
    whole = split([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    new = Split(whole.train.keep(whole.train.users() != 0), whole.valid, whole.test)

    assert short_sparse(new).tolist() == [True, False]


def test_drift_is_a_change_beyond_that_of_shuffles() -> None:
    changed, steady, constant = [0, 1, 2, 3, 6, 7, 8], [0, 6, 1, 7, 2, 8, 3], [0, 1, 2, 3, 4, 5, 0]

    result = leave_one_out(log([[*changed, 9, 11], [*steady, 9, 11], [*constant, 1, 2], [0, 1, 6, 7, 8]]))

    assert drifting(result, TWO_TASTES).tolist() == [True, False, False, False]


def test_new_behaviour_is_a_category_that_is_new_to_the_user() -> None:
    result = leave_one_out(log([[0, 1, 2, 6], [0, 1, 6, 7], [0, 1, 2, 3]]))

    assert new_behaviour(result, TWO_TASTES).tolist() == [True, False, False]


def test_a_target_with_fewer_than_five_training_events_is_cold() -> None:
    others = [[3, 3, 3, 3, 0, 1, 2]]
    result = leave_one_out(log([*others, [0, 1, 3], [3, 0, 3], [0, 1, 9]]))

    assert np.bincount(result.train.rows, minlength=12)[3] == 5
    assert cold_target(result, 12).tolist() == [True, False, False, True]


def test_every_scenario_is_a_mask_over_all_targets() -> None:
    result = scenarios(split([0, 1, 2], [3, 4, 5]), 12, TWO_TASTES)

    assert list(result) == ["all", "short sparse", "long dense", "drift", "new behaviour", "cold item"]
    assert all(mask.shape == (2,) and mask.dtype == np.bool_ for mask in result.values())
    assert result["all"].all()


def test_masks_that_need_interests_are_left_out_without_them() -> None:
    assert list(scenarios(split([0, 1, 2]), 12, None)) == ["all", "short sparse", "long dense", "cold item"]
