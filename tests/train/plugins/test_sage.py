"""SAGE as a plug-in: each part has an effect, can be switched off, and uses no data that it must not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.train.plugins.tiny_sage import (
    DIM,
    N_ITEMS,
    drawn,
    tiny_batch,
    tiny_evaluation_data,
    tiny_features,
    tiny_inputs,
    tiny_model,
)
from tests.train.plugins.tiny_steps import make_step
from train.full_model.model import Model
from train.items.features import Features
from train.loop.batches import training_batch
from train.plugins.plugin import Plugin
from train.plugins.sage import Sage, SageConfig, VocabularyKind, gradient_scale, sage

SMALL = SageConfig(list_length=3, n_candidates=8)


def module_of(plugin: Plugin) -> Sage:
    assert isinstance(plugin.module, Sage)
    return plugin.module


def trained_module(config: SageConfig = SMALL, *, absent: tuple[int, ...] = ()) -> Sage:
    """Return a module with a non-zero gain, as after training."""
    module = module_of(sage(config, tiny_inputs(absent=absent)))
    assert module.vocabulary is not None
    torch.nn.init.constant_(module.vocabulary.gain, 0.5)
    return module


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_scale_decreases_with_the_length_by_the_formula(gamma: float) -> None:
    lengths = [2.0, 5.0, 10.0, 50.0]

    result = gradient_scale(torch.tensor(lengths), 10.0, gamma)

    assert result.tolist() == pytest.approx([(10.0 / (10.0 + length)) ** gamma for length in lengths])
    assert result.tolist() == sorted(result.tolist(), reverse=True)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_main_loss_is_weighted_with_mean_one_over_events(gamma: float) -> None:
    histories = [np.array([1, 2], np.int32), np.array([3, 4], np.int32), np.arange(5, 14, dtype=np.int32)]
    plugin = sage(replace(SMALL, gamma=gamma, vocabulary="dedicated", diversity=0.0), tiny_inputs())
    model = tiny_model(plugin)
    torch.nn.init.normal_(model.item)

    result = float(model(training_batch(histories))["next"].detach())

    s = [(10.0 / (10.0 + len(rows))) ** gamma for rows in histories]
    n = [len(rows) - 1 for rows in histories]
    losses = [reference_losses(model, rows) for rows in histories]
    over_events = sum(n_v * s_v for n_v, s_v in zip(n, s, strict=True)) / sum(n)
    over_users = sum(s) / len(s)
    by_events, by_users = (
        sum(s_u / mean * sum(of_user) for s_u, of_user in zip(s, losses, strict=True)) / sum(n)
        for mean in (over_events, over_users)
    )
    # With native bfloat16 products the loss has that precision.
    assert result == pytest.approx(by_events, rel=0.01)
    assert by_users != pytest.approx(by_events, rel=0.05)


def reference_losses(model: Model, rows: NDArray[np.int32]) -> list[float]:
    """Compute the cross-entropy of each event of a history after its first, over the whole catalogue, in float64."""
    with torch.no_grad():
        table = model.item_vectors()
        inputs = torch.from_numpy(rows[:-1].astype(np.int64))[None]
        scores = (model.states(inputs, torch.ones(inputs.shape), table)[0] @ table.T).double()
    return [
        float(torch.logsumexp(of_event, 0) - of_event[targets])
        for of_event, targets in zip(scores, rows[1:], strict=True)
    ]


@pytest.mark.parametrize("lengths", [[0.0], [7.0], [0.0, 1e9], [3.0, 3.0]])
def test_scales_are_between_zero_and_one_for_any_length(lengths: list[float]) -> None:
    result = gradient_scale(torch.tensor(lengths), 10.0, 0.5)

    assert bool(((result > 0) & (result <= 1)).all())


def test_without_gamma_there_are_no_loss_weights() -> None:
    assert gradient_scale(torch.tensor([1.0, 50.0]), 10.0, 0.0).tolist() == [1.0, 1.0]
    assert sage(replace(SMALL, gamma=0.0), tiny_inputs()).loss_weights is None


def test_the_scale_changes_the_gradient() -> None:
    batch = training_batch([np.array([1, 2], np.int32), np.array([1, 2, 3, 4, 5, 6, 7], np.int32)])
    only_scale = replace(SMALL, vocabulary="dedicated", diversity=0.0)

    plain = tiny_model()(batch)["next"]
    scaled = tiny_model(sage(only_scale, tiny_inputs()))(batch)["next"]

    assert float(scaled.detach()) != pytest.approx(float(plain.detach()), abs=1e-6)


def test_training_starts_from_the_table_if_the_projection_is_added() -> None:
    table = drawn(N_ITEMS, DIM)

    plugin = sage(SMALL, tiny_inputs())

    assert plugin.items is not None
    assert torch.equal(plugin.items(table), table)


def test_the_projection_changes_within_a_few_steps() -> None:
    plugin = sage(replace(SMALL, hidden=6), tiny_inputs())
    model = tiny_model(plugin)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    batch = tiny_batch(16)

    for _ in range(2):
        optimizer.zero_grad()
        torch.stack(list(model(batch).values())).sum().backward()  # type: ignore[no-untyped-call]
        untouched = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
        optimizer.step()

    assert untouched == []


@pytest.mark.parametrize(("kind", "follows"), [("reuse", False), ("dedicated", True), ("both", True)])
def test_the_kind_of_vocabulary_decides_whether_the_table_counts(kind: VocabularyKind, follows: bool) -> None:
    plugin = sage(replace(SMALL, vocabulary=kind), tiny_inputs())
    one, other = drawn(N_ITEMS, DIM), drawn(N_ITEMS, DIM, seed=1)
    items = plugin.items or (lambda table: table)

    assert (not torch.equal(items(one), items(other))) is follows


@pytest.mark.parametrize(("kind", "kept"), [("reuse", 0.0), ("both", 1.0)])
def test_a_reused_vocabulary_ignores_earlier_plugins(kind: VocabularyKind, kept: float) -> None:
    before = Plugin(name="before", items=lambda table: table + 1.0)
    config = replace(SMALL, vocabulary=kind)

    alone = tiny_model(sage(config, tiny_inputs())).item_vectors()
    behind = tiny_model(before, sage(config, tiny_inputs())).item_vectors()

    torch.testing.assert_close(behind, alone + kept)


def test_a_reused_vocabulary_starts_at_the_scale_of_a_table() -> None:
    plugin = sage(replace(SMALL, vocabulary="reuse"), tiny_inputs())
    assert plugin.items is not None

    vectors = plugin.items(torch.zeros(N_ITEMS, DIM))

    assert 0.005 < float(vectors.detach().std()) < 0.08


def test_a_dedicated_vocabulary_without_diversity_needs_no_text() -> None:
    inputs = replace(tiny_inputs(), text=lambda: pytest.fail("the texts must not be loaded"))

    plugin = sage(SageConfig(vocabulary="dedicated", diversity=0.0), inputs)

    assert (plugin.module, plugin.items, plugin.losses) == (None, None, None)


def test_an_unseen_item_gets_its_vector_from_its_text() -> None:
    seen = torch.arange(N_ITEMS) != 5
    module = trained_module()
    model = tiny_model(Plugin(name="sage", module=module, items=module.items), seen=seen)

    vectors = model.item_vectors()

    assert vectors[5].abs().sum() > 0
    assert torch.allclose(vectors[5], module.items(torch.zeros(N_ITEMS, DIM))[5])


@pytest.mark.parametrize("hidden", [0, 6])
def test_new_texts_are_projected_like_those_of_the_catalogue(hidden: int) -> None:
    module = trained_module(replace(SMALL, hidden=hidden))

    mapped = module.map_texts(tiny_features())

    assert mapped.shape == (N_ITEMS, DIM)
    assert torch.allclose(mapped, module.items(torch.zeros(N_ITEMS, DIM)), atol=1e-6)


def test_projecting_texts_does_not_change_the_model() -> None:
    module = trained_module()
    before = {name: value.clone() for name, value in module.state_dict().items()}

    module.map_texts(tiny_features(3, seed=9))

    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    "features",
    [tiny_features(extractor="another"), Features("made", np.ones((1, 1, 5), np.float32), np.ones((1, 1), bool))],
)
def test_features_of_another_extractor_are_refused(features: Features) -> None:
    with pytest.raises(ValueError, match="expected features of 'made'"):
        trained_module().map_texts(features)


def test_a_dedicated_vocabulary_refuses_new_texts() -> None:
    module = module_of(sage(replace(SMALL, vocabulary="dedicated"), tiny_inputs()))

    with pytest.raises(ValueError, match="dedicated vocabulary"):
        module.map_texts(tiny_features())


def test_an_item_without_text_keeps_its_row_of_the_table() -> None:
    table = drawn(N_ITEMS, DIM)

    vectors = trained_module(absent=(4,)).items(table)

    assert torch.equal(vectors[4], table[4])
    assert not torch.equal(vectors[5], table[5])


def test_without_texts_the_table_is_unchanged() -> None:
    module = trained_module(absent=tuple(range(N_ITEMS)))
    table = drawn(N_ITEMS, DIM)

    assert torch.equal(module.items(table), table)


def test_texts_are_whitened_on_items_of_the_training_events() -> None:
    inputs = tiny_inputs()
    held_out = replace(inputs, train=inputs.train.keep(inputs.train.rows != 5))
    built = inputs.text()
    changed = Features(built.extractor, built.vectors.copy(), built.present)
    changed.vectors[5] *= -3.0

    one = module_of(sage(SMALL, replace(held_out, text=lambda: built)))
    other = module_of(sage(SMALL, replace(held_out, text=lambda: changed)))

    assert one.vocabulary is not None
    assert other.vocabulary is not None
    assert torch.equal(one.vocabulary.whitening.centre, other.vocabulary.whitening.centre)


def test_frozen_texts_are_not_saved_with_the_weights() -> None:
    saved = trained_module().state_dict()

    assert "text" not in saved
    fresh = module_of(sage(SMALL, tiny_inputs(seed=3)))
    fresh.load_state_dict(saved)
    assert torch.equal(fresh.items(torch.zeros(N_ITEMS, DIM)), trained_module().items(torch.zeros(N_ITEMS, DIM)))


def test_the_same_seed_gives_the_same_plugin_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    untouched = torch.rand(3)
    torch.manual_seed(5)

    one = module_of(sage(SMALL, tiny_inputs())).state_dict()
    after = torch.rand(3)
    other = module_of(sage(SMALL, tiny_inputs())).state_dict()
    different = module_of(sage(SMALL, tiny_inputs(seed=1))).state_dict()

    assert torch.equal(after, untouched)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["vocabulary.first.weight"], different["vocabulary.first.weight"])


def test_the_redundancy_is_weighted_and_absent_with_weight_zero() -> None:
    step = make_step(drawn(3, DIM), drawn(N_ITEMS, DIM, seed=1), torch.tensor([[1, 2], [3, 4], [5, 6]]))

    light, heavy = (float(trained_module(replace(SMALL, diversity=w)).losses(step)["redundancy"]) for w in (0.5, 2.0))

    assert heavy == pytest.approx(4 * light)
    assert light > 0
    assert sage(replace(SMALL, diversity=0.0), tiny_inputs()).losses is None


def test_training_against_redundancy_gives_more_diverse_lists() -> None:
    without, with_it = (
        trained_metrics(SageConfig(gamma=0.0, vocabulary="dedicated", list_length=3, n_candidates=8, diversity=weight))
        for weight in (0.0, 3.0)
    )

    assert with_it["div@3"] > without["div@3"]
    assert with_it["redundancy@3"] < without["redundancy@3"]


def trained_metrics(config: SageConfig) -> Mapping[str, float]:
    """Return the plug-in's metrics after some steps."""
    plugin = sage(config, tiny_inputs())
    model = tiny_model(plugin)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    batch = tiny_batch(48)
    for _ in range(25):
        optimizer.zero_grad()
        torch.stack(list(model(batch).values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert plugin.metrics is not None
    return plugin.metrics(tiny_evaluation_data(model))


@pytest.mark.parametrize(
    "wrong",
    [
        {"gamma": -0.1},
        {"half_length": 0.0},
        {"vocabulary": "none"},
        {"hidden": -1},
        {"diversity": -1.0},
        {"diversity": float("nan")},
        {"list_length": 1},
        {"list_length": 50},
        {"n_candidates": 513},
        {"n_users": 0},
        {"temperature": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="got"):
        SageConfig(**wrong)
