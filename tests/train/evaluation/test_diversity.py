import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from edge_runtime.diversity import diversified_positions
from tests.train.evaluation.hand_made import log, rows
from tests.train.evaluation.walker import Walker
from train.data.split import leave_one_out
from train.evaluation.diversity import accuracy, kept, measure_diversity, re_rank_lists
from train.metrics.lists import PADDING


def reverse(scores: NDArray[np.float32], vectors: NDArray[np.float32], k: int, diversity: float) -> NDArray[np.int64]:
    """Reverse the list if the diversity is above one half."""
    positions = np.arange(len(scores))
    return (positions[::-1] if diversity > 0.5 else positions)[:k]


def test_the_first_ten_of_the_new_order_are_shown() -> None:
    candidates = np.array([[*range(1, 15)], [*range(1, 6), *[PADDING] * 9]], dtype=np.int32)
    nothing, table = np.zeros((2, 14), dtype=np.float32), np.zeros((15, 2), dtype=np.float32)

    shown = re_rank_lists(candidates, nothing, table, reverse, 1.0)

    assert shown.tolist() == [[*range(14, 4, -1)], [5, 4, 3, 2, 1, *[PADDING] * 5]]


def test_the_devices_re_ranker_changes_nothing_at_its_precise_end() -> None:
    targets = leave_one_out(log([[0, 1, 2, 3], [5, 6, 7, 8]])).test

    precise, diverse = measure_diversity(
        Walker(12), targets, diversified_positions, np.eye(12, dtype=np.float32), None, diversities=(0.0, 1.0)
    )

    assert precise.figures["ndcg@10"] == 1.0
    assert precise.figures["kept@10"] == 1.0
    assert diverse.figures["coverage@10"] > 0


def test_accuracy_uses_the_position_in_the_list_and_counts_absent_targets_as_misses() -> None:
    result = accuracy(np.array([[3, 4, 5], [3, 4, 5], [0, 1, 2]], dtype=np.int32), rows(3, 5, 9))

    assert result == pytest.approx({"ndcg@10": (1.0 + 0.5 + 0.0) / 3, "recall@10": 2 / 3})


def test_kept_is_the_share_of_the_precise_list_in_any_order() -> None:
    candidates = np.array([[*range(20)], [4, 5, *[PADDING] * 18], [PADDING] * 20], dtype=np.int32)
    lists = np.array([[9, 0, 10, 11, 12, 13, 14, 15, 16, 17], [5, *[PADDING] * 9], [PADDING] * 10], dtype=np.int32)

    assert kept(lists, candidates) == pytest.approx((2 / 10 + 1 / 2) / 2)


def test_there_is_a_point_for_each_setting() -> None:
    torch.manual_seed(0)
    targets = leave_one_out(log([[0, 1, 2, 3], [5, 6, 7, 8]])).test

    points = measure_diversity(Walker(12), targets, reverse, np.eye(12, dtype=np.float32), None, diversities=(0.0, 1.0))

    assert [point.diversity for point in points] == [0.0, 1.0]
    assert points[0].figures["ndcg@10"] == 1.0
    assert points[1].figures["ndcg@10"] < 1.0
    assert points[0].figures["ild@10"] == pytest.approx(1.0)
