from itertools import combinations

import numpy as np
import pytest
import torch

from tests.train.plugins.tiny_fusion import made, tiny_material, tiny_step
from train.objectives.contrast import symmetric_info_nce
from train.plugins.fusion_contrast import CONTRAST_ITEMS, Contrast, held_out
from train.plugins.fusion_encoder import EVERYTHING, FusionEncoder

NOBODY = np.zeros(12, dtype=np.bool_)
STEP = tiny_step(torch.tensor([[0, 1], [2, 4]]), torch.zeros(12, 16))


def encoder() -> FusionEncoder:
    _, fusion = made()
    return fusion.encoder


def test_the_loss_is_the_mean_info_nce_over_the_pairs_of_modalities() -> None:
    model = encoder()

    loss = Contrast(model, NOBODY, temperature=0.2)(STEP)

    apart = model(EVERYTHING, model.has, apart=True)
    expected = []
    for first, second in combinations(range(3), 2):
        both = [row for row in range(12) if model.has[row, first] and model.has[row, second]]
        expected.append(symmetric_info_nce(apart[both, first], apart[both, second], temperature=0.2))
    torch.testing.assert_close(loss, torch.stack(expected).mean())


def test_training_on_the_contrast_draws_the_modalities_of_an_item_together() -> None:
    model = encoder()
    contrast = Contrast(model, NOBODY, temperature=0.2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    before = float(contrast(STEP).detach())

    for _ in range(30):
        loss = contrast(STEP)
        torch.autograd.backward(loss)
        optimizer.step()
        optimizer.zero_grad()

    assert float(loss.detach()) < 0.5 * before


def test_a_tenth_of_the_items_with_several_modalities_is_never_contrasted() -> None:
    has = np.zeros((100, 2), dtype=np.bool_)
    has[:, 0], has[:60, 1] = True, True

    out = held_out(has, seed=3)

    assert out.sum() == 6
    assert not out[60:].any()
    assert (held_out(has, seed=3) == out).all()
    assert (held_out(has, seed=4) != out).any()


def test_items_held_out_and_items_of_one_modality_get_no_gradient() -> None:
    model = encoder()
    out = NOBODY.copy()
    out[[0, 3]] = True
    vectors = model.get_buffer("vectors_text").requires_grad_()

    torch.autograd.backward(Contrast(model, out, temperature=0.2)(STEP))

    assert vectors.grad is not None
    touched = vectors.grad.abs().sum((1, 2)) > 0
    several = model.has.sum(1) > 1
    assert (touched == several & ~torch.from_numpy(out)).all()


def test_items_of_the_batch_come_first_and_the_sample_is_bounded() -> None:
    n_items = 3 * CONTRAST_ITEMS
    _, fusion = made(material=tiny_material(n_items))
    contrast = Contrast(fusion.encoder, np.zeros(n_items, dtype=np.bool_), temperature=0.2)
    vectors = fusion.encoder.get_buffer("vectors_text").requires_grad_()
    batch = torch.tensor([[0, 60, 120], [180, 240, 300]])

    torch.autograd.backward(contrast(tiny_step(batch, torch.zeros(n_items, 16))))

    assert vectors.grad is not None
    touched = vectors.grad.abs().sum((1, 2)) > 0
    assert touched[batch].all()
    assert touched.sum() == CONTRAST_ITEMS


@pytest.mark.parametrize("usable", [0, 1])
def test_with_too_few_items_the_loss_is_zero_and_can_be_differentiated(usable: int) -> None:
    model = encoder()
    out = np.arange(12) >= usable

    loss = Contrast(model, out, temperature=0.2)(STEP)
    torch.autograd.backward(loss)

    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-6)
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)
