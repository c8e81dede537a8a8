from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.shown import make_probe
from tests.train.plugins.tiny_fusion import DIM, N_ITEMS, PLAIN, made, text_only, tiny_material
from train.plugins.fusion import Fusion
from train.plugins.fusion_figures import item_gate_figures, retrieval_figures
from train.plugins.plugin import Plugin, Probe
from train.plugins.recfusion import RecFusionConfig

NOBODY = np.zeros(N_ITEMS, dtype=np.bool_)


def probe(table: Tensor) -> Probe:
    """Three users whose state is the vector of what they had last."""

    def newest(rows: Tensor, mask: Tensor) -> Tensor:
        return table[rows[:, -1]] * mask[:, -1:]

    return make_probe(table, [[0, 1], [2], []], [3, 4, 5], states=newest)


def measured(config: RecFusionConfig = PLAIN, *, text_alone: bool = False) -> tuple[dict[str, float], Plugin, Fusion]:
    plugin, fusion = made(config, text_only(tiny_material()) if text_alone else None)
    assert plugin.figures is not None
    with torch.inference_mode():
        table = fusion.items(torch.randn(N_ITEMS, DIM))
        return dict(plugin.figures(probe(table))), plugin, fusion


def test_every_figure_is_a_finite_number() -> None:
    found, _, _ = measured()

    expected = {"ndcg@10", "item_gate_entropy", "user_gate_entropy", "text_to_image_r@1", "image_to_text_r@10"}
    for name in ("text", "image", "video"):
        expected |= {f"ndcg@10_without_{name}", f"item_gate_{name}", f"user_gate_{name}"}
    assert expected <= found.keys()
    assert np.isfinite(list(found.values())).all()


def test_a_catalogue_of_texts_has_no_retrieval_and_no_gates_to_report() -> None:
    found, _, _ = measured(text_alone=True)

    assert found.keys() == {"ndcg@10", "ndcg@10_without_text"}


def test_retrieval_finds_the_item_where_modalities_say_the_same() -> None:
    _, fusion = made(replace(PLAIN, unified=False))
    encoder = fusion.encoder
    with torch.no_grad():
        for name in ("image", "video"):
            encoder.enter[name] = encoder.enter["text"]
            wide = encoder.get_buffer("vectors_text").expand(-1, encoder.get_buffer(f"present_{name}").shape[1], -1)
            setattr(encoder, f"vectors_{name}", wide)
        encoder.modality.zero_()
        encoder.place["video"].zero_()

    found = retrieval_figures(fusion, NOBODY)

    assert found["text_to_image_r@1"] == found["video_to_text_r@1"] == 1.0


def test_retrieval_counts_items_that_have_both_and_reports_those_held_out() -> None:
    _, fusion = made()
    out = NOBODY.copy()
    out[0] = True

    found = retrieval_figures(fusion, out)

    both = fusion.encoder.has[:, 0] & fusion.encoder.has[:, 1]
    assert found["text_to_image_items"] == int(both.sum())
    assert found["text_to_image_held_out_r@1"] in (0.0, 1.0)
    assert "text_to_image_held_out_r@1" not in retrieval_figures(fusion, NOBODY)


def test_a_gate_that_is_undecided_has_the_entropy_one_and_a_decided_one_zero() -> None:
    _, fusion = made()
    assert fusion.item_gate is not None
    with torch.no_grad():
        fusion.item_gate.weight.zero_()
        fusion.item_gate.bias.zero_()

        undecided = item_gate_figures(fusion)
        fusion.item_gate.bias.copy_(torch.tensor([1e4, 0.0, -1e4]))
        decided = item_gate_figures(fusion)

    assert undecided["item_gate_entropy"] == pytest.approx(1.0)
    assert decided["item_gate_entropy"] == pytest.approx(0.0)
    assert decided["item_gate_text"] == pytest.approx(1.0)
    assert decided["item_gate_image"] == pytest.approx(0.0)


def test_a_missing_modality_is_ranked_without() -> None:
    found, plugin, fusion = measured()
    assert plugin.figures is not None
    with torch.inference_mode():
        base = torch.randn(N_ITEMS, DIM)
        whole, left = base + fusion.content(), base + fusion.content(("text",))
        torch.testing.assert_close(fusion.without(whole, ("text",)), left)
        with_everything = plugin.figures(probe(whole))

    assert found.keys() == with_everything.keys()
    assert with_everything["ndcg@10_without_text"] != with_everything["ndcg@10"]
