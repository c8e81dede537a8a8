import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.train.evaluation.hand_made import catalogue, rows
from train.metrics.interests import (
    Interests,
    category_interests,
    cluster_interests,
    drift,
    drift_by_chance,
    jensen_shannon,
    new_to_user,
)

# "Shop" is on every item and is left out; labels are 0 hair, 1 nails, 2 skin, in alphabetical order.
ITEMS = catalogue([["Shop", "nails"], ["Shop", "skin"], ["Shop", "nails", "skin"], ["Shop"], ["Shop", "hair"]])
NAILS, SKIN, BOTH, PLAIN, HAIR = range(5)


def interests() -> Interests:
    result = category_interests(ITEMS)
    assert result is not None
    return result


def test_an_item_with_two_labels_counts_half_for_each() -> None:
    spread = interests().distributions([rows(NAILS, BOTH), rows(SKIN), rows(PLAIN, HAIR)])

    assert spread.tolist() == [[0.0, 0.75, 0.25], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_a_history_without_labels_is_a_row_of_zeros() -> None:
    assert interests().distributions([rows(PLAIN), rows()]).tolist() == [[0.0] * 3] * 2


def test_a_category_of_most_items_is_left_out() -> None:
    assert category_interests(catalogue([["Shop"], ["Shop"]])) is None
    assert interests().n_labels == 3


def test_a_catalogue_without_categories_has_no_labels() -> None:
    assert category_interests(catalogue([[], []])) is None


def test_clusters_replace_categories() -> None:
    spread = cluster_interests(np.array([1, 0, -1])).distributions([rows(0, 1, 2)])

    assert spread.tolist() == [[0.5, 0.5]]


def test_disjoint_distributions_are_one_bit_apart_and_equal_ones_zero() -> None:
    first, second = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])

    assert jensen_shannon(first, second).tolist() == [1.0, 0.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_divergence_matches_the_formula(seed: int) -> None:
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.full(4, 0.3), 2)

    slow = 0.0
    for a, b in zip(p, q, strict=True):
        middle = (a + b) / 2
        slow += (a * np.log2(a / middle) if a > 0 else 0.0) / 2 + (b * np.log2(b / middle) if b > 0 else 0.0) / 2

    assert jensen_shannon(p[None], q[None])[0] == pytest.approx(slow, abs=1e-12)


def test_drift_compares_the_older_and_the_newer_half() -> None:
    changed = rows(*[NAILS] * 4, *[SKIN] * 4)
    mixed = rows(NAILS, SKIN).repeat(1)
    steady = np.tile(mixed, 4)

    result = drift([changed, steady], interests())

    assert result.tolist() == [1.0, 0.0]


def test_short_histories_and_those_without_labels_have_no_drift() -> None:
    result = drift([rows(*[NAILS] * 7), rows(*[PLAIN] * 8), rows()], interests())

    assert np.isnan(result).all()


def test_the_odd_event_belongs_to_the_newer_half() -> None:
    result = drift([rows(*[NAILS] * 4, *[SKIN] * 5)], interests())

    assert result.tolist() == [1.0]


def test_chance_drift_is_that_of_shuffles() -> None:
    changed, single = rows(*[NAILS] * 4, *[SKIN] * 4), rows(*[NAILS] * 8)

    by_chance = drift_by_chance([changed, single], interests(), seed=0)

    assert 0.0 < by_chance[0] < 0.6
    assert by_chance[1] == 0.0
    assert by_chance.tolist() == drift_by_chance([changed, single], interests(), seed=0).tolist()


def test_a_target_is_new_if_the_history_has_none_of_its_labels() -> None:
    result = new_to_user(
        [rows(NAILS), rows(NAILS), rows(NAILS), rows(HAIR), rows()], rows(SKIN, BOTH, PLAIN, BOTH, HAIR), interests()
    )

    assert result.tolist() == [True, False, False, True, True]
