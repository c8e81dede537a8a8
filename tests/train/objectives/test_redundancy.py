"""The redundancy of a list matches the total correlation of the formula."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from train.objectives.redundancy import copies_redundancy, list_weights, redundancy


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reference_redundancy(weights: Tensor, directions: Tensor, k: int) -> list[float]:
    """Compute the total correlation from Gaussian entropies, pair by pair, in float64."""
    result = []
    for w, t in zip(weights.double(), directions.double(), strict=True):
        n = len(w)
        covariance = np.zeros((n, n))
        for i in range(n):
            for j in range(n):
                cosine = 1.0 if i == j else float(t[i] @ t[j])
                covariance[i, j] = math.sqrt(w[i] * w[j]) * cosine + (i == j)
        alone = sum(0.5 * math.log(covariance[i, i]) for i in range(n))
        together = 0.5 * math.log(np.linalg.det(covariance))
        result.append((alone - together) / (0.5 * (k * math.log(2) - math.log(1 + k))))
    return result


def reference_weights(scores: list[float], k: int, temperature: float) -> list[float]:
    """Compute the soft top-k by the formula of the docstring."""
    mean = sum(scores) / len(scores)
    deviation = math.sqrt(sum((s - mean) ** 2 for s in scores) / len(scores))
    ranked = sorted(scores, reverse=True)
    border = (ranked[k - 1] + ranked[k]) / 2
    soft = [1 / (1 + math.exp(-(s - border) / (deviation * temperature))) for s in scores]
    return [k * one / sum(soft) for one in soft]


def everything(scores: Tensor) -> Tensor:
    return torch.ones(scores.shape, dtype=torch.bool)


def test_the_redundancy_is_the_total_correlation() -> None:
    weights = drawn(3, 7).abs()
    directions = F.normalize(drawn(3, 7, 5, seed=1), dim=2)

    result = redundancy(weights, directions, 4)

    assert result.tolist() == pytest.approx(reference_redundancy(weights, directions, 4))


def test_copies_are_fully_redundant_and_orthogonal_items_not_at_all() -> None:
    one = F.normalize(drawn(1, 1, 8), dim=2).expand(1, 5, 8)
    unlike = torch.eye(8, dtype=torch.float64)[None, :5]

    result = redundancy(torch.ones(2, 5, dtype=torch.float64), torch.cat([one, unlike]), 5)

    assert result.tolist() == pytest.approx([1.0, 0.0])
    assert copies_redundancy(5) > 0


def test_items_without_weight_or_text_add_no_redundancy() -> None:
    one = F.normalize(drawn(8), dim=0)
    weights = torch.tensor([[1.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    directions = torch.stack([torch.stack([one, one]), torch.stack([one, one * 0])])

    assert redundancy(weights, directions, 2).tolist() == pytest.approx([0.0, 0.0], abs=1e-8)


def test_the_weights_match_the_formula() -> None:
    scores = drawn(2, 9)

    result = list_weights(scores, everything(scores), 3, 0.5)

    for row, expected in zip(result, scores, strict=True):
        assert row.tolist() == pytest.approx(reference_weights(expected.tolist(), 3, 0.5))


def test_weights_sum_to_the_length_of_the_list_and_excluded_items_have_none() -> None:
    scores = drawn(2, 9)
    allowed = torch.ones(2, 9, dtype=torch.bool)
    allowed[0, scores[0].topk(3).indices] = False

    weights = list_weights(scores, allowed, 4, 0.5)

    assert weights.sum(1).tolist() == pytest.approx([4.0, 4.0])
    assert weights[~allowed].tolist() == [0.0, 0.0, 0.0]
    kept = scores[0][allowed[0]][None]
    assert weights[0][allowed[0]].tolist() == pytest.approx(list_weights(kept, everything(kept), 4, 0.5)[0].tolist())


def test_the_soft_list_approaches_the_hard_list_at_low_temperature() -> None:
    scores = drawn(1, 9)

    cold = list_weights(scores, everything(scores), 3, 1e-3)[0]

    assert set(cold.topk(3).indices.tolist()) == set(scores[0].topk(3).indices.tolist())
    assert cold.topk(3).values.tolist() == pytest.approx([1.0, 1.0, 1.0])


def test_scaling_or_shifting_the_scores_changes_nothing() -> None:
    scores = drawn(2, 9)
    directions = F.normalize(drawn(2, 9, 4, seed=1), dim=2)
    stretch = torch.ones((), dtype=torch.float64, requires_grad=True)
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)

    weights = list_weights(scores * stretch + shift, everything(scores), 3, 0.5)
    redundancy(weights, directions, 3).sum().backward()  # type: ignore[no-untyped-call]

    assert float(stretch.grad or 0.0) == pytest.approx(0.0, abs=1e-9)
    assert float(shift.grad or 0.0) == pytest.approx(0.0, abs=1e-9)


def test_a_gradient_step_replaces_a_copy_by_another_item() -> None:
    directions = torch.eye(6, dtype=torch.float64)[[0, 0, 0, 1, 2, 3]][None]
    scores = torch.tensor([[1.0, 0.9, 0.8, 0.7, 0.6, 0.0]], dtype=torch.float64, requires_grad=True)

    before = redundancy(list_weights(scores, everything(scores), 3, 0.5), directions, 3).sum()
    before.backward()  # type: ignore[no-untyped-call]
    assert scores.grad is not None
    with torch.no_grad():
        moved = scores - scores.grad
    after = redundancy(list_weights(moved, everything(moved), 3, 0.5), directions, 3).sum()

    assert float(after) < float(before.detach())
    assert set(moved[0].topk(3).indices.tolist()) != {0, 1, 2}


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1.0, 1e6])
def test_values_and_gradients_stay_finite(scale: float) -> None:
    scores = (drawn(2, 9).float() * scale).requires_grad_()
    directions = F.normalize(drawn(1, 1, 4, seed=1).float(), dim=2).expand(2, 9, 4)
    allowed = everything(scores)
    allowed[:, 0] = False

    redundancy(list_weights(scores, allowed, 2, 1e-2), directions, 2).sum().backward()  # type: ignore[no-untyped-call]

    assert scores.grad is not None
    assert scores.grad.isfinite().all()


def test_with_just_enough_candidates_all_of_them_are_on_the_list() -> None:
    scores = drawn(1, 5)
    allowed = torch.tensor([[True, True, True, False, False]])

    weights = list_weights(scores, allowed, 2, 0.5)

    assert (weights[0, :3] > 0).all()
    assert weights[0, 3:].tolist() == [0.0, 0.0]
