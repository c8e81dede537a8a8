"""Overlap and rank-biased overlap of lists."""

import numpy as np
import pytest

from export.lists import PERSISTENCE, TopRows, overlap, rank_biased_overlap


def rows(*lists: list[int]) -> TopRows:
    return np.array(lists, dtype=np.int64)


def test_equal_lists_agree_completely_and_disjoint_ones_not_at_all() -> None:
    first, second = rows([1, 2, 3], [1, 2, 3]), rows([1, 2, 3], [4, 5, 6])

    assert overlap(first, second).tolist() == [1.0, 0.0]
    assert rank_biased_overlap(first, second) == pytest.approx([1.0, 0.0])


def test_rank_biased_overlap_is_that_of_its_definition() -> None:
    first, second = [1, 2, 3, 4], [2, 1, 5, 3]
    common = [len(set(first[:depth]) & set(second[:depth])) for depth in range(1, 5)]

    expected = common[-1] / 4 * PERSISTENCE**4
    expected += (1 - PERSISTENCE) / PERSISTENCE * sum(n / d * PERSISTENCE**d for d, n in enumerate(common, 1))

    assert common == [0, 2, 2, 3]
    assert rank_biased_overlap(rows(first), rows(second)) == pytest.approx([expected])


def test_a_difference_at_the_top_counts_more_than_one_at_the_end() -> None:
    first = rows([1, 2, 3, 4])

    top, end = rank_biased_overlap(np.repeat(first, 2, axis=0), rows([9, 2, 3, 4], [1, 2, 3, 9]))

    assert overlap(np.repeat(first, 2, axis=0), rows([9, 2, 3, 4], [1, 2, 3, 9])).tolist() == [0.75, 0.75]
    assert top < end


def test_padding_of_short_lists_is_no_common_item() -> None:
    assert overlap(rows([1, -1]), rows([2, -1])).tolist() == [0.0]
    assert rank_biased_overlap(rows([1, -1]), rows([2, -1])) == pytest.approx([0.0])
    assert rank_biased_overlap(rows([1, -1]), rows([1, -1])) == pytest.approx([1.0])
    assert rank_biased_overlap(rows([-1, -1]), rows([-1, -1])) == pytest.approx([1.0])
