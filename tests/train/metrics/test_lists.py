import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.train.evaluation.hand_made import catalogue, rows
from train.items.features import Features, text_space
from train.metrics.interests import category_interests
from train.metrics.lists import (
    PADDING,
    coverage,
    distinct_labels,
    gini,
    intra_list_distance,
    list_metrics,
    top_lists,
)
from train.metrics.ranking import Score


def scored(table: list[list[float]]) -> Score:
    scores = np.array(table, dtype=np.float32)
    return lambda users: scores[users].copy()


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return result


def test_a_list_has_the_best_unseen_items_with_ties_in_row_order() -> None:
    lists, scores = top_lists(scored([[0.9, 0.5, 0.5, 0.7, 0.1]]), [rows(0)], 5, 3)

    assert lists.tolist() == [[3, 1, 2]]
    assert scores[0].tolist() == pytest.approx([0.7, 0.5, 0.5])


def test_short_lists_are_padded() -> None:
    lists, scores = top_lists(scored([[0.9, 0.5, 0.7], [0.1, 0.2, 0.3]]), [rows(0, 1), rows(0, 1, 2)], 3, 4)

    assert lists.tolist() == [[2, PADDING, PADDING, PADDING], [PADDING] * 4]
    assert scores[1].tolist() == [-np.inf] * 4


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_lists_match_a_full_sort(seed: int) -> None:
    random = np.random.default_rng(seed)
    # Few distinct scores give many ties.
    scores = random.integers(0, 6, (5, 20)).astype(np.float32)
    histories = [random.choice(20, random.integers(0, 5)).astype(np.int32) for _ in range(5)]

    lists, _ = top_lists(lambda users: scores[users].copy(), histories, 20, 7)

    for user, shown in enumerate(lists):
        free = [row for row in range(20) if row not in histories[user]]
        assert shown.tolist() == sorted(free, key=lambda row: (-scores[user, row], row))[:7]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_intra_list_distance_matches_the_formula(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = unit(random.normal(size=(9, 4)))
    vectors[0] = 0.0
    lists = np.array([random.permutation(9)[:5] for _ in range(6)], dtype=np.int32)

    result = intra_list_distance(lists, vectors)

    for shown, distance in zip(lists, result, strict=True):
        has_text = [row for row in shown if row != 0]
        pairs = [1 - float(vectors[i] @ vectors[j]) for a, i in enumerate(has_text) for j in has_text[a + 1 :]]
        assert distance == pytest.approx(np.mean(pairs), abs=1e-5)


def test_equal_items_have_distance_zero_and_opposite_ones_two() -> None:
    vectors = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], dtype=np.float32)

    assert intra_list_distance(np.array([[0, 1], [0, 2]], dtype=np.int32), vectors).tolist() == [0.0, 2.0]


def test_fewer_than_two_items_with_text_have_no_distance() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 0.0]], dtype=np.float32)

    result = intra_list_distance(np.array([[0, 1], [0, PADDING], [PADDING, PADDING]], dtype=np.int32), vectors)

    assert np.isnan(result).all()


def test_distinct_categories_are_counted_once_per_list() -> None:
    labels = category_interests(catalogue([["a"], ["a", "b"], ["c"], [], ["d"]]))
    assert labels is not None

    result = distinct_labels(np.array([[0, 1], [0, 0], [3, PADDING], [1, 2]], dtype=np.int32), labels)

    assert result.tolist() == [1.0, 0.5, 0.0, 1.5]


def test_coverage_is_the_share_of_items_in_any_list() -> None:
    assert coverage(np.array([[0, 1], [1, PADDING]], dtype=np.int32), 4) == 0.5


@pytest.mark.parametrize("shown", [[[0, 1], [2, 3]], [[0, 1], [0, 1]], [[3, 3], [3, 3]], [[0, 1], [0, 2]]])
def test_gini_matches_the_mean_difference_of_all_pairs(shown: list[list[int]]) -> None:
    lists = np.array(shown, dtype=np.int32)
    exposure = np.bincount(lists.ravel(), minlength=4)

    slow = sum(abs(int(a) - int(b)) for a in exposure for b in exposure) / (2 * 4**2 * exposure.mean())

    assert gini(lists, 4) == pytest.approx(slow)


def test_empty_lists_have_zero_coverage() -> None:
    nothing = np.full((2, 3), PADDING, dtype=np.int32)

    assert list_metrics(nothing, 4, np.eye(4, dtype=np.float32), None) == {"coverage@3": 0.0, "gini@3": 0.0}


def test_all_list_metrics_are_named() -> None:
    labels = category_interests(catalogue([["a"], ["b"], ["c"]]))

    result = list_metrics(np.array([[0, 1], [0, 2]], dtype=np.int32), 3, np.eye(3, dtype=np.float32), labels)

    assert result == pytest.approx({"coverage@2": 1.0, "gini@2": 1 / 6, "ild@2": 1.0, "categories@2": 1.0})


def test_text_space_is_the_direction_of_the_present_tokens() -> None:
    vectors = np.array([[[3.0, 0.0], [0.0, 4.0]], [[2.0, 0.0], [9.0, 9.0]], [[1.0, 1.0], [1.0, 1.0]]], dtype=np.float32)
    present = np.array([[True, True], [True, False], [False, False]])

    assert text_space(Features("made", vectors, present)) == pytest.approx(np.array([[0.6, 0.8], [1, 0], [0, 0]]))
