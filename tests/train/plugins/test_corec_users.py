"""Positives, false negatives and loss weights, on a batch made by hand."""

import numpy as np
import pytest
import torch

from tests.train.plugins.tiny_corec import sequences_of
from train.plugins.corec_users import (
    batch_items,
    candidate_chance,
    contrast_masks,
    dominant_interest,
    evidence,
    interest_counts,
    median_evidence,
    overlap,
    user_contrast_weight,
)

# Interests: items 0 to 2 belong to 0, items 3 to 5 to 1, items 6 to 8 to 2.
LABEL = torch.arange(9) // 3
HISTORIES = torch.tensor(
    [
        [0, 1, 2, 6],  # mostly interest 0
        [3, 3, 7, 6],  # the same next item as the first; no interest has more than half
        [0, 1, 2, 0],  # mostly interest 0
        [0, 0, 3, 7],  # shares one of three items with the first, the third, and two of three with the second
        [0, 0, 0, 8],  # row 0 is padding here
    ]
)
MASK = torch.tensor([[1.0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])


def test_batch_items_exclude_padding_and_include_others() -> None:
    items = batch_items(HISTORIES, MASK, torch.tensor([5, 0, 5]))

    assert items.rows.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    interactions = [set(items.rows[user].tolist()) for user in items.interactions]
    assert interactions == [{0, 1, 2, 6}, {3, 6, 7}, {0, 1, 2}, {0, 3, 7}, {8}]


def test_the_candidate_probability_matches_the_observed_frequency() -> None:
    counts, n_steps = torch.tensor([1, 5, 0, 94]), 20_000
    generator = torch.Generator().manual_seed(0)
    met = torch.zeros(4)
    for _ in range(n_steps):
        events = torch.multinomial(counts.float(), 30, replacement=True, generator=generator)
        sampled = torch.tensor([0, 1, 3])[torch.randint(3, (1,), generator=generator)]
        met[torch.unique(torch.cat([events, sampled]))] += 1

    chance = candidate_chance(counts, torch.tensor(30.0), 1)

    for item in (0, 1, 3):
        assert float(chance[item]) == pytest.approx(float(met[item]) / n_steps, abs=0.01)


@pytest.mark.parametrize("n_events", [0.0, 7.0])
def test_a_single_item_is_always_a_candidate(n_events: float) -> None:
    assert candidate_chance(torch.tensor([7]), torch.tensor(n_events), 2).tolist() == [1.0]


def test_a_repeated_item_counts_once_for_an_interest() -> None:
    items = batch_items(HISTORIES, MASK, torch.tensor([5]))

    counts = interest_counts(items.interactions, LABEL[items.rows], 3)

    assert counts.tolist() == [[3, 0, 1], [0, 1, 2], [3, 0, 0], [1, 1, 1], [0, 0, 1]]


def test_a_dominant_interest_has_more_than_half_of_the_items() -> None:
    counts = torch.tensor([[3.0, 0, 1], [0, 2, 2], [0, 0, 1], [0, 0, 0], [1, 1, 1], [1, 0, 2]])

    assert dominant_interest(counts).tolist() == [0, -1, 2, -1, -1, 2]


def test_overlap_is_relative_to_the_shorter_history() -> None:
    interactions = batch_items(HISTORIES, MASK, torch.tensor([5])).interactions

    shared = overlap(interactions)

    third = 1 / 3
    expected = [
        [1, third, 1, third, 0],
        [third, 1, 0, 2 * third, 0],
        [1, 0, 1, third, 0],
        [third, 2 * third, third, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    torch.testing.assert_close(shared, torch.tensor(expected))


def test_positives_and_false_negatives_are_as_described() -> None:
    items = batch_items(HISTORIES, MASK, torch.tensor([5]))
    dominant = torch.tensor([0, -1, 0, -1, 2])

    positives, candidates = contrast_masks(HISTORIES[:, -1], dominant, overlap(items.interactions), threshold=0.5)

    # The first two share their next item, the first and the third their interest; the second and the fourth overlap too
    # much to be negatives, and users without a dominant interest (-1) do not share one.
    assert positives.int().tolist() == [
        [1, 1, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 0, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    assert candidates.int().tolist() == [
        [1, 1, 1, 1, 1],
        [1, 1, 1, 0, 1],
        [1, 1, 1, 1, 1],
        [1, 0, 1, 1, 1],
        [1, 1, 1, 1, 1],
    ]


def test_a_user_without_items_has_no_overlap() -> None:
    assert overlap(torch.zeros(2, 3, dtype=torch.bool)).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert overlap(torch.zeros(1, 0, dtype=torch.bool)).tolist() == [[0.0]]


def test_the_contrast_weight_grows_with_length_and_density() -> None:
    lengths = torch.arange(1, 200).double()
    interests = torch.arange(1, 50).double()

    by_length = user_contrast_weight(evidence(lengths, torch.full_like(lengths, 3)), 5.0)
    by_interests = user_contrast_weight(evidence(torch.full_like(interests, 50), interests), 5.0)

    assert (by_length.diff() > 0).all()
    assert (by_interests.diff() < 0).all()
    assert by_length.min() >= 0.0
    assert by_length.max() < 2.0


def test_weights_are_equal_at_the_pivot_and_an_empty_history_has_only_reconstruction() -> None:
    known = evidence(torch.tensor([6.0, 0.0]), torch.tensor([3.0, 0.0]))

    assert user_contrast_weight(known, 12.0).tolist() == [1.0, 0.0]


def test_the_pivot_is_the_median_evidence() -> None:
    train = sequences_of([[0, 1, 2], [], [0, 3, 3], [0, 1, 2, 3, 4, 5], [8]])

    # Length squared by interests: 9 / 1, 4 / 2, 36 / 2, 1 / 1; for an even number torch takes the lower median.
    assert median_evidence(train, LABEL) == pytest.approx(2.0)


def test_the_pivot_is_positive_for_the_shortest_histories() -> None:
    assert median_evidence(sequences_of([[0]]), torch.zeros(1, dtype=torch.int64)) == 1.0
    assert np.isfinite(median_evidence(sequences_of([[0] * 50]), torch.zeros(1, dtype=torch.int64)))
