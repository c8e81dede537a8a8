from itertools import pairwise

import numpy as np
import pytest

from tests.train.evaluation.hand_made import log, rows
from tests.train.tiny_data import tiny_dataset
from train.data.split import leave_one_out
from train.evaluation.baselines import (
    DECAY,
    baseline_metrics_of_split,
    item_to_item,
    nearest_text,
    popularity,
)
from train.evaluation.splits import DerivedSplit, hold_out_items

EVERYBODY = np.arange(1)


def test_popularity_is_the_count_of_an_item_for_all_users() -> None:
    scores = popularity(rows(2, 2, 0), 4)(np.arange(2))

    assert scores.tolist() == [[1, 0, 2, 0]] * 2


def test_item_to_item_matches_the_formula() -> None:
    train = log([[0, 1, 2, 0, 3], [1, 2, 3], [2, 0, 1]])
    history = [3, 1, 3, 2, 0, 2, 1]

    result = item_to_item(train, [rows(*history)], 5)(EVERYBODY)[0]

    pairs = [(int(a), int(b)) for user in train for a, b in pairwise(user)]
    counts = np.bincount(train.rows, minlength=5)
    slow = [1e-4 * counts[j] / counts.max() for j in range(5)]
    for age, item in enumerate(history[::-1][:5]):
        following = [b for a, b in pairs if a == item]
        for j in range(5):
            slow[j] += DECAY**age * following.count(j) / max(1, len(following))
    assert result.tolist() == pytest.approx(slow, rel=1e-5)


def test_item_to_item_falls_back_on_popularity_for_an_empty_history() -> None:
    train = log([[0, 1, 1], [1, 2]])

    result = item_to_item(train, [rows(), rows(0)], 3)(np.arange(2))

    assert result[0].argmax() == 1
    assert result[0].max() < 1e-3 < result[1].max()


def test_nearest_text_ranks_items_similar_to_the_newest_event() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [0.0, 0.0]], dtype=np.float32)

    scores = nearest_text([rows(1, 0), rows()], vectors)(np.arange(2))

    assert scores[0].tolist() == pytest.approx([1.0, DECAY, 0.8 + 0.6 * DECAY, 0.0])
    assert scores[1].tolist() == [0.0] * 4


def test_item_to_item_learns_the_rule_of_the_tiny_data_and_popularity_does_not() -> None:
    derived = DerivedSplit(leave_one_out(tiny_dataset().sequences))

    result = baseline_metrics_of_split(derived, np.eye(24, dtype=np.float32), None)

    assert result["item to item"]["all"]["ndcg@10"] > 0.6 > result["popularity"]["all"]["ndcg@10"]
    assert result["transitions x texts"]["all"]["ndcg@10"] > result["item to item"]["all"]["ndcg@10"]
    assert result["item to item"]["all"]["n_users"] == 60


def test_new_items_have_their_own_baselines() -> None:
    derived = hold_out_items(tiny_dataset().sequences, 0.3, 24, seed=0)

    result = baseline_metrics_of_split(derived, np.eye(24, dtype=np.float32), None)

    among = result["most popular among new"]["new item, among new"]
    assert among["n_users"] == len(derived.split.test)
    assert among["recall@10"] == 1.0, "there are seven of them"
    text = result["nearest text"]
    assert text["new item, among new"]["recall@10"] == 1.0
    assert text["new item"] == {"n_users": text["all"]["n_users"]} | {
        name: text["all"][name] for name in text["new item"] if name != "n_users"
    }, "all targets are new, and compete with every item"
