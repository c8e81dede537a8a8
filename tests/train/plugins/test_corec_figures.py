"""Completion accuracy: what is hidden from the autoencoder, of whom, and what counts as found."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.shown import make_probe
from train.plugins.corec_clusters import InterestClusters
from train.plugins.corec_completion import Completion
from train.plugins.corec_figures import completion_figures, completion_scores, hide_one
from train.plugins.plugin import Probe

DIM = 4
LABEL = torch.arange(9) // 3


def completion() -> Completion:
    torch.manual_seed(0)
    return Completion(DIM, kl_weight=0.5, kl_steps=2)


def clusters(label: Tensor = LABEL) -> InterestClusters:
    n_interests = int(label.max()) + 1
    made = InterestClusters(torch.eye(len(label)), torch.arange(len(label)), n_interests=n_interests, seed=0)
    made.label.copy_(label)
    return made


def probe_of(
    histories: list[list[int]], targets: list[int], n_trained: Sequence[int], table: Tensor | None = None
) -> Probe:
    return make_probe(torch.randn(9, DIM) if table is None else table, histories, targets, n_trained=n_trained)


def test_the_hidden_event_is_any_that_training_has_not_seen() -> None:
    probe = probe_of([[0, 1, 2, 3, 4, 5]], [8], n_trained=[3])

    hidden = [hide_one(probe, seed).items.tolist() for seed in range(30)]

    assert {item for (item,) in hidden} == {3, 4, 5}


def test_under_leave_one_out_it_is_the_validation_event_between_training_and_test() -> None:
    shown, items = hide_one(probe_of([[0, 1, 2, 3], [4, 5]], [8, 6], n_trained=[3, 1]), seed=0)

    assert items.tolist() == [3, 5]
    assert [rows.tolist() for rows in shown] == [[0, 1, 2, 8], [4, 6]]


def test_of_a_user_held_out_of_training_it_is_any_event_but_the_oldest() -> None:
    probe = probe_of([[0, 1, 2]], [8], n_trained=[0])

    found = [hide_one(probe, seed) for seed in range(30)]

    assert {int(items[0]) for _, items in found} == {1, 2}
    assert all(shown[0][0] == 0 and shown[0][-1] == 8 for shown, _ in found)


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
def test_who_has_no_event_to_hide_is_left_out(history: list[int], target: int, n_trained: int) -> None:
    shown, items = hide_one(probe_of([history, [3, 4]], [target, 5], n_trained=[n_trained, 1]), seed=0)

    assert items.tolist() == [4]
    assert [rows.tolist() for rows in shown] == [[3, 5]]


def test_of_several_unseen_events_those_of_items_that_occur_again_are_passed_over() -> None:
    probe = probe_of([[0, 1, 2, 1, 3, 4]], [3], n_trained=[1])

    hidden = {int(hide_one(probe, seed).items[0]) for seed in range(30)}

    assert hidden == {2, 4}


def test_what_is_hidden_of_one_user_does_not_depend_on_the_others() -> None:
    history = list(range(8))
    for seed in range(10):
        beside = hide_one(probe_of([[0, 1, 2, 3], history], [8, 8], n_trained=[1, 1]), seed)
        beside_nobody = hide_one(probe_of([[], history], [8, 8], n_trained=[0, 1]), seed)

        assert beside.items[-1] == beside_nobody.items[-1]


def test_nothing_is_completed_outside_of_the_interests_nor_twice() -> None:
    histories = [np.array([0, 1, 1], dtype=np.int32), np.array([3, 8], dtype=np.int32)]

    scores = completion_scores(completion(), clusters(), torch.arange(9), torch.randn(9, DIM), histories)

    assert [set(user.isfinite().nonzero()[:, 0].tolist()) for user in scores] == [{2}, {4, 5, 6, 7}]


def test_where_vectors_tell_nothing_the_more_popular_is_completed_first() -> None:
    counts = torch.tensor([1, 1, 1, 1, 7, 0, 3, 8, 1])
    (scores,) = completion_scores(
        completion(), clusters(), counts, torch.zeros(9, DIM), [np.array([3, 8], dtype=np.int32)]
    )

    assert scores.argsort(descending=True)[:4].tolist() == [7, 4, 6, 5]


def test_completion_is_counted_among_the_interests_of_what_is_shown() -> None:
    # The hidden event of the first user belongs to an interest of the past, that of the second to the target's alone,
    # that of the third to none.
    probe = probe_of([[0, 1], [0, 4], [0, 8]], [3, 3, 3], n_trained=[1, 1, 1])

    figures = completion_figures(completion(), clusters(), torch.ones(9), probe, seed=0)

    third = pytest.approx(2 / 3)
    assert figures == {"completion_recall@10": third, "completion_baseline@10": third, "completion_reach": third}


@pytest.mark.parametrize(("n_items", "found"), [(13, 0.0), (12, 1.0)])
def test_ties_count_against_us(n_items: int, found: float) -> None:
    # Two items are shown; the hidden one and the others all score 0.
    probe = probe_of([[0, 1]], [2], n_trained=[1], table=torch.zeros(n_items, DIM))
    one_interest = clusters(torch.zeros(n_items, dtype=torch.int64))

    figures = completion_figures(completion(), one_interest, torch.ones(n_items), probe, seed=0)

    assert figures["completion_recall@10"] == found


@pytest.mark.parametrize(
    ("more_popular", "found"),
    [(9, 1.0), (10, 0.0)],
    ids=["tenth", "eleventh"],
)
def test_the_baseline_is_the_ten_most_popular_of_the_interests_that_are_not_shown(
    more_popular: int, found: float
) -> None:
    # Shown are items 0 and 2, item 1 is hidden; the last item, of another interest, is the most popular of all.
    counts = torch.tensor([90, 5, 90] + [6] * more_popular + [4, 4, 100])
    label = torch.tensor([0] * (len(counts) - 1) + [1])
    probe = probe_of([[0, 1]], [2], n_trained=[1], table=torch.randn(len(counts), DIM))

    figures = completion_figures(completion(), clusters(label), counts, probe, seed=0)

    assert figures["completion_baseline@10"] == found


def test_in_the_baseline_too_ties_count_against_it() -> None:
    counts = torch.tensor([90, 5, 90] + [5] * 10)
    probe = probe_of([[0, 1]], [2], n_trained=[1], table=torch.randn(len(counts), DIM))

    figures = completion_figures(completion(), clusters(torch.zeros_like(counts)), counts, probe, seed=0)

    assert figures["completion_baseline@10"] == 0.0


@pytest.mark.parametrize(
    ("histories", "targets", "n_trained"), [([], [], []), ([[0, 1], [2]], [3, 3], [2, 0])], ids=["no users", "no event"]
)
def test_without_anything_to_hide_there_are_no_figures(
    histories: list[list[int]], targets: list[int], n_trained: list[int]
) -> None:
    probe = probe_of(histories, targets, n_trained)

    assert completion_figures(completion(), clusters(), torch.ones(9), probe, seed=0) == {}
