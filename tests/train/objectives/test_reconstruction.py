"""The evidence lower bound: reference values and edge cases."""

import math

import pytest
import torch
from torch import Tensor

from train.objectives.reconstruction import kl_from_standard_normal, negative_elbo


def reference(
    scores: Tensor, targets: Tensor, allowed: Tensor, mean: Tensor, log_variance: Tensor, beta: float
) -> list[float]:
    """Compute the bound of every user in plain loops."""
    losses = []
    for u in range(len(scores)):
        items = [i for i in range(scores.shape[1]) if targets[u, i] and allowed[u, i]]
        pool = sum(math.exp(float(scores[u, j])) for j in range(scores.shape[1]) if allowed[u, j])
        likelihood = sum(math.log(math.exp(float(scores[u, i])) / pool) for i in items)
        divergence = 0.0
        for mu, lv in zip(mean[u].tolist(), log_variance[u].tolist(), strict=True):
            divergence += 0.5 * (mu**2 + math.exp(lv) - 1.0 - lv)
        losses.append((beta * divergence - likelihood) / len(items) if items else 0.0)
    return losses


def some_users() -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(5, 8, generator=generator).double()
    allowed = torch.rand(5, 8, generator=generator) < 0.6
    targets = allowed & (torch.rand(5, 8, generator=generator) < 0.5)
    targets[0, 0], allowed[0, 0] = True, False
    targets[4] = False
    mean, log_variance = torch.randn(2, 5, 3, generator=generator).double()
    return scores, targets, allowed, mean, log_variance


@pytest.mark.parametrize("beta", [0.0, 0.2, 1.0])
def test_the_bound_matches_the_formula(beta: float) -> None:
    users = some_users()

    ours = negative_elbo(*users, beta)

    assert ours.tolist() == pytest.approx(reference(*users, beta), rel=1e-9)


def test_the_divergence_matches_torch() -> None:
    *_, mean, log_variance = some_users()
    normal = torch.distributions.Normal(mean, (0.5 * log_variance).exp())

    theirs = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(dim=1)

    torch.testing.assert_close(kl_from_standard_normal(mean, log_variance), theirs)


def test_the_divergence_of_the_prior_is_zero() -> None:
    assert not kl_from_standard_normal(torch.zeros(2, 3), torch.zeros(2, 3)).any()


def test_an_item_that_is_not_allowed_gets_no_gradient() -> None:
    scores, targets, allowed, mean, log_variance = some_users()
    scores.requires_grad_()

    loss = negative_elbo(scores, targets, allowed, mean, log_variance, 1.0).sum()

    (gradient,) = torch.autograd.grad(loss, scores)
    assert not gradient[~allowed].any()
    assert gradient[allowed & targets.any(dim=1)[:, None]].abs().min() > 0


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e30])
@pytest.mark.parametrize("shape", [(0, 4), (3, 0), (3, 1), (3, 4)])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_loss_and_gradients_stay_finite_at_extremes(shape: tuple[int, int], scale: float, share: float) -> None:
    scores = (torch.randn(shape) * scale).requires_grad_()
    mean = torch.full((shape[0], 2), 1e9, requires_grad=True)
    log_variance = torch.tensor([[-88.0, 88.0]]).repeat(shape[0], 1).requires_grad_()
    pairs = torch.full(shape, share > 0)

    loss = negative_elbo(scores, pairs, pairs, mean, log_variance, 0.1)

    assert loss.shape == (shape[0],)
    assert loss.isfinite().all()
    for gradient in torch.autograd.grad(loss.sum(), (scores, mean, log_variance)):
        assert gradient.isfinite().all()


def test_a_user_without_targets_has_no_divergence_term() -> None:
    mean = torch.ones(1, 2, requires_grad=True)
    nothing = torch.zeros(1, 3, dtype=torch.bool)

    loss = negative_elbo(torch.zeros(1, 3), nothing, ~nothing, mean, torch.zeros(1, 2), 1.0)

    (gradient,) = torch.autograd.grad(loss.sum(), mean)
    assert loss.tolist() == [0.0]
    assert not gradient.any()
