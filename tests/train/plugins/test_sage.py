"""SAGE as a plug-in: every part counts, can be switched off, and sees nothing that it must not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.train.plugins.shown import make_step
from tests.train.plugins.tiny_sage import (
    DIM,
    N_ITEMS,
    drawn,
    tiny_batch,
    tiny_features,
    tiny_inputs,
    tiny_model,
    tiny_probe,
)
from train.full_model.model import Model
from train.items.features import Features
from train.loop.batches import training_batch
from train.plugins.plugin import Plugin
from train.plugins.sage import Sage, SageConfig, VocabularyKind, gradient_scale, sage

SMALL = SageConfig(list_length=3, n_candidates=8)


def module_of(plugin: Plugin) -> Sage:
    assert isinstance(plugin.module, Sage)
    return plugin.module


def awake(config: SageConfig = SMALL, *, absent: tuple[int, ...] = ()) -> Sage:
    """A module as training would leave it: its gain is not zero any more."""
    module = module_of(sage(config, tiny_inputs(absent=absent)))
    assert module.vocabulary is not None
    torch.nn.init.constant_(module.vocabulary.gain, 0.5)
    return module


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_scale_falls_with_the_length_by_the_printed_formula(gamma: float) -> None:
    lengths = [2.0, 5.0, 10.0, 50.0]

    found = gradient_scale(torch.tensor(lengths), 10.0, gamma)

    assert found.tolist() == pytest.approx([(10.0 / (10.0 + length)) ** gamma for length in lengths])
    assert found.tolist() == sorted(found.tolist(), reverse=True)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_main_loss_weighs_events_by_the_printed_formula_with_mean_one_over_events(gamma: float) -> None:
    histories = [np.array([1, 2], np.int32), np.array([3, 4], np.int32), np.arange(5, 14, dtype=np.int32)]
    plugin = sage(replace(SMALL, gamma=gamma, vocabulary="dedicated", diversity=0.0), tiny_inputs())
    model = tiny_model(plugin)
    torch.nn.init.normal_(model.item)

    found = float(model(training_batch(histories))["next"].detach())

    s = [(10.0 / (10.0 + len(rows))) ** gamma for rows in histories]
    n = [len(rows) - 1 for rows in histories]
    losses = [losses_by_hand(model, rows) for rows in histories]
    over_events = sum(n_v * s_v for n_v, s_v in zip(n, s, strict=True)) / sum(n)
    over_users = sum(s) / len(s)
    by_events, by_users = (
        sum(s_u / mean * sum(of_user) for s_u, of_user in zip(s, losses, strict=True)) / sum(n)
        for mean in (over_events, over_users)
    )
    # Where the processor multiplies bfloat16 natively, the loss has its precision.
    assert found == pytest.approx(by_events, rel=0.01)
    assert by_users != pytest.approx(by_events, rel=0.05)


def losses_by_hand(model: Model, rows: NDArray[np.int32]) -> list[float]:
    """Return the cross-entropy of each event of a history after its first, over the whole catalogue, in float64."""
    with torch.no_grad():
        table = model.item_vectors()
        inputs = torch.from_numpy(rows[:-1].astype(np.int64))[None]
        scores = (model.states(inputs, torch.ones(inputs.shape), table)[0] @ table.T).double()
    return [
        float(torch.logsumexp(of_event, 0) - of_event[wanted])
        for of_event, wanted in zip(scores, rows[1:], strict=True)
    ]


@pytest.mark.parametrize("lengths", [[0.0], [7.0], [0.0, 1e9], [3.0, 3.0]])
def test_any_lengths_give_scales_between_nothing_and_one(lengths: list[float]) -> None:
    found = gradient_scale(torch.tensor(lengths), 10.0, 0.5)

    assert bool(((found > 0) & (found <= 1)).all())


def test_without_gamma_all_lengths_count_alike_and_the_part_is_absent() -> None:
    assert gradient_scale(torch.tensor([1.0, 50.0]), 10.0, 0.0).tolist() == [1.0, 1.0]
    assert sage(replace(SMALL, gamma=0.0), tiny_inputs()).scale is None


def test_the_scale_changes_what_a_step_teaches() -> None:
    batch = training_batch([np.array([1, 2], np.int32), np.array([1, 2, 3, 4, 5, 6, 7], np.int32)])
    only_scale = replace(SMALL, vocabulary="dedicated", diversity=0.0)

    plain = tiny_model()(batch)["next"]
    scaled = tiny_model(sage(only_scale, tiny_inputs()))(batch)["next"]

    assert float(scaled.detach()) != pytest.approx(float(plain.detach()), abs=1e-6)


def test_training_starts_as_without_it_where_the_map_adds_to_the_table() -> None:
    table = drawn(N_ITEMS, DIM)

    plugin = sage(SMALL, tiny_inputs())

    assert plugin.items is not None
    assert torch.equal(plugin.items(table), table)


def test_the_map_wakes_up_within_a_few_steps() -> None:
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
def test_a_reused_vocabulary_drops_what_plug_ins_before_it_made_of_the_table(kind: VocabularyKind, kept: float) -> None:
    before = Plugin(name="before", items=lambda table: table + 1.0)
    config = replace(SMALL, vocabulary=kind)

    alone = tiny_model(sage(config, tiny_inputs())).item_vectors()
    behind = tiny_model(before, sage(config, tiny_inputs())).item_vectors()

    torch.testing.assert_close(behind, alone + kept)


def test_a_reused_vocabulary_begins_as_large_as_a_table() -> None:
    plugin = sage(replace(SMALL, vocabulary="reuse"), tiny_inputs())
    assert plugin.items is not None

    vectors = plugin.items(torch.zeros(N_ITEMS, DIM))

    assert 0.005 < float(vectors.detach().std()) < 0.08


def test_a_dedicated_vocabulary_without_diversity_needs_no_text_at_all() -> None:
    inputs = replace(tiny_inputs(), text=lambda: pytest.fail("the texts were asked for"))

    plugin = sage(SageConfig(vocabulary="dedicated", diversity=0.0), inputs)

    assert (plugin.module, plugin.items, plugin.losses) == (None, None, None)


def test_an_item_that_was_never_seen_gets_its_vector_from_its_text() -> None:
    seen = torch.arange(N_ITEMS) != 5
    module = awake()
    model = tiny_model(Plugin(name="sage", module=module, items=module.items), seen=seen)

    vectors = model.item_vectors()

    assert vectors[5].abs().sum() > 0
    assert torch.allclose(vectors[5], module.items(torch.zeros(N_ITEMS, DIM))[5])


@pytest.mark.parametrize("hidden", [0, 6])
def test_new_texts_are_mapped_without_training_as_those_of_items_are(hidden: int) -> None:
    module = awake(replace(SMALL, hidden=hidden))

    mapped = module.map_texts(tiny_features())

    assert mapped.shape == (N_ITEMS, DIM)
    assert torch.allclose(mapped, module.items(torch.zeros(N_ITEMS, DIM)), atol=1e-6)


def test_mapping_texts_leaves_the_model_as_it_was() -> None:
    module = awake()
    before = {name: value.clone() for name, value in module.state_dict().items()}

    module.map_texts(tiny_features(3, seed=9))

    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    "features",
    [tiny_features(extractor="another"), Features("made", np.ones((1, 1, 5), np.float32), np.ones((1, 1), bool))],
)
def test_features_of_another_extractor_are_refused(features: Features) -> None:
    with pytest.raises(ValueError, match="expected features of 'made'"):
        awake().map_texts(features)


def test_a_dedicated_vocabulary_refuses_new_texts() -> None:
    module = module_of(sage(replace(SMALL, vocabulary="dedicated"), tiny_inputs()))

    with pytest.raises(ValueError, match="dedicated vocabulary"):
        module.map_texts(tiny_features())


def test_an_item_without_a_text_keeps_its_row_of_the_table() -> None:
    table = drawn(N_ITEMS, DIM)

    vectors = awake(absent=(4,)).items(table)

    assert torch.equal(vectors[4], table[4])
    assert not torch.equal(vectors[5], table[5])


def test_no_text_at_all_leaves_the_table_alone() -> None:
    module = awake(absent=tuple(range(N_ITEMS)))
    table = drawn(N_ITEMS, DIM)

    assert torch.equal(module.items(table), table)


def test_texts_are_measured_on_items_that_occur_in_training_alone() -> None:
    inputs = tiny_inputs()
    held_out = replace(inputs, train=inputs.train.keep(inputs.train.rows != 5))
    made = inputs.text()
    changed = Features(made.extractor, made.vectors.copy(), made.present)
    changed.vectors[5] *= -3.0

    one = module_of(sage(SMALL, replace(held_out, text=lambda: made)))
    other = module_of(sage(SMALL, replace(held_out, text=lambda: changed)))

    assert one.vocabulary is not None
    assert other.vocabulary is not None
    assert torch.equal(one.vocabulary.whitening.centre, other.vocabulary.whitening.centre)


def test_the_frozen_texts_are_no_part_of_the_weights() -> None:
    saved = awake().state_dict()

    assert "text" not in saved
    fresh = module_of(sage(SMALL, tiny_inputs(seed=3)))
    fresh.load_state_dict(saved)
    assert torch.equal(fresh.items(torch.zeros(N_ITEMS, DIM)), awake().items(torch.zeros(N_ITEMS, DIM)))


def test_the_same_seed_gives_the_same_plugin_and_disturbs_no_other_draw() -> None:
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


def test_the_redundancy_is_weighted_and_absent_where_it_weighs_nothing() -> None:
    step = make_step(drawn(3, DIM), drawn(N_ITEMS, DIM, seed=1), torch.tensor([[1, 2], [3, 4], [5, 6]]))

    light, heavy = (float(awake(replace(SMALL, diversity=w)).losses(step)["redundancy"]) for w in (0.5, 2.0))

    assert heavy == pytest.approx(4 * light)
    assert light > 0
    assert sage(replace(SMALL, diversity=0.0), tiny_inputs()).losses is None


def test_a_model_trained_against_redundancy_shows_more_varied_lists() -> None:
    without, with_it = (
        trained_figures(SageConfig(gamma=0.0, vocabulary="dedicated", list_length=3, n_candidates=8, diversity=weight))
        for weight in (0.0, 3.0)
    )

    assert with_it["div@3"] > without["div@3"]
    assert with_it["redundancy@3"] < without["redundancy@3"]


def trained_figures(config: SageConfig) -> Mapping[str, float]:
    """Return what the plug-in says of its lists after some steps."""
    plugin = sage(config, tiny_inputs())
    model = tiny_model(plugin)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    batch = tiny_batch(48)
    for _ in range(25):
        optimizer.zero_grad()
        torch.stack(list(model(batch).values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert plugin.figures is not None
    return plugin.figures(tiny_probe(model))


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
