"""The autoencoder: input, targets and candidates."""

import math

import pytest
import torch
from torch import Tensor

from train.plugins.corec_completion import Completion

DIM = 4
LABEL = torch.arange(9) // 3
COUNTS = [90, 5, 1, 0, 3, 7, 2, 1, 10**6]
CHANCE = [0.9, 0.5, 0.1, 1.0, 0.3, 0.7, 0.2, 1e-6, 0.05]


def completion(*, kl_weight: float = 0.5, kl_steps: int = 2) -> Completion:
    torch.manual_seed(0)
    module = Completion(DIM, kl_weight=kl_weight, kl_steps=kl_steps)
    torch.nn.init.normal_(module.log_variance.weight)
    return module


def linear(layer: torch.nn.Linear, vector: list[float]) -> list[float]:
    rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    return [sum(w * x for w, x in zip(row, vector, strict=True)) + bias for row, bias in rows]


def test_the_posterior_matches_the_formula() -> None:
    model = completion()
    torch.nn.init.normal_(model.enter.bias)
    model = model.double()
    vectors = torch.randn(3, DIM).double()

    mean, log_variance = (result.tolist() for result in model.posterior(vectors.sum(dim=0), torch.tensor(3)))

    bag = [sum(v[k] for v in vectors.tolist()) / math.sqrt(3) * math.sqrt(DIM) for k in range(DIM)]
    hidden = [math.tanh(x) for x in linear(model.enter, bag)]
    assert mean == pytest.approx(linear(model.mean, hidden))
    assert log_variance == pytest.approx(linear(model.log_variance, hidden))


def test_the_queries_match_the_formula() -> None:
    model = completion()
    torch.nn.init.normal_(model.leave.bias)
    model = model.double()
    latent = torch.randn(2, DIM).double()

    queries = model.queries(latent).tolist()

    for result, vector in zip(queries, latent.tolist(), strict=True):
        assert result == pytest.approx([math.tanh(x) for x in linear(model.leave, vector)])


def test_the_encoder_sees_half_of_the_items_and_the_decoder_predicts_all() -> None:
    model = completion(kl_weight=0.5, kl_steps=2).double().requires_grad_(False)
    model.steps.fill_(1)
    vectors = torch.randn(9, DIM).double()
    interactions = torch.tensor([[1, 1, 1, 1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1, 1]], dtype=torch.bool)

    torch.manual_seed(2)
    losses = model.loss(vectors, interactions, LABEL, torch.tensor(COUNTS), torch.tensor(CHANCE)).tolist()

    torch.manual_seed(2)
    shown = interactions & (torch.rand(interactions.shape) >= 0.5)
    noise = torch.randn(2, DIM, dtype=torch.float64)
    assert (shown.sum(dim=1) > 0).all()
    assert (shown.sum(dim=1) < interactions.sum(dim=1)).all()
    for u in range(2):
        bag = torch.stack([vectors[i] for i in range(9) if shown[u, i]])
        mean, log_variance = model.posterior(bag.sum(dim=0), torch.tensor(len(bag)))
        query = model.queries(mean + noise[u] * (log_variance / 2).exp())
        known = zip(vectors, COUNTS, CHANCE, strict=True)
        scores = [float(query @ vector) + math.log(1 + n) - math.log(q) for vector, n, q in known]
        interests = {int(LABEL[i]) for i in range(9) if shown[u, i]}
        allowed = [j for j in range(9) if int(LABEL[j]) in interests]
        pool = sum(math.exp(scores[j]) for j in allowed)
        targets = [i for i in allowed if interactions[u, i]]
        likelihood = sum(math.log(math.exp(scores[i]) / pool) for i in targets)
        divergence = 0.0
        for mu, lv in zip(mean.tolist(), log_variance.tolist(), strict=True):
            divergence += 0.5 * (mu**2 + math.exp(lv) - 1.0 - lv)
        # Halfway through the annealing.
        assert losses[u] == pytest.approx((0.5 * 0.5 * divergence - likelihood) / len(targets))


def test_only_items_in_the_interests_of_shown_events_are_candidates() -> None:
    model = completion()
    interactions = torch.zeros(1, 9, dtype=torch.bool)
    interactions[0, [0, 4]] = True  # of two interests
    torch.manual_seed(next(seed for seed in range(100) if shown_at(seed, interactions).tolist() == [[True, False]]))
    vectors = torch.randn(9, DIM, requires_grad=True, generator=torch.Generator().manual_seed(0))

    loss = model.loss(vectors, interactions, LABEL, torch.tensor(COUNTS), torch.tensor(CHANCE)).sum()

    (gradient,) = torch.autograd.grad(loss, vectors)
    assert not gradient[LABEL > 0].any()
    assert gradient[LABEL == 0].any(dim=1).all()


def shown_at(seed: int, interactions: Tensor) -> Tensor:
    """Return which of the items are shown to the encoder with this seed of the global generator."""
    torch.manual_seed(seed)
    return (torch.rand(interactions.shape) >= 0.5)[interactions][None]


def test_annealing_counts_training_steps_only() -> None:
    model = completion(kl_weight=1.0, kl_steps=2)
    interactions, only = torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64)
    weight = []

    for _ in range(4):
        torch.manual_seed(1)
        # With a single item the likelihood is 1, so only the divergence remains.
        weight.append(float(model.loss(torch.ones(1, DIM), interactions, only, torch.ones(1), torch.ones(1)).detach()))
    steps = int(model.steps)
    model.eval()
    model.loss(torch.ones(1, DIM), interactions, only, torch.ones(1), torch.ones(1))

    assert weight[0] == 0.0
    assert weight[1] == pytest.approx(weight[2] / 2)
    assert weight[3] == pytest.approx(weight[2])
    assert weight[2] > 0.0
    assert int(model.steps) == steps == 4


def test_loss_and_gradients_are_finite_for_an_empty_history_and_a_huge_table() -> None:
    model = completion()
    vectors = (torch.randn(9, DIM) * 1e18).requires_grad_()
    interactions = torch.zeros(3, 9, dtype=torch.bool)
    interactions[1] = True
    interactions[2, 5] = True

    loss = model.loss(vectors, interactions, LABEL, torch.tensor(COUNTS), torch.tensor(CHANCE))

    assert loss.isfinite().all()
    assert float(loss[0].detach()) == 0.0
    for gradient in torch.autograd.grad(loss.sum(), [vectors, *(model.mean.weight, model.enter.weight)]):
        assert gradient.isfinite().all()
