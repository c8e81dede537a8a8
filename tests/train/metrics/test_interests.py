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

# "Shop" is on every item and tells nothing; labels are 0 hair, 1 nails, 2 skin, by name.
ITEMS = catalogue([["Shop", "nails"], ["Shop", "skin"], ["Shop", "nails", "skin"], ["Shop"], ["Shop", "hair"]])
NAILS, SKIN, BOTH, PLAIN, HAIR = range(5)


def interests() -> Interests:
    found = category_interests(ITEMS)
    assert found is not None
    return found


def test_an_item_with_two_labels_gives_half_to_each() -> None:
    spread = interests().distributions([rows(NAILS, BOTH), rows(SKIN), rows(PLAIN, HAIR)])

    assert spread.tolist() == [[0.0, 0.75, 0.25], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


def test_a_history_without_labels_is_no_distribution_and_no_error() -> None:
    assert interests().distributions([rows(PLAIN), rows()]).tolist() == [[0.0] * 3] * 2


def test_a_category_that_most_items_carry_tells_nothing() -> None:
    assert category_interests(catalogue([["Shop"], ["Shop"]])) is None
    assert interests().n_labels == 3


def test_a_catalogue_without_categories_has_no_labels_of_its_own() -> None:
    assert category_interests(catalogue([[], []])) is None


def test_clusters_stand_in_for_categories() -> None:
    spread = cluster_interests(np.array([1, 0, -1])).distributions([rows(0, 1, 2)])

    assert spread.tolist() == [[0.5, 0.5]]


def test_distributions_that_share_nothing_are_one_bit_apart_and_equal_ones_none() -> None:
    first, second = np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([[0.0, 1.0], [0.5, 0.5]])

    assert jensen_shannon(first, second).tolist() == [1.0, 0.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_divergence_equals_its_formula(seed: int) -> None:
    random = np.random.default_rng(seed)
    p, q = random.dirichlet(np.full(4, 0.3), 2)

    slow = 0.0
    for a, b in zip(p, q, strict=True):
        middle = (a + b) / 2
        slow += (a * np.log2(a / middle) if a > 0 else 0.0) / 2 + (b * np.log2(b / middle) if b > 0 else 0.0) / 2

    assert jensen_shannon(p[None], q[None])[0] == pytest.approx(slow, abs=1e-12)


def test_drift_is_between_the_older_and_the_newer_half() -> None:
    changed = rows(*[NAILS] * 4, *[SKIN] * 4)
    mixed = rows(NAILS, SKIN).repeat(1)
    steady = np.tile(mixed, 4)

    found = drift([changed, steady], interests())

    assert found.tolist() == [1.0, 0.0]


def test_a_history_too_short_or_without_labels_has_no_drift_to_tell() -> None:
    found = drift([rows(*[NAILS] * 7), rows(*[PLAIN] * 8), rows()], interests())

    assert np.isnan(found).all()


def test_the_odd_event_belongs_to_the_newer_half() -> None:
    found = drift([rows(*[NAILS] * 4, *[SKIN] * 5)], interests())

    assert found.tolist() == [1.0]


def test_chance_is_what_shuffling_leaves_of_a_drift() -> None:
    changed, single = rows(*[NAILS] * 4, *[SKIN] * 4), rows(*[NAILS] * 8)

    by_chance = drift_by_chance([changed, single], interests(), seed=0)

    assert 0.0 < by_chance[0] < 0.6
    assert by_chance[1] == 0.0
    assert by_chance.tolist() == drift_by_chance([changed, single], interests(), seed=0).tolist()


def test_a_target_is_new_to_a_user_who_never_touched_any_of_its_labels() -> None:
    found = new_to_user(
        [rows(NAILS), rows(NAILS), rows(NAILS), rows(HAIR), rows()], rows(SKIN, BOTH, PLAIN, BOTH, HAIR), interests()
    )

    assert found.tolist() == [True, False, False, True, True]
