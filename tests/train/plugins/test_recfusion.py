from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_fusion import (
    DIM,
    N_ITEMS,
    PLAIN,
    fusion_of,
    random_plugin,
    text_only,
    tiny_inputs,
    tiny_step,
)
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.errors import DataError
from train.full_model.model import Model
from train.items.features import Features
from train.loop.batches import TrainingSequences, training_batch
from train.plugins.fusion import Fusion, drop_modalities
from train.plugins.plugin import Plugin, VisibleHistory
from train.plugins.recfusion import RecFusionConfig, recfusion

TABLE = torch.zeros(N_ITEMS, DIM)


def model_with(config: RecFusionConfig) -> tuple[Model, Plugin]:
    inputs = tiny_inputs()
    torch.manual_seed(0)
    plugin = recfusion(config, inputs)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1), dropout=0.1)
    return Model(torch.from_numpy(inputs.counts() > 0), backbone, [plugin], id_dropout=0.1), plugin


def content(fusion: Fusion, missing: tuple[str, ...] = ()) -> Tensor:
    """Return the contribution of the modalities to item vectors, optionally without some of them."""
    with fusion.missing(missing):
        return fusion.content(fusion.visible())


def trained(config: RecFusionConfig, n_steps: int = 3) -> dict[str, Tensor]:
    model, _ = model_with(config)
    sequences = TrainingSequences(list(tiny_inputs().train), 8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model.before_epoch(0)
    for _ in range(n_steps):
        terms = model(training_batch([sequences[index] for index in range(len(sequences))]))
        torch.autograd.backward(torch.stack(list(terms.values())).sum())
        optimizer.step()
        optimizer.zero_grad()
    return model.state_dict()


@pytest.fixture(scope="module")
def plain_weights() -> dict[str, Tensor]:
    return trained(PLAIN)


def test_an_item_vector_is_the_sum_of_gated_modalities() -> None:
    _, fusion = random_plugin()
    fusion.double()

    with torch.no_grad():
        result = content(fusion)
        pooled = fusion.encoder(slice(None), fusion.encoder.has)

    assert fusion.item_gate is not None
    block = (DIM - fusion.n_shared) // 3
    for row in range(N_ITEMS):
        has = [m for m in range(3) if fusion.encoder.has[row, m]]
        logits = [
            float(pooled[row, m] @ fusion.item_gate.weight[m].detach() + fusion.item_gate.bias[m].detach()) for m in has
        ]
        gates = dict(zip(has, len(has) * np.exp(logits) / np.exp(logits).sum(), strict=True)) if has else {}
        expected = np.zeros(DIM)
        for m, gate in gates.items():
            vector = pooled[row, m].numpy()
            expected[: DIM - 3 * block] += gate * vector @ fusion.leave[m, :, : fusion.n_shared].detach().numpy()
            own = slice(DIM - (3 - m) * block, DIM - (3 - m) * block + block)
            expected[own] += gate * vector @ fusion.leave[m, :, fusion.n_shared :].detach().numpy()
        np.testing.assert_allclose(result[row].numpy(), expected, atol=1e-9)


def test_an_item_without_events_gets_its_vector_from_content() -> None:
    plugin, fusion = random_plugin()
    assert plugin.items is not None

    vectors = plugin.items(TABLE)

    torch.testing.assert_close(vectors, content(fusion))
    assert (vectors[:-1].norm(dim=1) > 0).all()


def test_an_item_without_modalities_is_unchanged() -> None:
    plugin, _ = random_plugin()
    assert plugin.items is not None
    table = torch.randn(N_ITEMS, DIM)

    torch.testing.assert_close(plugin.items(table)[-1], table[-1])


def test_a_missing_modality_has_weight_zero_and_the_others_share_its_weight() -> None:
    _, fusion = random_plugin()
    with fusion.missing(("text",)):
        has = fusion.visible()

    gates = fusion.gates(fusion.pooled(has), has)

    assert (gates[:, 0] == 0).all()
    torch.testing.assert_close(gates.sum(1), has.sum(dim=1).float())


def test_an_item_whose_only_modality_is_missing_has_no_content() -> None:
    _, fusion = random_plugin()
    only_text = fusion.encoder.has[:, 0] & (fusion.encoder.has.sum(1) == 1)

    left = content(fusion, ("text",))

    assert only_text.any()
    assert (left[only_text] == 0).all()


@pytest.mark.parametrize("gate", [True, False])
def test_an_absent_modality_adds_nothing_to_its_block(gate: bool) -> None:
    _, fusion = random_plugin(replace(PLAIN, gate=gate))
    block = (DIM - fusion.n_shared) // 3

    own = content(fusion)[:, fusion.n_shared :].reshape(N_ITEMS, 3, block)

    torch.testing.assert_close((own != 0).any(2), fusion.encoder.has)


def test_a_missing_modality_equals_an_absent_one_and_is_restored() -> None:
    plugin, fusion = random_plugin()
    assert plugin.items is not None
    table = torch.randn(N_ITEMS, DIM)
    before = plugin.items(table)

    with fusion.missing(("video",)), fusion.missing(("image",)):
        left, shown = plugin.items(table), fusion.shown

    assert shown.tolist() == [[row < N_ITEMS - 1, False, False] for row in range(N_ITEMS)]
    torch.testing.assert_close(left, table + fusion.content(shown))
    torch.testing.assert_close(plugin.items(table), before)
    with pytest.raises(ValueError, match="expected modalities"), fusion.missing(("smell",)):
        pass


def test_the_user_gate_uses_the_modalities_of_items() -> None:
    plugin, fusion = random_plugin()
    assert plugin.state is not None
    assert fusion.user_gate is not None
    states, table = torch.randn(1, 2, DIM), torch.randn(N_ITEMS, DIM)
    # Item 1 has no video, and item 11 has no modality.
    history = VisibleHistory(torch.tensor([[1, 11]]), torch.ones(1, 2), table)

    weighed = plugin.state(states, history)
    with fusion.missing(("image",)):
        with_text_alone = plugin.state(states, history)

    torch.testing.assert_close(weighed, fusion.user_gate.weight_states(states, history, fusion.encoder.has))
    block = (DIM - fusion.n_shared) // 3
    torch.testing.assert_close(weighed[..., -block:], states[..., -block:])
    assert not torch.allclose(weighed, states)
    torch.testing.assert_close(with_text_alone, states)


def test_in_training_the_user_gate_uses_the_modalities_of_the_step() -> None:
    plugin, fusion = random_plugin(replace(PLAIN, modality_dropout=0.7))
    assert plugin.items is not None
    assert plugin.state is not None
    assert fusion.user_gate is not None
    states = torch.randn(1, 4, DIM)
    fusion.train()

    history = VisibleHistory(torch.tensor([[0, 4, 6, 10]]), torch.ones(1, 4), plugin.items(TABLE))
    weighed, shown = plugin.state(states, history), fusion.shown

    assert 0 < int(shown.sum()) < int(fusion.encoder.has.sum())
    torch.testing.assert_close(weighed, fusion.user_gate.weight_states(states, history, shown))
    assert not torch.allclose(weighed, fusion.user_gate.weight_states(states, history, fusion.encoder.has))
    assert torch.equal(fusion.eval().shown, fusion.encoder.has)


def test_weighting_states_without_a_user_gate_is_refused() -> None:
    _, fusion = random_plugin(replace(PLAIN, gate=False))

    with pytest.raises(ValueError, match="no user gate"):
        fusion.weight_states(
            torch.zeros(1, 1, DIM), VisibleHistory(torch.zeros(1, 1, dtype=torch.long), torch.ones(1, 1), TABLE)
        )


def test_modality_dropout_leaves_every_item_at_least_one() -> None:
    torch.manual_seed(0)
    has = torch.tensor([[True, True, True], [False, True, False], [False, False, False]]).repeat(200, 1)

    kept = drop_modalities(has, 0.9)

    assert not (kept & ~has).any()
    assert (kept.any(1) == has.any(1)).all()
    assert kept[::3].sum(1).float().mean() < 1.5


def test_modality_dropout_applies_in_training_only() -> None:
    _, fusion = random_plugin(replace(PLAIN, modality_dropout=0.5))

    evaluated = content(fusion)
    fusion.train()

    torch.testing.assert_close(evaluated, content(fusion.eval()))
    assert not torch.allclose(content(fusion.train()), evaluated)


def test_texts_alone_need_no_user_gate_and_no_contrast() -> None:
    plugin = recfusion(PLAIN, text_only(tiny_inputs()))

    assert plugin.state is None
    assert plugin.losses is None
    assert plugin.items is not None
    assert plugin.items(TABLE).isfinite().all()


def test_a_dropped_modality_is_not_loaded() -> None:
    def unread() -> Features:
        raise AssertionError("the modality was dropped")

    fusion = fusion_of(recfusion(replace(PLAIN, drop=("video",)), replace(tiny_inputs(), video=unread)))

    assert fusion.names == ("text", "image")


def test_a_catalogue_without_modalities_is_refused() -> None:
    with pytest.raises(DataError, match="recfusion: none of"):
        recfusion(replace(PLAIN, drop=("text",)), text_only(tiny_inputs()))


def test_every_switch_removes_its_part() -> None:
    whole, _ = random_plugin()
    no_gate, ungated = random_plugin(replace(PLAIN, gate=False))
    no_contrast, _ = random_plugin(replace(PLAIN, contrast=0.0))
    nothing_owned, _ = random_plugin(replace(PLAIN, private=0.0))
    _, separate = random_plugin(replace(PLAIN, unified=False))

    assert whole.state is not None
    assert whole.losses is not None
    assert no_gate.state is None
    assert ungated.item_gate is None
    assert no_contrast.losses is None
    assert nothing_owned.state is None
    assert len(separate.encoder.block) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"n_blocks": 2},
        {"n_heads": 4},
        {"width": 8},
        {"dropout": 0.5},
        {"modality_dropout": 0.5},
        {"unified": False},
        {"gate": False},
        {"private": 0.2},
        {"contrast": 0.0},
        {"temperature": 0.5},
        {"refresh_items": 5},
        {"drop": ("video",)},
    ],
    ids=str,
)
def test_every_setting_changes_the_trained_weights(change: dict[str, Any], plain_weights: dict[str, Tensor]) -> None:
    assert change.keys() < asdict(PLAIN).keys()

    changed = trained(replace(PLAIN, **change))

    assert any(not torch.equal(changed[name], weight) for name, weight in plain_weights.items() if name in changed)


def test_training_is_reproducible() -> None:
    config = replace(PLAIN, modality_dropout=0.3, dropout=0.1, refresh_items=5)

    first, second = trained(config), trained(config)

    assert all(torch.equal(first[name], second[name]) for name in first)


def test_every_parameter_gets_a_gradient() -> None:
    model, _ = model_with(PLAIN)
    sequences = TrainingSequences(list(tiny_inputs().train), 8)

    # Gates with equal weights at the start still get a gradient.
    terms = model(training_batch([sequences[index] for index in range(len(sequences))]))
    torch.autograd.backward(torch.stack(list(terms.values())).sum())

    for name, weight in model.plugin_modules.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert name.endswith("key.bias") or weight.grad.abs().sum() > 0, name


def test_a_large_catalogue_is_encoded_in_shares() -> None:
    plugin, fusion = random_plugin(replace(PLAIN, refresh_items=5))
    assert plugin.before_epoch is not None
    plugin.before_epoch(0, TABLE)
    fusion.train()
    with torch.no_grad():
        fusion.encoder.modality.add_(torch.randn(fusion.encoder.modality.shape))
        fresh = content(fusion.eval())
        fusion.train()
        agreeing = [int(torch.isclose(content(fusion), fresh, atol=1e-6).all(1).sum()) for _ in range(3)]

    # Twelve items in three shares of four; the last item has no modality, so it is never stale.
    assert agreeing == [5, 9, 12]


def test_only_the_share_of_a_step_gives_gradients_to_the_encoder() -> None:
    plugin, fusion = random_plugin(replace(PLAIN, refresh_items=5, unified=False))
    assert plugin.before_epoch is not None
    plugin.before_epoch(1, TABLE)
    vectors = fusion.encoder.get_buffer("vectors_text").requires_grad_()

    torch.autograd.backward(content(fusion.train()).sum())

    assert vectors.grad is not None
    touched = (vectors.grad.abs().sum((1, 2)) > 0).nonzero()[:, 0].tolist()
    assert touched == [1, 4, 7, 10]
    assert fusion.leave.grad is not None
    assert (fusion.leave.grad.abs().sum((1, 2)) > 0).all()


def test_the_cache_depends_on_weights_alone_and_is_not_saved() -> None:
    config = replace(PLAIN, refresh_items=5)
    _, ran = random_plugin(config)
    ran.train()
    for _ in range(4):
        content(ran)
    plugin, resumed = random_plugin(config)
    assert plugin.before_epoch is not None
    resumed.load_state_dict(ran.state_dict())

    ran.fill_cache(7, TABLE)
    plugin.before_epoch(7, TABLE)

    torch.testing.assert_close(content(ran), content(resumed.train()))
    assert not {"kept", "drawn"} & ran.state_dict().keys()


def test_a_small_catalogue_is_encoded_in_every_step() -> None:
    plugin, _ = random_plugin(replace(PLAIN, refresh_items=N_ITEMS))

    assert plugin.before_epoch is None


def test_the_loss_is_weighted() -> None:
    single, _ = random_plugin(replace(PLAIN, contrast=0.1))
    double, _ = random_plugin(replace(PLAIN, contrast=0.2))
    assert single.losses is not None
    assert double.losses is not None
    step = tiny_step(torch.tensor([[0, 1]]), TABLE)

    torch.testing.assert_close(2 * single.losses(step)["contrast"], double.losses(step)["contrast"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0},
        {"width": 15},
        {"n_blocks": 0},
        {"refresh_items": 0},
        {"dropout": 1.0},
        {"modality_dropout": -0.1},
        {"private": 1.1},
        {"contrast": -1.0},
        {"contrast": float("nan")},
        {"temperature": 0.0},
        {"drop": ("smell",)},
        {"drop": ("text", "image", "video")},
    ],
    ids=str,
)
def test_invalid_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|may name"):
        RecFusionConfig(**wrong)
