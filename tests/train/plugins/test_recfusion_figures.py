from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.shown import make_probe
from tests.train.plugins.tiny_fusion import DIM, N_ITEMS, PLAIN, made, text_only, tiny_inputs
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.split import leave_one_out
from train.evaluation.measure import plugin_figures
from train.full_model.model import Model
from train.metrics.ranker import rank_split
from train.metrics.ranking import ndcg
from train.plugins.fusion import Fusion
from train.plugins.fusion_figures import item_gate_figures, ranking_figures, retrieval_figures, user_gate_figures
from train.plugins.plugin import Plugin, Probe
from train.plugins.recfusion import RecFusionConfig
from train.plugins.sage import SageConfig, sage

NOBODY = np.zeros(N_ITEMS, dtype=np.bool_)


def probe(base: Tensor, fusion: Fusion) -> Probe:
    """Three users whose state is the vector of what they had last; to ``base`` comes what modalities say."""
    table = fusion.items(base)

    def newest(rows: Tensor, mask: Tensor) -> Tensor:
        return table[rows[:, -1]] * mask[:, -1:]

    seen = make_probe(table, [[0, 1], [2], []], [3, 4, 5], states=newest)
    return replace(seen, remade=lambda: probe(base, fusion))


def measured(config: RecFusionConfig = PLAIN, *, text_alone: bool = False) -> tuple[dict[str, float], Plugin, Fusion]:
    plugin, fusion = made(config, text_only(tiny_inputs()) if text_alone else None)
    assert plugin.figures is not None
    with torch.inference_mode():
        return dict(plugin.figures(probe(torch.randn(N_ITEMS, DIM), fusion))), plugin, fusion


def composed(others: list[Plugin]) -> tuple[Model, Fusion]:
    plugin, fusion = made()
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1), dropout=0.0)
    return Model(torch.ones(N_ITEMS, dtype=torch.bool), backbone, [plugin, *others]).eval(), fusion


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


def test_what_the_gate_of_users_does_is_told_of_those_whose_past_tells_of_several_modalities() -> None:
    _, fusion = made()
    assert fusion.user_gate is not None
    with torch.no_grad():
        fusion.user_gate.linear.weight.zero_()
        fusion.user_gate.linear.bias.copy_(torch.tensor([1e4, 0.0, -1e4]))
        # Item 2 has a text and a video, item 5 a text alone, item 11 nothing.
        states = torch.randn(3, DIM)
        users = make_probe(torch.randn(N_ITEMS, DIM), [[2], [5], [11]], [0, 0, 0], states=lambda rows, mask: states)

        decided = user_gate_figures(fusion, users)
        fusion.user_gate.linear.bias.zero_()
        undecided = user_gate_figures(fusion, users)

    assert decided == pytest.approx({"user_gate_text": 1.0, "user_gate_video": 0.0, "user_gate_entropy": 0.0})
    assert undecided == pytest.approx({"user_gate_text": 0.5, "user_gate_video": 0.5, "user_gate_entropy": 1.0})


def test_the_gate_of_users_is_measured_on_the_states_that_come_to_it() -> None:
    _, fusion = made()
    states = torch.randn(1, DIM)

    def measured_on(before: Tensor) -> dict[str, float]:
        users = make_probe(torch.ones(N_ITEMS, DIM), [[0, 1]], [2])
        with torch.inference_mode():
            return user_gate_figures(fusion, replace(users, before=lambda rows, mask: before))

    assert measured_on(states) != measured_on(-states)


def test_a_modality_is_missing_from_what_is_ranked_and_from_the_past_alike() -> None:
    split = leave_one_out(tiny_dataset(n_users=20, n_items=N_ITEMS).sequences)
    model, fusion = composed([])

    found = plugin_figures(model, split)["recfusion"]

    for name in fusion.names:
        with fusion.missing((name,)):
            ranked = rank_split(model, split.test)
        expected = float(np.mean(ndcg(ranked.excluded, 10)))
        assert found[f"ndcg@10_without_{name}"] == pytest.approx(expected, abs=1e-6)
    assert found["ndcg@10"] == pytest.approx(float(np.mean(ndcg(rank_split(model, split.test).excluded, 10))), abs=1e-6)
    assert len({found[name] for name in found if name.startswith("ndcg@10")}) == 4


def test_nothing_is_missing_where_another_plugin_replaced_what_this_one_gave() -> None:
    split = leave_one_out(tiny_dataset(n_users=20, n_items=N_ITEMS).sequences)
    reused = sage(SageConfig(vocabulary="reuse", diversity=0.0, gamma=0.0), tiny_inputs())
    model, fusion = composed([reused])
    assert fusion.user_gate is not None
    # A gate that weighs everything the same, for it is RecFusion's own and not replaced.
    torch.nn.init.zeros_(fusion.user_gate.linear.weight)
    torch.nn.init.zeros_(fusion.user_gate.linear.bias)

    found = plugin_figures(model, split)["recfusion"]

    for name in fusion.names:
        assert found[f"ndcg@10_without_{name}"] == pytest.approx(found["ndcg@10"])


def test_where_nothing_can_be_made_anew_a_missing_modality_is_not_told_of() -> None:
    _, fusion = made()

    with torch.inference_mode():
        users = replace(probe(torch.randn(N_ITEMS, DIM), fusion), remade=None)
        found = ranking_figures(fusion, users)

    assert found.keys() == {"ndcg@10"}
