"""Which events are learned from, held out, and compared with which items."""

import math

import msgspec
import numpy as np
import pytest

from edge_runtime.learning.adapter_step import EXCLUDED
from edge_runtime.learning.examples import Split, candidate_rows, offsets
from tests.tiny_learning import LEARNING


@pytest.mark.parametrize(
    ("n", "n_held_out", "first"), [(20, 4, 1), (24, 4, 1), (50, 10, 1), (150, 30, 1), (400, 30, 400 - 30 - 128)]
)
def test_a_fifth_is_held_out_within_limits_and_the_newest_before_it_are_examples(
    n: int, n_held_out: int, first: int
) -> None:
    split = Split.of(np.arange(n), LEARNING)

    assert split.held_out == range(n - n_held_out, n)
    assert split.examples == range(first, n - n_held_out)
    assert split.targets.tolist() == list(split.examples)
    assert split.own.tolist() == list(range(n - n_held_out))


def test_a_small_catalogue_is_compared_with_as_a_whole() -> None:
    split = Split.of(np.arange(30), LEARNING)

    assert candidate_rows(split, 512, 512, seed=0).tolist() == list(range(512))


def test_of_a_large_catalogue_items_are_drawn_that_are_not_the_users() -> None:
    split = Split.of(np.arange(100, 200), msgspec.structs.replace(LEARNING, examples=40))

    rows = candidate_rows(split, 10_000, 256, seed=3)

    assert len(rows) == 256
    assert (np.diff(rows) > 0).all()
    assert set(split.targets.tolist()) <= set(rows.tolist())
    drawn = set(rows.tolist()) - set(split.targets.tolist())
    assert not drawn & set(split.own.tolist())
    assert rows.tolist() == candidate_rows(split, 10_000, 256, seed=3).tolist()
    assert rows.tolist() != candidate_rows(split, 10_000, 256, seed=4).tolist()


def test_a_person_with_nearly_all_items_is_compared_with_what_is_left() -> None:
    split = Split.of(np.arange(40), LEARNING)

    rows = candidate_rows(split, 34, 33, seed=0)

    assert set(rows.tolist()) == set(split.targets.tolist()) | {32, 33} - set(split.own.tolist())


def test_an_example_counts_its_own_item_and_none_of_the_persons_others() -> None:
    added = offsets(np.array([2, 4]), np.array([1, 2, 3, 4]), np.array([2, 4, 9]), n_items=5)

    assert added.tolist() == [[0.0, 0.0, 0.0, EXCLUDED], [0.0, EXCLUDED, 0.0, 0.0]]


def test_an_item_that_was_drawn_stands_for_all_that_could_have_been() -> None:
    added = offsets(np.array([2, 4]), np.array([1, 2, 3, 4]), np.array([2, 4]), n_items=10)

    each = math.log(8 / 2)
    assert added == pytest.approx(np.array([[each, 0.0, each, EXCLUDED], [each, EXCLUDED, each, 0.0]]))
