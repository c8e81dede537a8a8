"""Completion accuracy: the choice of held-out events, candidates and hits."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_steps import make_data
from train.plugins.corec_clusters import InterestClusters
from train.plugins.corec_completion import Completion
from train.plugins.corec_metrics import completion_metrics, completion_scores, hold_out_one
from train.plugins.plugin import EvaluationData

DIM = 4
LABEL = torch.arange(9) // 3


def completion() -> Completion:
    torch.manual_seed(0)
    return Completion(DIM, kl_weight=0.5, kl_steps=2)


def clusters(label: Tensor = LABEL) -> InterestClusters:
    n_interests = int(label.max()) + 1
    module = InterestClusters(torch.eye(len(label)), torch.arange(len(label)), n_interests=n_interests, seed=0)
    module.label.copy_(label)
    return module


def data_of(
    histories: list[list[int]], targets: list[int], n_trained: Sequence[int], table: Tensor | None = None
) -> EvaluationData:
    return make_data(torch.randn(9, DIM) if table is None else table, histories, targets, n_trained=n_trained)


def test_the_held_out_event_was_not_used_in_training() -> None:
    data = data_of([[0, 1, 2, 3, 4, 5]], [8], n_trained=[3])

    hidden = [hold_out_one(data, seed).items.tolist() for seed in range(30)]

    assert {item for (item,) in hidden} == {3, 4, 5}


def test_under_leave_one_out_it_is_the_validation_event() -> None:
    shown, items = hold_out_one(data_of([[0, 1, 2, 3], [4, 5]], [8, 6], n_trained=[3, 1]), seed=0)

    assert items.tolist() == [3, 5]
    assert [rows.tolist() for rows in shown] == [[0, 1, 2, 8], [4, 6]]


def test_for_a_held_out_user_it_is_any_event_but_the_oldest() -> None:
    data = data_of([[0, 1, 2]], [8], n_trained=[0])

    result = [hold_out_one(data, seed) for seed in range(30)]

    assert {int(items[0]) for _, items in result} == {1, 2}
    assert all(shown[0][0] == 0 and shown[0][-1] == 8 for shown, _ in result)


@pytest.mark.parametrize(
    ("history", "target", "n_trained"),
    [
        ([0, 1, 2], 8, 3),
        ([5], 8, 0),
        ([], 8, 0),
        ([0, 1, 0], 8, 2),
        ([0, 1, 2, 2], 8, 2),
        ([0, 1, 2], 2, 2),
    ],
    ids=[
        "all trained on",
        "nothing before it",
        "no history",
        "trained on before",
        "twice in the history",
        "target too",
    ],
)
def test_users_without_an_eligible_event_are_left_out(history: list[int], target: int, n_trained: int) -> None:
    shown, items = hold_out_one(data_of([history, [3, 4]], [target, 5], n_trained=[n_trained, 1]), seed=0)

    assert items.tolist() == [4]
    assert [rows.tolist() for rows in shown] == [[3, 5]]


def test_events_of_repeated_items_are_not_chosen() -> None:
    data = data_of([[0, 1, 2, 1, 3, 4]], [3], n_trained=[1])

    hidden = {int(hold_out_one(data, seed).items[0]) for seed in range(30)}

    assert hidden == {2, 4}


def test_the_choice_for_one_user_does_not_depend_on_the_others() -> None:
    history = list(range(8))
    for seed in range(10):
        with_others = hold_out_one(data_of([[0, 1, 2, 3], history], [8, 8], n_trained=[1, 1]), seed)
        without_others = hold_out_one(data_of([[], history], [8, 8], n_trained=[0, 1]), seed)

        assert with_others.items[-1] == without_others.items[-1]


def test_only_new_items_of_the_interests_are_candidates() -> None:
    histories = [np.array([0, 1, 1], dtype=np.int32), np.array([3, 8], dtype=np.int32)]

    scores = completion_scores(completion(), clusters(), torch.arange(9), torch.randn(9, DIM), histories)

    assert [set(user.isfinite().nonzero()[:, 0].tolist()) for user in scores] == [{2}, {4, 5, 6, 7}]


def test_with_zero_vectors_popular_items_rank_first() -> None:
    counts = torch.tensor([1, 1, 1, 1, 7, 0, 3, 8, 1])
    (scores,) = completion_scores(
        completion(), clusters(), counts, torch.zeros(9, DIM), [np.array([3, 8], dtype=np.int32)]
    )

    assert scores.argsort(descending=True)[:4].tolist() == [7, 4, 6, 5]


def test_hits_are_counted_among_the_interests_of_the_shown_events() -> None:
    # The held-out event of the first user belongs to an interest of the history, that of the second only to the
    # target's, and that of the third to neither.
    data = data_of([[0, 1], [0, 4], [0, 8]], [3, 3, 3], n_trained=[1, 1, 1])

    figures = completion_metrics(completion(), clusters(), torch.ones(9), data, seed=0)

    third = pytest.approx(2 / 3)
    assert figures == {"completion_recall@10": third, "completion_baseline@10": third, "completion_reach": third}


@pytest.mark.parametrize(("n_items", "expected"), [(13, 0.0), (12, 1.0)])
def test_ties_count_as_misses(n_items: int, expected: float) -> None:
    # Two items are shown; the held-out one and all others score 0.
    data = data_of([[0, 1]], [2], n_trained=[1], table=torch.zeros(n_items, DIM))
    one_interest = clusters(torch.zeros(n_items, dtype=torch.int64))

    figures = completion_metrics(completion(), one_interest, torch.ones(n_items), data, seed=0)

    assert figures["completion_recall@10"] == expected


@pytest.mark.parametrize(
    ("more_popular", "expected"),
    [(9, 1.0), (10, 0.0)],
    ids=["tenth", "eleventh"],
)
def test_the_baseline_is_the_ten_most_popular_items_of_the_interests_that_are_not_shown(
    more_popular: int, expected: float
) -> None:
    # Items 0 and 2 are shown, item 1 is held out; the last item, of another interest, is the most popular.
    counts = torch.tensor([90, 5, 90] + [6] * more_popular + [4, 4, 100])
    label = torch.tensor([0] * (len(counts) - 1) + [1])
    data = data_of([[0, 1]], [2], n_trained=[1], table=torch.randn(len(counts), DIM))

    figures = completion_metrics(completion(), clusters(label), counts, data, seed=0)

    assert figures["completion_baseline@10"] == expected


def test_ties_count_as_misses_for_the_baseline_too() -> None:
    counts = torch.tensor([90, 5, 90] + [5] * 10)
    data = data_of([[0, 1]], [2], n_trained=[1], table=torch.randn(len(counts), DIM))

    figures = completion_metrics(completion(), clusters(torch.zeros_like(counts)), counts, data, seed=0)

    assert figures["completion_baseline@10"] == 0.0


@pytest.mark.parametrize(
    ("histories", "targets", "n_trained"), [([], [], []), ([[0, 1], [2]], [3, 3], [2, 0])], ids=["no users", "no event"]
)
def test_without_held_out_events_there_are_no_metrics(
    histories: list[list[int]], targets: list[int], n_trained: list[int]
) -> None:
    data = data_of(histories, targets, n_trained)

    assert completion_metrics(completion(), clusters(), torch.ones(9), data, seed=0) == {}
