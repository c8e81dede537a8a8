import math

import pytest
import torch
from torch import Tensor

from train.plugins.llmrec_history import before_targets, newest_means, recency_means, recency_weights


def reference_means(vectors: Tensor, rows: Tensor, counts: Tensor, decay: float) -> Tensor:
    """Compute the module's formula in float64, one event at a time."""
    batch, length = rows.shape
    result = torch.zeros(batch, length, vectors.shape[1], dtype=torch.float64)
    for user in range(batch):
        for at in range(length):
            total, weight_sum = torch.zeros(vectors.shape[1], dtype=torch.float64), 0.0
            for event in range(at + 1):
                if counts[user, event] > 0:
                    newer = int(counts[user, event + 1 : at + 1].sum())
                    total += decay**newer * vectors[rows[user, event]].double()
                    weight_sum += decay**newer
            if weight_sum:
                result[user, at] = total / weight_sum
    return result


def example(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(9, 5, generator=generator)
    rows = torch.randint(9, (4, 7), generator=generator)
    counts = (torch.rand(4, 7, generator=generator) < 0.6).float()
    counts[0] = 0.0
    counts[1] = 1.0
    return vectors, rows, counts


@pytest.mark.parametrize("decay", [1.0, 0.8, 0.01])
def test_means_match_the_formula_at_every_position(decay: float) -> None:
    vectors, rows, counts = example()

    result = recency_means(vectors, rows, counts, decay, positions=7)

    torch.testing.assert_close(result.double(), reference_means(vectors, rows, counts, decay))


def test_the_newest_positions_alone_give_the_same_means() -> None:
    vectors, rows, counts = example()

    some = recency_means(vectors, rows, counts, 0.7, positions=3)
    newest = newest_means(vectors, rows, counts, 0.7)

    every = recency_means(vectors, rows, counts, 0.7, positions=7)
    torch.testing.assert_close(some, every[:, -3:])
    torch.testing.assert_close(newest, every[:, -1])


def test_weights_sum_to_one_if_any_event_counts_and_else_to_zero() -> None:
    _, _, counts = example()

    sums = recency_weights(counts, 0.5, 7).sum(2)

    torch.testing.assert_close(sums, (counts.cumsum(1) > 0).float())


def test_later_and_masked_events_have_no_effect() -> None:
    vectors, rows, counts = example()
    counts[2, 1] = 0.0
    changed = rows.clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % 9
    changed[2, 1] = (changed[2, 1] + 1) % 9

    before, after = (recency_means(vectors, r, counts, 0.8, positions=7) for r in (rows, changed))

    torch.testing.assert_close(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


def test_a_long_history_with_a_strong_decay_stays_finite() -> None:
    vectors = torch.full((1, 2), 1e30)

    result = newest_means(vectors, torch.zeros(1, 500, dtype=torch.int64), torch.ones(1, 500), 0.01)

    torch.testing.assert_close(result, vectors)


def test_targets_are_located_in_their_histories() -> None:
    histories = torch.tensor([[0, 5, 6, 7], [1, 2, 1, 3]])
    mask = torch.tensor([[0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    users = torch.tensor([0, 0, 0, 1, 1, 1])
    targets = torch.tensor([7, 6, 5, 3, 1, 2])

    result = before_targets(users, targets, histories, mask, mask)

    # The third has no earlier event; the fifth occurs twice.
    assert result.kept.tolist() == [0, 1, 3, 5]
    assert result.counts.tolist() == [[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]]
    assert result.rows.tolist() == histories[[0, 0, 1, 1]].tolist()


def test_padding_is_not_taken_for_the_item_in_row_zero() -> None:
    histories, mask = torch.tensor([[0, 4, 0]]), torch.tensor([[0.0, 1.0, 1.0]])

    result = before_targets(torch.tensor([0]), torch.tensor([0]), histories, mask, mask)

    assert result.counts.tolist() == [[0, 1, 0]]


def test_a_target_after_events_without_text_only_is_left_out() -> None:
    histories, mask = torch.tensor([[4, 5, 6]]), torch.ones(1, 3)
    counts = torch.tensor([[0.0, 1.0, 1.0]])

    result = before_targets(torch.tensor([0, 0]), torch.tensor([5, 6]), histories, mask, counts)

    assert result.kept.tolist() == [1]


def test_no_targets_give_no_pairs() -> None:
    nothing = torch.zeros(0, dtype=torch.int64)
    histories, mask = torch.tensor([[4, 5]]), torch.ones(1, 2)

    result = before_targets(nothing, nothing, histories, mask, mask)
    means = newest_means(torch.ones(6, 3), result.rows, result.counts, 0.8)

    assert means.shape == (0, 3)
    assert math.prod(result.rows.shape) == 0
