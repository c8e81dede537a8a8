from dataclasses import replace
from itertools import combinations
from math import exp, log, sqrt

import numpy as np
import pytest
import torch

from tests.train.plugins.tiny_fusion import PLAIN, features, random_plugin, tiny_inputs, tiny_step
from train.plugins.fusion_contrast import CONTRAST_ITEMS, Contrast, held_out
from train.plugins.fusion_encoder import ALL_ITEMS, FusionEncoder

NO_ITEMS = np.zeros(12, dtype=np.bool_)
STEP = tiny_step(torch.tensor([[0, 1], [2, 4]]), torch.zeros(12, 16))


def encoder() -> FusionEncoder:
    _, fusion = random_plugin()
    return fusion.encoder


def cosine(a: list[float], b: list[float]) -> float:
    lengths = sqrt(sum(x * x for x in a)) * sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0


def reference_info_nce(queries: list[list[float]], keys: list[list[float]], temperature: float) -> float:
    """Compute the mean of ``-log(exp(cos(q_i, k_i) / tau) / sum_j exp(cos(q_i, k_j) / tau))``."""
    losses = []
    for row, query in enumerate(queries):
        exponentials = [exp(cosine(query, key) / temperature) for key in keys]
        losses.append(-log(exponentials[row] / sum(exponentials)))
    return sum(losses) / len(losses) if losses else 0.0


def reference_contrast(model: FusionEncoder, rows: list[int], temperature: float) -> float:
    """Compute the mean over pairs of modalities of both directions, over those of the items ``rows`` that have both."""
    apart = model(ALL_ITEMS, model.has, apart=True).tolist()
    result = []
    for first, second in combinations(range(len(model.names)), 2):
        both = [row for row in rows if model.has[row, first] and model.has[row, second]]
        a, b = [apart[row][first] for row in both], [apart[row][second] for row in both]
        result.append((reference_info_nce(a, b, temperature) + reference_info_nce(b, a, temperature)) / 2)
    return sum(result) / len(result)


@pytest.mark.parametrize("temperature", [0.05, 0.2, 5.0])
def test_the_loss_is_the_mean_info_nce_over_the_pairs_of_modalities(temperature: float) -> None:
    model = encoder()

    loss = Contrast(model, NO_ITEMS, temperature=temperature)(STEP)

    assert float(loss.detach()) == pytest.approx(reference_contrast(model, list(range(12)), temperature), rel=1e-4)


@pytest.mark.parametrize("size", [0.0, 1e-8, 1e18])
def test_the_loss_does_not_depend_on_norms_and_zero_vectors_have_cosine_zero(size: float) -> None:
    model = encoder()
    contrast = Contrast(model, NO_ITEMS, temperature=0.2)
    # The encoder's last step is this norm.
    torch.nn.init.constant_(model.norm.weight, size)
    torch.nn.init.zeros_(model.norm.bias)

    loss = contrast(STEP)
    torch.autograd.backward(loss)

    if size == 0.0:
        n_items = [
            int((model.has[:, first] & model.has[:, second]).sum()) for first, second in ((0, 1), (0, 2), (1, 2))
        ]
        assert float(loss.detach()) == pytest.approx(sum(log(n) for n in n_items) / 3)
    assert float(loss.detach()) == pytest.approx(reference_contrast(model, list(range(12)), 0.2), rel=1e-4)
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


@pytest.mark.parametrize("size", [0.0, 1e15])
def test_zero_and_huge_tokens_leave_the_loss_finite(size: float) -> None:
    model = encoder()
    model.get_buffer("vectors_text").mul_(size)

    loss = Contrast(model, NO_ITEMS, temperature=0.2)(STEP)
    torch.autograd.backward(loss)

    assert float(loss.detach()) == pytest.approx(reference_contrast(model, list(range(12)), 0.2), rel=1e-4)
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_two_items_contrast_and_a_single_one_has_no_loss() -> None:
    # Items 3 and 9 have a text and a picture but no video.
    model = encoder()

    for rows in ([3, 9], [3]):
        left_out = ~np.isin(np.arange(12), rows)
        loss = Contrast(model, left_out, temperature=0.2)(STEP)
        assert float(loss.detach()) == pytest.approx(reference_contrast(model, rows, 0.2), rel=1e-4, abs=1e-6)


def test_without_items_with_two_modalities_there_is_no_contrast() -> None:
    even = (np.arange(12) % 2 == 0)[:, None]
    never = np.zeros_like(even)
    inputs = replace(
        tiny_inputs(),
        text=lambda: features(6, even, 1),
        image=lambda: features(7, ~even, 2),
        video=lambda: features(4, never, 3),
    )

    plugin, fusion = random_plugin(PLAIN, inputs)
    contrast = Contrast(fusion.encoder, NO_ITEMS, temperature=0.2)
    loss = contrast(STEP)
    torch.autograd.backward(loss)

    assert plugin.losses is None
    assert contrast.n_items == 0
    assert float(loss.detach()) == 0.0
    assert all(weight.grad.isfinite().all() for weight in fusion.encoder.parameters() if weight.grad is not None)


def test_training_on_the_contrast_aligns_the_modalities_of_an_item() -> None:
    model = encoder()
    contrast = Contrast(model, NO_ITEMS, temperature=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    before = float(contrast(STEP).detach())

    for _ in range(30):
        loss = contrast(STEP)
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    assert float(loss.detach()) < 0.5 * before


def test_a_tenth_of_the_items_with_several_modalities_is_held_out() -> None:
    has = np.zeros((100, 2), dtype=np.bool_)
    has[:, 0], has[:60, 1] = True, True

    out = held_out(has, seed=3)

    assert out.sum() == 6
    assert not out[60:].any()
    assert (held_out(has, seed=3) == out).all()
    assert (held_out(has, seed=4) != out).any()


def test_held_out_items_and_items_with_one_modality_get_no_gradient() -> None:
    model = encoder()
    out = NO_ITEMS.copy()
    out[[0, 3]] = True
    vectors = model.get_buffer("vectors_text").requires_grad_()

    torch.autograd.backward(Contrast(model, out, temperature=0.2)(STEP))

    assert vectors.grad is not None
    touched = vectors.grad.abs().sum((1, 2)) > 0
    several = model.has.sum(1) > 1
    assert (touched == several & ~torch.from_numpy(out)).all()


def test_items_of_the_batch_are_sampled_first_and_the_sample_is_bounded() -> None:
    n_items = 3 * CONTRAST_ITEMS
    _, fusion = random_plugin(inputs=tiny_inputs(n_items))
    contrast = Contrast(fusion.encoder, np.zeros(n_items, dtype=np.bool_), temperature=0.2)
    vectors = fusion.encoder.get_buffer("vectors_text").requires_grad_()
    batch = torch.tensor([[0, 60, 120], [180, 240, 300]])

    torch.autograd.backward(contrast(tiny_step(batch, torch.zeros(n_items, 16))))

    assert vectors.grad is not None
    touched = vectors.grad.abs().sum((1, 2)) > 0
    assert touched[batch].all()
    assert touched.sum() == CONTRAST_ITEMS


@pytest.mark.parametrize("usable", [0, 1])
def test_with_too_few_items_the_loss_is_zero_with_a_gradient(usable: int) -> None:
    model = encoder()
    out = np.arange(12) >= usable

    loss = Contrast(model, out, temperature=0.2)(STEP)
    torch.autograd.backward(loss)

    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)
