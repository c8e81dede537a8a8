"""Distilled knowledge is the ridge regression of the change of the states."""

import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_coco import drawn
from train.backbones.encoder import EncoderConfig
from train.distill.student import DeviceEncoder
from train.plugins.knowledge_distillation import distil_knowledge

N, DIM, K = 400, 8, 5


def on_device(states: Tensor, prompts: Tensor, knowledge: Tensor) -> Tensor:
    """Evaluate the formula of the bundle format."""
    return states + torch.softmax(states @ prompts.T / DIM**0.5, dim=1) @ knowledge


def test_knowledge_of_the_same_form_is_recovered() -> None:
    states, knowledge = 2 * drawn(N, DIM), drawn(K, DIM, seed=2)
    pointing = torch.nn.functional.normalize(drawn(K, DIM, seed=1), dim=1)
    aligned = on_device(states, 8 * pointing, knowledge)

    result = distil_knowledge(3 * pointing, states, aligned, ridge=1e-6)

    torch.testing.assert_close(result.prompts, 8 * pointing)
    torch.testing.assert_close(result.knowledge, knowledge, rtol=1e-2, atol=1e-2)
    assert result.explained == pytest.approx(1.0, abs=1e-4)


def test_it_matches_what_the_student_adds_to_its_state() -> None:
    torch.manual_seed(0)
    encoder = DeviceEncoder(EncoderConfig(dim=DIM, max_length=4, n_blocks=1)).eval()
    embeddings, mask = drawn(N, 3, DIM), torch.ones(N, 3)
    none = torch.zeros(DIM, 1), torch.zeros(1, DIM)

    with torch.no_grad():
        plain = encoder(embeddings, mask, torch.zeros(K, DIM), torch.zeros(K, DIM), *none)
        aligned = plain + torch.tanh(plain @ drawn(DIM, DIM, seed=4))
        result = distil_knowledge(drawn(K, DIM, seed=1), plain, aligned)
        with_knowledge = encoder(embeddings, mask, result.prompts, result.knowledge, *none)

    left = (aligned - with_knowledge).square().sum() / (aligned - plain).square().sum()
    assert 0.1 < result.explained < 1.0
    assert float(1 - left) == pytest.approx(result.explained, abs=0.1)


def test_it_matches_the_ridge_regression_of_the_formula() -> None:
    states, aligned = drawn(N, DIM), drawn(N, DIM, seed=1)
    pointing = torch.nn.functional.normalize(drawn(K, DIM, seed=2), dim=1)

    result = distil_knowledge(pointing, states, aligned, ridge=0.3)

    shares = torch.softmax(states @ result.prompts.T / DIM**0.5, dim=1).double()
    penalty = 0.3 * float((shares**2).sum(0).mean())
    # Ridge regression as least squares with a row of sqrt(lambda) for each unknown.
    rows = torch.cat([shares, penalty**0.5 * torch.eye(K).double()])
    targets = torch.cat([(aligned - states).double(), torch.zeros(K, DIM).double()])
    expected = torch.linalg.lstsq(rows, targets).solution
    torch.testing.assert_close(result.knowledge.double(), expected, rtol=1e-4, atol=1e-5)


def test_the_explained_share_is_measured_on_held_out_users() -> None:
    noise = drawn(30, DIM, seed=1)

    result = distil_knowledge(drawn(20, DIM, seed=2), drawn(30, DIM), drawn(30, DIM) + noise, ridge=1e-6)

    assert result.explained < 0.2


def test_without_a_difference_knowledge_is_zero() -> None:
    states = drawn(N, DIM)

    result = distil_knowledge(drawn(K, DIM, seed=1), states, states)

    assert float(result.knowledge.abs().max()) == 0.0
    assert result.explained == 0.0


@pytest.mark.parametrize("n", [1, 4, 7])
def test_a_few_users_are_enough(n: int) -> None:
    result = distil_knowledge(drawn(K, DIM, seed=1), drawn(n, DIM), drawn(n, DIM, seed=2))

    assert all(part.isfinite().all() for part in (result.prompts, result.knowledge))


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e12])
def test_states_and_prompts_of_any_size_stay_finite(scale: float) -> None:
    result = distil_knowledge(scale * drawn(K, DIM, seed=1), scale * drawn(N, DIM), drawn(N, DIM, seed=2))

    assert all(part.isfinite().all() for part in (result.prompts, result.knowledge))


@pytest.mark.parametrize(("width", "n_aligned"), [(3, N), (DIM, N - 1), (DIM, 0)])
def test_mismatched_shapes_are_refused(width: int, n_aligned: int) -> None:
    states = drawn(N if n_aligned else 0, DIM)

    with pytest.raises(ValueError, match=r"expected prompts \[K, dim\]"):
        distil_knowledge(drawn(K, width), states, drawn(n_aligned, DIM))


def test_a_ridge_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="ridge must be more than 0, got 0"):
        distil_knowledge(drawn(K, DIM), drawn(N, DIM), drawn(N, DIM), ridge=0.0)
