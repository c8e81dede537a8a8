from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_fusion import DIM, N_ITEMS, PLAIN, random_plugin, text_only, tiny_inputs
from tests.train.plugins.tiny_steps import make_data
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.split import leave_one_out
from train.evaluation.measure import plugin_metrics
from train.full_model.model import Model
from train.metrics.ranker import rank_split
from train.metrics.ranking import ndcg
from train.plugins.fusion import Fusion
from train.plugins.fusion_metrics import item_gate_metrics, ranking_metrics, retrieval_metrics, user_gate_metrics
from train.plugins.plugin import EvaluationData, Plugin
from train.plugins.recfusion import RecFusionConfig
from train.plugins.sage import SageConfig, sage

NO_ITEMS = np.zeros(N_ITEMS, dtype=np.bool_)


def data(base: Tensor, fusion: Fusion) -> EvaluationData:
    """Return three users whose state is the vector of their newest item; item vectors are ``base`` plus content."""
    table = fusion.items(base)

    def newest(rows: Tensor, mask: Tensor) -> Tensor:
        return table[rows[:, -1]] * mask[:, -1:]

    seen = make_data(table, [[0, 1], [2], []], [3, 4, 5], states=newest)
    return replace(seen, rebuild=lambda: data(base, fusion))


def measured(config: RecFusionConfig = PLAIN, *, text_alone: bool = False) -> tuple[dict[str, float], Plugin, Fusion]:
    plugin, fusion = random_plugin(config, text_only(tiny_inputs()) if text_alone else None)
    assert plugin.metrics is not None
    with torch.inference_mode():
        return dict(plugin.metrics(data(torch.randn(N_ITEMS, DIM), fusion))), plugin, fusion


def composed(others: list[Plugin]) -> tuple[Model, Fusion]:
    plugin, fusion = random_plugin()
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1), dropout=0.0)
    return Model(torch.ones(N_ITEMS, dtype=torch.bool), backbone, [plugin, *others]).eval(), fusion


def test_every_metric_is_a_finite_number() -> None:
    result, _, _ = measured()

    expected = {"ndcg@10", "item_gate_entropy", "user_gate_entropy", "text_to_image_r@1", "image_to_text_r@10"}
    for name in ("text", "image", "video"):
        expected |= {f"ndcg@10_without_{name}", f"item_gate_{name}", f"user_gate_{name}"}
    assert expected <= result.keys()
    assert np.isfinite(list(result.values())).all()


def test_a_catalogue_of_texts_has_no_retrieval_and_no_gate_metrics() -> None:
    result, _, _ = measured(text_alone=True)

    assert result.keys() == {"ndcg@10", "ndcg@10_without_text"}


def test_retrieval_finds_the_item_if_its_modalities_agree() -> None:
    _, fusion = random_plugin(replace(PLAIN, unified=False))
    encoder = fusion.encoder
    with torch.no_grad():
        for name in ("image", "video"):
            encoder.enter[name] = encoder.enter["text"]
            wide = encoder.get_buffer("vectors_text").expand(-1, encoder.get_buffer(f"present_{name}").shape[1], -1)
            setattr(encoder, f"vectors_{name}", wide)
        encoder.modality.zero_()
        encoder.place["video"].zero_()

    result = retrieval_metrics(fusion, NO_ITEMS)

    assert result["text_to_image_r@1"] == result["video_to_text_r@1"] == 1.0


def test_retrieval_covers_items_that_have_both_and_reports_held_out_ones() -> None:
    _, fusion = random_plugin()
    out = NO_ITEMS.copy()
    out[0] = True

    result = retrieval_metrics(fusion, out)

    both = fusion.encoder.has[:, 0] & fusion.encoder.has[:, 1]
    assert result["text_to_image_items"] == int(both.sum())
    assert result["text_to_image_held_out_r@1"] in (0.0, 1.0)
    assert "text_to_image_held_out_r@1" not in retrieval_metrics(fusion, NO_ITEMS)


def test_an_undecided_gate_has_entropy_one_and_a_decided_one_zero() -> None:
    _, fusion = random_plugin()
    assert fusion.item_gate is not None
    with torch.no_grad():
        fusion.item_gate.weight.zero_()
        fusion.item_gate.bias.zero_()

        undecided = item_gate_metrics(fusion)
        fusion.item_gate.bias.copy_(torch.tensor([1e4, 0.0, -1e4]))
        decided = item_gate_metrics(fusion)

    assert undecided["item_gate_entropy"] == pytest.approx(1.0)
    assert decided["item_gate_entropy"] == pytest.approx(0.0)
    assert decided["item_gate_text"] == pytest.approx(1.0)
    assert decided["item_gate_image"] == pytest.approx(0.0)


def test_user_gate_metrics_are_over_users_with_several_modalities() -> None:
    _, fusion = random_plugin()
    assert fusion.user_gate is not None
    with torch.no_grad():
        fusion.user_gate.linear.weight.zero_()
        fusion.user_gate.linear.bias.copy_(torch.tensor([1e4, 0.0, -1e4]))
        # Item 2 has a text and a video, item 5 a text alone, item 11 no modality.
        states = torch.randn(3, DIM)
        users = make_data(torch.randn(N_ITEMS, DIM), [[2], [5], [11]], [0, 0, 0], states=lambda rows, mask: states)

        decided = user_gate_metrics(fusion, users)
        fusion.user_gate.linear.bias.zero_()
        undecided = user_gate_metrics(fusion, users)

    assert decided == pytest.approx({"user_gate_text": 1.0, "user_gate_video": 0.0, "user_gate_entropy": 0.0})
    assert undecided == pytest.approx({"user_gate_text": 0.5, "user_gate_video": 0.5, "user_gate_entropy": 1.0})


def test_the_user_gate_is_measured_on_its_input_states() -> None:
    _, fusion = random_plugin()
    states = torch.randn(1, DIM)

    def measured_on(before: Tensor) -> dict[str, float]:
        users = make_data(torch.ones(N_ITEMS, DIM), [[0, 1]], [2])
        with torch.inference_mode():
            return user_gate_metrics(fusion, replace(users, input_states=lambda rows, mask: before))

    assert measured_on(states) != measured_on(-states)


def test_a_missing_modality_is_removed_from_items_and_histories() -> None:
    split = leave_one_out(tiny_dataset(n_users=20, n_items=N_ITEMS).sequences)
    model, fusion = composed([])

    result = plugin_metrics(model, split)["recfusion"]

    for name in fusion.names:
        with fusion.missing((name,)):
            ranked = rank_split(model, split.test)
        expected = float(np.mean(ndcg(ranked.excluded, 10)))
        assert result[f"ndcg@10_without_{name}"] == pytest.approx(expected, abs=1e-6)
    assert result["ndcg@10"] == pytest.approx(
        float(np.mean(ndcg(rank_split(model, split.test).excluded, 10))), abs=1e-6
    )
    assert len({result[name] for name in result if name.startswith("ndcg@10")}) == 4


def test_a_missing_modality_has_no_effect_if_another_plugin_replaces_the_vectors() -> None:
    split = leave_one_out(tiny_dataset(n_users=20, n_items=N_ITEMS).sequences)
    reused = sage(SageConfig(vocabulary="reuse", diversity=0.0, gamma=0.0), tiny_inputs())
    model, fusion = composed([reused])
    assert fusion.user_gate is not None
    # A user gate with equal weights, because the other plug-in does not replace the gate.
    torch.nn.init.zeros_(fusion.user_gate.linear.weight)
    torch.nn.init.zeros_(fusion.user_gate.linear.bias)

    result = plugin_metrics(model, split)["recfusion"]

    for name in fusion.names:
        assert result[f"ndcg@10_without_{name}"] == pytest.approx(result["ndcg@10"])


def test_without_rebuild_missing_modalities_are_not_measured() -> None:
    _, fusion = random_plugin()

    with torch.inference_mode():
        users = replace(data(torch.randn(N_ITEMS, DIM), fusion), rebuild=None)
        result = ranking_metrics(fusion, users)

    assert result.keys() == {"ndcg@10"}
