from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_fusion import PLAIN, fusion_of, random_plugin, text_only, tiny_inputs
from train.items.features import Features
from train.plugins.fusion_encoder import ALL_ITEMS, FusionEncoder, standardize
from train.plugins.recfusion import recfusion


def encoder(unified: bool = True) -> FusionEncoder:
    _, fusion = random_plugin(replace(PLAIN, unified=unified))
    return fusion.encoder


def without(has: Tensor, modality: int) -> Tensor:
    kept = has.clone()
    kept[:, modality] = False
    return kept


def test_present_tokens_are_standardized() -> None:
    vectors = np.array([[[1.0, 9.0]], [[3.0, 5.0]], [[0.0, 0.0]]], dtype=np.float32)
    present = np.array([[True], [True], [False]])

    tokens = standardize("text", Features("made", vectors, present))

    result = tokens.vectors[:2]
    torch.testing.assert_close(result.mean(0), torch.zeros(1, 2))
    assert float(result.square().mean()) == pytest.approx(1.0)
    assert tokens.vectors[2].tolist() == [[0.0, 0.0]]


def test_equal_tokens_stay_finite() -> None:
    tokens = standardize("text", Features("made", np.full((3, 1, 2), 7.0, np.float32), np.ones((3, 1), np.bool_)))

    assert tokens.vectors.tolist() == [[[0.0, 0.0]]] * 3


def test_unused_frames_are_removed() -> None:
    present = np.array([[True, True, False], [True, False, False]])

    tokens = standardize("video", Features("made", np.ones((2, 3, 4), np.float32), present))

    assert tokens.vectors.shape == (2, 2, 4)


def test_the_values_of_absent_tokens_have_no_effect() -> None:
    model = encoder()
    before = model(ALL_ITEMS, model.has)

    model.get_buffer("vectors_image")[~model.get_buffer("present_image")] = 100.0
    model.get_buffer("vectors_video")[~model.get_buffer("present_video")] = -100.0

    there = model.has
    torch.testing.assert_close(model(ALL_ITEMS, there)[there], before[there])


def test_a_masked_modality_equals_an_absent_one() -> None:
    model, inputs = encoder(), tiny_inputs()
    kept = without(model.has, 1)

    overlooked = model(ALL_ITEMS, kept)

    model.get_buffer("vectors_image").normal_()
    torch.testing.assert_close(model(ALL_ITEMS, kept)[kept], overlooked[kept])
    assert kept[:, 1].sum() == 0
    assert inputs.n_items == len(kept)


def test_modalities_attend_to_each_other_in_the_unified_encoder_only() -> None:
    for unified in (True, False):
        model = encoder(unified)
        has = model.has
        text_beside_image = has[:, 0] & has[:, 1]

        alone = model(ALL_ITEMS, without(without(has, 1), 2))[text_beside_image, 0]
        together = model(ALL_ITEMS, has)[text_beside_image, 0]

        assert torch.allclose(alone, together, atol=1e-6) is not unified


def test_separately_encoded_modalities_do_not_attend_to_each_other() -> None:
    model = encoder()
    has = model.has

    apart = model(ALL_ITEMS, has, apart=True)

    for modality in range(3):
        alone = without(without(has, (modality + 1) % 3), (modality + 2) % 3)
        mine = has[:, modality]
        torch.testing.assert_close(apart[mine, modality], model(ALL_ITEMS, alone)[mine, modality])


def test_an_item_is_encoded_the_same_in_any_batch() -> None:
    model = encoder()
    items = torch.tensor([4, 1, 1, 11, 0])

    together = model(ALL_ITEMS, model.has)

    torch.testing.assert_close(model(items, model.has[items]), together[items])
    torch.testing.assert_close(model(slice(1, None, 3), model.has[1::3]), together[1::3])
    for row in range(len(together)):
        torch.testing.assert_close(model(slice(row, row + 1), model.has[row : row + 1])[0], together[row])


def test_the_order_of_frames_matters() -> None:
    model = encoder()
    vectors = model.get_buffer("vectors_video")
    three_frames = int(model.get_buffer("present_video").all(dim=1).nonzero()[0])
    before = model(ALL_ITEMS, model.has)[three_frames, 2]

    vectors[three_frames] = vectors[three_frames].flip(0)

    assert not torch.allclose(model(ALL_ITEMS, model.has)[three_frames, 2], before)


def test_an_item_without_modalities_stays_finite() -> None:
    model = encoder()
    nothing = model(slice(11, 12), model.has[11:12])

    torch.autograd.backward(nothing.sum())

    assert not model.has[11].any()
    assert nothing.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_features_are_not_saved_with_the_weights() -> None:
    assert encoder().state_dict().keys() == dict(encoder().named_parameters()).keys()


def test_modalities_that_no_item_has_are_left_out() -> None:
    fusion = fusion_of(recfusion(PLAIN, text_only(tiny_inputs())))

    assert fusion.names == ("text",)
