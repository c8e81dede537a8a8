"""InfoNCE: reference values and edge cases."""

import math

import pytest
import torch
from torch import Tensor

from train.objectives.contrast import directions, info_nce, symmetric_info_nce

TEMPERATURE = 0.2


def reference(queries: Tensor, keys: Tensor, positives: Tensor, candidates: Tensor, temperature: float) -> float:
    """Compute the formula of Khosla et al. with given candidates in plain loops."""

    def similarity(i: int, j: int) -> float:
        q, k = queries[i].double(), keys[j].double()
        return float(q @ k) / (math.sqrt(float(q @ q)) * math.sqrt(float(k @ k))) / temperature

    losses = []
    for i in range(len(queries)):
        targets = [j for j in range(len(keys)) if positives[i, j]]
        if not targets:
            continue
        pool = sum(math.exp(similarity(i, j)) for j in range(len(keys)) if positives[i, j] or candidates[i, j])
        losses.append(-sum(math.log(math.exp(similarity(i, p)) / pool) for p in targets) / len(targets))
    return sum(losses) / len(losses)


def some_pairs(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    queries, keys = torch.randn(6, 4, generator=generator), torch.randn(9, 4, generator=generator)
    positives = torch.rand(6, 9, generator=generator) < 0.2
    positives[0] = False
    positives[1, :3] = True
    return queries, keys, positives, torch.rand(6, 9, generator=generator) < 0.6


def test_info_nce_matches_the_formula() -> None:
    queries, keys, positives, candidates = some_pairs()

    ours = info_nce(queries.double(), keys.double(), positives, temperature=TEMPERATURE, candidates=candidates)

    assert float(ours) == pytest.approx(reference(queries, keys, positives, candidates, TEMPERATURE), rel=1e-9)


def test_by_default_every_key_is_a_candidate() -> None:
    queries, keys, positives, _ = some_pairs()
    everything = torch.ones_like(positives)

    ours = info_nce(queries.double(), keys.double(), positives, temperature=TEMPERATURE)

    assert float(ours) == pytest.approx(reference(queries, keys, positives, everything, TEMPERATURE), rel=1e-9)


def test_weights_multiply_the_loss_of_each_query() -> None:
    queries, keys, positives, candidates = some_pairs()
    weights = torch.tensor([9.0, 0.5, 2.0, 0.0, 1.0, 1.0]).double()
    is_query = [i for i in range(6) if positives[i].any()]

    ours = info_nce(
        queries.double(), keys.double(), positives, temperature=TEMPERATURE, candidates=candidates, weights=weights
    )

    alone = [
        float(weights[i]) * reference(queries[[i]], keys, positives[[i]], candidates[[i]], TEMPERATURE)
        for i in is_query
    ]
    assert float(ours) == pytest.approx(sum(alone) / len(is_query), rel=1e-9)


def test_a_query_without_positives_has_no_effect() -> None:
    queries, keys, positives, candidates = some_pairs()

    whole = info_nce(queries, keys, positives, temperature=TEMPERATURE, candidates=candidates)
    rest = info_nce(queries[1:], keys, positives[1:], temperature=TEMPERATURE, candidates=candidates[1:])

    torch.testing.assert_close(whole, rest)


def test_an_excluded_false_negative_has_no_effect_and_no_gradient() -> None:
    queries, keys, positives, candidates = some_pairs()
    keys.requires_grad_()
    candidates[:, 8] = positives[:, 8] = False

    loss = info_nce(queries, keys, positives, temperature=TEMPERATURE, candidates=candidates)

    (gradient,) = torch.autograd.grad(loss, keys)
    assert not gradient[8].any()
    assert gradient[:3].any(dim=1).all()


def test_the_loss_does_not_depend_on_norms() -> None:
    queries, keys, positives, candidates = some_pairs()

    plain = info_nce(queries, keys, positives, temperature=TEMPERATURE, candidates=candidates)
    scaled = info_nce(queries * 1e30, keys * 1e-9, positives, temperature=TEMPERATURE, candidates=candidates)

    torch.testing.assert_close(plain, scaled)


def test_without_cosine_vectors_are_compared_by_the_dot_product() -> None:
    queries, keys = torch.randn(3, 4).double(), torch.randn(3, 4).double()

    loss = info_nce(queries, keys, torch.eye(3, dtype=torch.bool), temperature=2.0, cosine=False)

    assert float(loss) == pytest.approx(
        float(torch.nn.functional.cross_entropy(queries @ keys.T / 2.0, torch.arange(3)))
    )


@pytest.mark.parametrize(
    ("queries", "keys"),
    [
        (torch.zeros(0, 3), torch.zeros(0, 3)),
        (torch.ones(2, 3), torch.zeros(0, 3)),
        (torch.ones(2, 3), torch.ones(2, 3)),
    ],
    ids=["no queries", "no keys", "no positive"],
)
def test_without_positives_loss_and_gradient_are_zero(queries: Tensor, keys: Tensor) -> None:
    queries = queries.clone().requires_grad_()

    loss = info_nce(queries, keys, torch.zeros(len(queries), len(keys), dtype=torch.bool), temperature=0.1)

    (gradient,) = torch.autograd.grad(loss, queries)
    assert float(loss.detach()) == 0.0
    assert not gradient.any()


@pytest.mark.parametrize("value", [0.0, 1e-38, 1e38, -1e38])
@pytest.mark.parametrize("temperature", [1e-3, 100.0])
def test_loss_and_gradient_stay_finite_at_extremes(value: float, temperature: float) -> None:
    queries = torch.tensor([[value, value], [1.0, -1.0], [1.0, -1.0]], requires_grad=True)
    keys = torch.tensor([[-1.0, 1.0], [value, 0.0], [-1.0, 1.0]], requires_grad=True)

    loss = info_nce(queries, keys, torch.eye(3, dtype=torch.bool), temperature=temperature)

    assert loss.isfinite()
    for gradient in torch.autograd.grad(loss, (queries, keys)):
        assert gradient.isfinite().all()


def test_a_single_pair_has_zero_loss() -> None:
    loss = info_nce(torch.randn(1, 4), torch.randn(1, 4), torch.ones(1, 1, dtype=torch.bool), temperature=0.1)

    assert float(loss) == pytest.approx(0.0, abs=1e-6)


def test_the_symmetric_loss_is_the_mean_of_both_directions() -> None:
    a, b = torch.randn(5, 4).double(), torch.randn(5, 4).double()
    same = torch.zeros(5, 5, dtype=torch.bool)
    same[0, 3] = same[3, 1] = True
    positives, everything = same | torch.eye(5, dtype=torch.bool), torch.ones(5, 5, dtype=torch.bool)

    ours = symmetric_info_nce(a, b, temperature=TEMPERATURE, same=same)

    forth = reference(a, b, positives, everything, TEMPERATURE)
    back = reference(b, a, positives.T, everything, TEMPERATURE)
    assert float(ours) == pytest.approx((forth + back) / 2, rel=1e-9)


def test_duplicates_in_a_batch_are_positives() -> None:
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    twice = torch.ones(2, 2, dtype=torch.bool)

    mask = a.clone().requires_grad_()
    loss = symmetric_info_nce(mask, a, temperature=TEMPERATURE, same=twice)

    (gradient,) = torch.autograd.grad(loss, mask)
    torch.testing.assert_close(gradient, torch.zeros(2, 2))


def test_directions_have_unit_length_and_zero_vectors_stay_zero() -> None:
    vectors = torch.tensor([[3.0, 4.0], [0.0, 0.0], [3e38, 0.0]], requires_grad=True)

    result = directions(vectors)

    (gradient,) = torch.autograd.grad(result.sum(), vectors)
    torch.testing.assert_close(result.detach(), torch.tensor([[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]]))
    assert gradient.abs().max() <= 1.0


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        info_nce(torch.ones(1, 1), torch.ones(1, 1), torch.ones(1, 1, dtype=torch.bool), temperature=temperature)


def test_mismatched_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="positives"):
        info_nce(torch.ones(2, 3), torch.ones(4, 3), torch.ones(2, 3, dtype=torch.bool), temperature=1.0)
    with pytest.raises(ValueError, match="same shape"):
        symmetric_info_nce(torch.ones(2, 3), torch.ones(4, 3), temperature=1.0)
