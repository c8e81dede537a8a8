from math import exp, log

import torch
from torch import Tensor

from train.backbones.mutual_information import sampled_info_nce


def reference(positive: Tensor, negative: Tensor, is_positive: Tensor, is_negative: Tensor) -> float:
    """Compute the formula one context and one pair at a time."""
    of_contexts = []
    for context in range(len(positive)):
        others = sum(exp(float(f)) for f, counts in zip(negative[context], is_negative[context], strict=True) if counts)
        pairs = [float(f) for f, counts in zip(positive[context], is_positive[context], strict=True) if counts]
        if pairs:
            of_contexts.append(sum(-(f - log(exp(f) + others)) for f in pairs) / len(pairs))
    return sum(of_contexts) / len(of_contexts)


def test_the_loss_matches_the_formula() -> None:
    draw = torch.Generator().manual_seed(0)
    positive = torch.randn(6, 3, generator=draw, dtype=torch.float64)
    negative = torch.randn(6, 5, generator=draw, dtype=torch.float64)
    is_positive = torch.rand(6, 3, generator=draw) < 0.6
    is_negative = torch.rand(6, 5, generator=draw) < 0.6
    is_positive[2] = False
    is_positive[0] = True

    result = sampled_info_nce(positive, negative, is_positive, is_negative)

    assert abs(float(result) - reference(positive, negative, is_positive, is_negative)) < 1e-12


def test_masked_entries_do_not_count() -> None:
    positive, negative = torch.tensor([[1.0, 50.0]]), torch.tensor([[0.0, 99.0]])

    result = sampled_info_nce(positive, negative, torch.tensor([[True, False]]), torch.tensor([[True, False]]))

    torch.testing.assert_close(result, torch.tensor(1.0).neg().exp().log1p())


def test_without_positives_loss_and_gradient_are_zero() -> None:
    positive, negative = torch.ones(2, 3, requires_grad=True), torch.ones(2, 4, requires_grad=True)

    result = sampled_info_nce(positive, negative, torch.zeros(2, 3).bool(), torch.ones(2, 4).bool())
    torch.autograd.backward(result)

    assert result == 0
    assert positive.grad is not None
    assert negative.grad is not None
    assert not positive.grad.any()
    assert not negative.grad.any()


def test_without_contexts_or_negatives_the_loss_is_zero() -> None:
    empty, nothing = torch.zeros(0, 1), torch.zeros(2, 0)

    assert sampled_info_nce(empty, torch.zeros(0, 4), empty.bool(), torch.zeros(0, 4).bool()) == 0
    assert sampled_info_nce(torch.ones(2, 1), nothing, torch.ones(2, 1).bool(), nothing.bool()) == 0
    assert sampled_info_nce(torch.ones(2, 1), torch.ones(2, 3), torch.ones(2, 1).bool(), torch.zeros(2, 3).bool()) == 0


def test_huge_scores_and_their_gradients_stay_finite() -> None:
    positive = torch.tensor([[1e6], [-1e6]], requires_grad=True)
    negative = torch.tensor([[-1e6, 1e6], [1e6, 1e6]], requires_grad=True)

    result = sampled_info_nce(positive, negative, torch.ones(2, 1).bool(), torch.ones(2, 2).bool())
    torch.autograd.backward(result)

    assert result.isfinite()
    assert positive.grad is not None
    assert negative.grad is not None
    assert positive.grad.isfinite().all()
    assert negative.grad.isfinite().all()


def test_duplicate_positives_do_not_change_the_mean() -> None:
    positive, negative = torch.tensor([[0.7]]), torch.tensor([[0.1, -0.4]])
    is_negative = torch.ones(1, 2).bool()

    once = sampled_info_nce(positive, negative, torch.ones(1, 1).bool(), is_negative)
    twice = sampled_info_nce(positive.repeat(1, 2), negative, torch.ones(1, 2).bool(), is_negative)

    torch.testing.assert_close(once, twice)
