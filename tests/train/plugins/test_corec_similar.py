"""Co-occurrence of items, and substitutes for them."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch

from tests.train.plugins.tiny_corec import N_ITEMS, sequences_of, tiny_inputs
from train.objectives.contrast import directions
from train.plugins.corec_cooccurrence import co_occurrence_vectors, co_occurring
from train.plugins.corec_similar import SimilarItems

HISTORIES = [[0, 1, 2], [1, 0, 1], [0, 1, 4, 2], [3], []]


def test_neighbours_match_the_formula() -> None:
    train, window = tiny_inputs().train, 2
    pairs: Counter[tuple[int, int]] = Counter()
    n = Counter(train.rows.tolist())
    for rows in train:
        for a, b in product(range(len(rows)), repeat=2):
            if a != b and abs(a - b) <= window and rows[a] != rows[b]:
                pairs[int(rows[a]), int(rows[b])] += 1

    result = co_occurring(train, N_ITEMS, window=window, k=3)

    for item in range(N_ITEMS):
        ranked = sorted((-pairs[item, j] / (n[item] * n[j]) ** 0.5, j) for j in range(N_ITEMS) if pairs[item, j])
        assert result.rows[item].tolist() == [j for _, j in ranked[:3]]


def test_few_neighbours_are_repeated_and_an_item_without_any_has_itself() -> None:
    result = co_occurring(sequences_of(HISTORIES), 6, window=1, k=3)

    assert result.rows[0].tolist() == [1, 1, 1]
    assert result.rows[4].tolist() == [2, 1, 2]
    assert result.rows[3].tolist() == [3, 3, 3]
    assert result.rows[5].tolist() == [5, 5, 5]
    assert result.known.tolist() == [True, True, True, False, True, False]


@pytest.mark.parametrize("histories", [[], [[]], [[2]], [[2, 2, 2]]])
def test_without_pairs_every_item_has_itself(histories: list[list[int]]) -> None:
    result = co_occurring(sequences_of(histories), 3, window=3, k=2)

    assert result.rows.tolist() == [[0, 0], [1, 1], [2, 2]]
    assert not result.known.any()


def test_pairs_do_not_cross_users() -> None:
    result = co_occurring(sequences_of([[0, 1], [2, 3]]), 4, window=3, k=1)

    assert result.rows[:, 0].tolist() == [1, 0, 3, 2]


def test_items_with_the_same_users_have_similar_vectors() -> None:
    histories = [[0, 1, 2], [1, 2, 0], [3, 4], [4, 3, 5], [5, 3], [0, 2]]

    units = directions(co_occurrence_vectors(sequences_of(histories), 7, dim=2, seed=0))

    cosine = units @ units.T
    assert cosine[:3, :3].min() > 0.99
    assert cosine[3:6, 3:6].min() > 0.99
    assert cosine[:3, 3:6].abs().max() < 0.01
    assert not units[6].any()


def test_vectors_span_the_leading_singular_vectors() -> None:
    train = tiny_inputs().train
    dense = np.zeros((len(train), N_ITEMS))
    np.add.at(dense, (train.users(), train.rows), 1.0)
    scaled = dense / np.sqrt(dense.sum(axis=1, keepdims=True) * dense.sum(axis=0)).clip(1e-9)
    leading = np.linalg.svd(scaled)[2][:4].T

    basis = co_occurrence_vectors(train, N_ITEMS, dim=8, seed=0).numpy()

    # The part of each singular vector that is outside the subspace.
    assert np.linalg.norm(leading - basis @ (basis.T @ leading), axis=0).max() < 0.05


def test_an_item_without_neighbours_gets_the_nearest_of_the_table() -> None:
    similar = SimilarItems(sequences_of(HISTORIES), 6)
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.9, 0.1], [-1.0, 0.0], [0.9, 0.1]])
    before = similar.rows.clone()
    assert set(before[3].tolist()) == {3}

    similar.refresh(table)

    assert similar.rows[3].tolist() == [0, 2, 1, 4, 0, 2, 1, 4, 0, 2]
    others = [0, 1, 2, 4, 5]
    assert torch.equal(similar.rows[others], before[others])


def test_a_single_item_stays_its_own_neighbour() -> None:
    similar = SimilarItems(sequences_of([[1]]), 2)

    similar.refresh(torch.ones(2, 3))

    assert [set(rows) for rows in similar.rows.tolist()] == [{0}, {1}]
