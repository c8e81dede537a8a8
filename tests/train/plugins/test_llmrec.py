from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_steps import make_data, make_step
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import EncoderConfig
from train.backbones.sasrec import SASRec
from train.data.sequences import Sequences
from train.data.split import leave_one_out
from train.full_model.model import Model
from train.items.features import Features, PluginInputs
from train.loop.batches import Batch, training_batch
from train.plugins.llmrec import LlmRec, LlmRecConfig, llmrec
from train.plugins.llmrec_alignment import Pairs
from train.plugins.plugin import Plugin, TrainingStep, VisibleHistory

N_ITEMS, DIM = 24, 8
SILENT = N_ITEMS - 1  # an item without a text
PLAIN = LlmRecConfig(dropout=0.0)


def circle() -> Features:
    """Return texts of items on a circle, so that the next item of every user's walk is the nearest one."""
    angle = 2 * np.pi * np.arange(N_ITEMS) / N_ITEMS
    vectors = np.stack([f(k * angle) for k in (1, 2, 3) for f in (np.sin, np.cos)], axis=1).astype(np.float32)
    present = (np.arange(N_ITEMS) != SILENT)[:, None]
    return Features("circle", vectors[:, None] * present[:, :, None], present)


def inputs(seed: int = 0, train: Sequences | None = None) -> PluginInputs:
    dataset = tiny_dataset(n_items=N_ITEMS)
    train = train or leave_one_out(dataset.sequences).train
    return PluginInputs(dataset.catalogue, train, DIM, seed, circle, circle, circle)


def module_of(plugin: Plugin) -> LlmRec:
    assert isinstance(plugin.module, LlmRec)
    return plugin.module


def open_gate(plugin: Plugin) -> Plugin:
    """Set the gate of the states to non-zero values, as training would."""
    gate = module_of(plugin).gate
    assert gate is not None
    torch.nn.init.normal_(gate.weight)
    torch.nn.init.ones_(gate.bias)
    return plugin


def model_of(config: LlmRecConfig = PLAIN, seed: int = 0, seen: Tensor | None = None) -> Model:
    torch.manual_seed(seed)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1))
    seen = torch.ones(N_ITEMS, dtype=torch.bool) if seen is None else seen
    return Model(seen, backbone, [llmrec(config, inputs())], id_dropout=0.1)


def batch() -> Batch:
    return training_batch([rows[-9:] for rows in inputs().train if len(rows) > 1])


def trained(config: LlmRecConfig, n_steps: int = 30) -> Model:
    model = model_of(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(n_steps):
        loss = torch.stack(list(model(batch()).values())).sum()
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter, gradient in zip(trainable, torch.autograd.grad(loss, trainable), strict=True):
            parameter.grad = gradient
        optimizer.step()
    return model.eval()


def ranking(model: Model) -> Tensor:
    """Return the scores of all items for two users."""
    rows, mask = torch.tensor([[0, 3, 4], [7, 8, 9]]), torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    table = model.item_vectors()
    return model.user_states(rows, mask, table) @ table.T


def step(n: int = 6, seed: int = 0) -> TrainingStep:
    generator = torch.Generator().manual_seed(seed)
    histories = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [0, SILENT, 9, 10]])
    mask = torch.tensor([[0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]])
    table, plain, states = (torch.randn(size, DIM, generator=generator) for size in (N_ITEMS, 6, 6))
    return make_step(
        states[:n],
        table,
        histories,
        plain=plain[:n],
        targets=torch.tensor([2, 3, 5, 7, 9, 10])[:n],
        users=torch.tensor([0, 0, 1, 1, 2, 2])[:n],
        mask=mask,
    )


def test_training_starts_from_the_states_of_the_backbone() -> None:
    plugin = llmrec(PLAIN, inputs())
    states, history = (
        torch.randn(2, 3, DIM),
        VisibleHistory(torch.tensor([[1, 2, 3]] * 2), torch.ones(2, 3), torch.zeros(1, DIM)),
    )

    assert plugin.state is not None
    assert torch.equal(plugin.state(states, history), states)


def test_a_state_depends_only_on_visible_events_up_to_its_position() -> None:
    plugin = open_gate(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    states, table = torch.randn(1, 5, DIM), torch.zeros(N_ITEMS, DIM)
    visible = torch.tensor([[1.0, 0.0, 1.0, 1.0, 1.0]])
    rows = torch.tensor([[1, 2, 3, 4, 5]])

    before = plugin.state(states, VisibleHistory(rows, visible, table))
    hidden = plugin.state(states, VisibleHistory(torch.tensor([[1, 9, 3, 4, 5]]), visible, table))
    later = plugin.state(states, VisibleHistory(torch.tensor([[1, 2, 3, 9, 9]]), visible, table))

    torch.testing.assert_close(hidden, before)
    torch.testing.assert_close(later[:, :3], before[:, :3])
    assert not torch.allclose(later[:, 3:], before[:, 3:])


@pytest.mark.parametrize("decay", [1.0, 0.6])
def test_states_match_the_formula_with_masked_events_and_items_without_text(decay: float) -> None:
    plugin = open_gate(llmrec(replace(PLAIN, decay=decay), inputs()))
    assert plugin.state is not None
    states = torch.randn(2, 3, DIM)
    rows = torch.tensor([[1, 2, 3, 4, 5], [0, SILENT, 7, 8, SILENT]])
    visible = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 1.0]])

    result = plugin.state(states, VisibleHistory(rows, visible, torch.zeros(N_ITEMS, DIM)))

    expected = [
        [
            reference_state(module_of(plugin), states[user, position], rows[user], visible[user], position + 2)
            for position in range(3)
        ]
        for user in range(2)
    ]
    torch.testing.assert_close(result, torch.stack([torch.stack(of_user) for of_user in expected]).float())
    # The second user's first position has seen only the item without a text.
    assert torch.equal(result[1, 0], states[1, 0])


@torch.no_grad()
def reference_state(module: LlmRec, state: Tensor, rows: Tensor, visible: Tensor, at: int) -> Tensor:
    """Compute ``h + tanh(W [layer norm(h); log(1 + n)] + b) * map(whitened direction of the mean)``, in float64."""
    assert module.gate is not None
    heard = [event for event in range(at + 1) if visible[event] > 0 and rows[event] != SILENT]
    if not heard:
        return state.double()
    mean = torch.zeros(module.space.frozen.shape[1], dtype=torch.float64)
    for newer, event in enumerate(reversed(heard)):
        mean += module.config.decay**newer * module.space.frozen[rows[event]].double()
    whitening, linear = module.space.whitening, module.space.history_map.first
    white = (mean / mean.norm() - whitening.centre.double()) @ whitening.matrix.double()
    said = linear.weight.double() @ white + linear.bias.double()
    h = state.double()
    evidence = torch.cat([(h - h.mean()) / (h.var(correction=0) + 1e-5).sqrt(), torch.tensor([len(heard)]).log1p()])
    result: Tensor = h + torch.tanh(module.gate.weight.double() @ evidence + module.gate.bias.double()) * said
    return result


def test_the_newest_position_alone_gives_the_same_state() -> None:
    plugin = open_gate(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    states, history = (
        torch.randn(2, 4, DIM),
        VisibleHistory(torch.arange(8).view(2, 4), torch.ones(2, 4), torch.zeros(1, DIM)),
    )

    every, newest = plugin.state(states, history), plugin.state(states[:, -1:], history)

    torch.testing.assert_close(newest, every[:, -1:])


def test_the_gate_depends_on_the_number_of_events() -> None:
    plugin = open_gate(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    state, table = torch.randn(1, 1, DIM), torch.zeros(1, DIM)

    once = plugin.state(state, VisibleHistory(torch.tensor([[0, 0, 3]]), torch.tensor([[0.0, 0.0, 1.0]]), table))
    thrice = plugin.state(state, VisibleHistory(torch.tensor([[3, 3, 3]]), torch.ones(1, 3), table))

    assert not torch.allclose(once, thrice)


def test_a_history_without_texts_does_not_change_the_state() -> None:
    plugin = open_gate(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    state, table = torch.randn(1, 1, DIM), torch.zeros(1, DIM)

    result_of_none = plugin.state(state, VisibleHistory(torch.tensor([[5, 6]]), torch.zeros(1, 2), table))
    silent = plugin.state(state, VisibleHistory(torch.tensor([[SILENT, SILENT]]), torch.ones(1, 2), table))

    assert torch.equal(result_of_none, state)
    assert torch.equal(silent, state)


def test_an_unseen_item_gets_a_vector_from_its_text_and_none_without_text() -> None:
    seen = torch.ones(N_ITEMS, dtype=torch.bool)
    seen[[5, SILENT]] = False

    table = model_of(seen=seen).eval().item_vectors()

    assert bool(table[5].any())
    assert table[SILENT].tolist() == [0.0] * DIM
    torch.testing.assert_close(table[[5]], item_part(model_of(seen=seen), 5))


def item_part(model: Model, row: int) -> Tensor:
    module = module_of(model.plugins[0])
    assert module.item_scale is not None
    return module.item_scale * module.space.items(torch.tensor([row]))


@pytest.mark.parametrize("switch", ["semantics", "user_semantics", "align"])
def test_a_disabled_part_contributes_nothing(switch: str) -> None:
    plugin = llmrec(LlmRecConfig(**{switch: False}), inputs())

    parts = {"semantics": plugin.items, "user_semantics": plugin.state, "align": plugin.losses}
    assert [name for name, part in parts.items() if part is None] == [switch]


@pytest.mark.parametrize(
    "change",
    [
        {"semantics": False}, {"user_semantics": False}, {"align": False}, {"hidden": 16}, {"shrinkage": 1.0},
        {"decay": 1.0}, {"item_scale": 1.0}, {"dropout": 0.5}, {"next_weight": 2.0}, {"space_weight": 2.0},
        {"temperature": 0.4}, {"n_pairs": 3},
    ],
    ids=str,
)  # fmt: skip
def test_every_setting_changes_the_trained_weights(change: dict[str, Any]) -> None:
    usual, other = (trained(config, n_steps=3) for config in (PLAIN, replace(PLAIN, **change)))

    assert not torch.allclose(ranking(usual), ranking(other), atol=1e-6)


def test_losses_are_finite_and_every_parameter_gets_a_gradient() -> None:
    model = model_of()
    open_gate(model.plugins[0])

    terms = model(batch())
    module = module_of(model.plugins[0])
    gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), list(module.parameters()))

    assert set(terms) == {"next", "llmrec.next", "llmrec.space"}
    assert all(bool(torch.isfinite(gradient).all()) and bool(gradient.any()) for gradient in gradients)


def test_unused_parameters_are_not_trained() -> None:
    items_only = module_of(llmrec(LlmRecConfig(user_semantics=False, align=False), inputs()))
    users_only = module_of(llmrec(LlmRecConfig(semantics=False, align=False), inputs()))

    assert not any(parameter.requires_grad for parameter in items_only.space.history_map.parameters())
    assert not any(parameter.requires_grad for parameter in users_only.space.item_map.parameters())


def test_pairs_are_the_events_before_a_target_up_to_the_maximum_number() -> None:
    module = module_of(llmrec(replace(PLAIN, decay=1.0), inputs()))

    pairs = module.pairs(step())
    few = module_of(llmrec(replace(PLAIN, n_pairs=2), inputs())).pairs(step())

    # Before the fifth target, a user had only the item without a text.
    assert sorted(pairs.users.tolist()) == [0, 0, 1, 1, 2]
    one = (pairs.states == step().backbone_states[1]).all(1).nonzero()[0]
    expected = module.space.histories(module.space.frozen[[1, 2]].mean(0, keepdim=True), torch.ones(1))
    torch.testing.assert_close(pairs.histories[one], expected)
    torch.testing.assert_close(pairs.semantic[pairs.next_index[one]], module.space.items(torch.tensor([3])))
    assert len(few.users) <= 2


def test_items_are_aligned_with_their_id_embeddings_before_other_plugins() -> None:
    torch.manual_seed(0)
    content = Plugin(name="content", items=lambda table: table + 3.0)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1))
    ours = llmrec(PLAIN, inputs())
    result: list[Pairs] = []

    def watch(step: TrainingStep) -> dict[str, Tensor]:
        result.append(module_of(ours).pairs(step))
        return {}

    model = Model(torch.ones(N_ITEMS, dtype=torch.bool), backbone, [content, replace(ours, losses=watch)])
    model(batch())

    rows = torch.unique(torch.cat([group.targets[group.targets >= 0] for group in batch()]))
    own = model.item.detach()
    assert all(bool((own[rows] == vector).all(1).any()) for vector in result[0].id_embeddings)
    assert bool(result[0].has_id_embedding.all())


def test_a_dropped_id_embedding_is_not_aligned() -> None:
    module = module_of(llmrec(PLAIN, inputs()))
    has_id_embedding = torch.ones(N_ITEMS, dtype=torch.bool)
    has_id_embedding[[3, 7]] = False
    own = torch.randn(N_ITEMS, DIM, requires_grad=True)
    before = replace(step(), id_embeddings=own, has_id_embedding=has_id_embedding)

    pairs = module.pairs(before)
    (gradient,) = torch.autograd.grad(module.losses(before)["space"], own)

    # The targets of the step, in the order of their rows.
    assert pairs.has_id_embedding.tolist() == [True, False, True, False, True]
    torch.testing.assert_close(pairs.id_embeddings, own[[2, 3, 5, 7, 10]])
    assert gradient.any(1).nonzero()[:, 0].tolist() == [2, 5, 10]


def test_a_step_without_id_embeddings_still_aligns_histories() -> None:
    module = module_of(llmrec(PLAIN, inputs()))
    own = torch.randn(N_ITEMS, DIM, requires_grad=True)

    losses = module.losses(replace(step(), id_embeddings=own, has_id_embedding=torch.zeros(N_ITEMS, dtype=torch.bool)))
    (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), own, materialize_grads=True)

    assert all(float(loss.detach()) > 0 for loss in losses.values())
    assert not gradient.any()


@pytest.mark.parametrize("n", [0, 1])
def test_a_step_with_almost_nothing_to_align_has_no_loss(n: int) -> None:
    losses = module_of(llmrec(PLAIN, inputs())).losses(step(n))

    assert all(float(loss.detach()) == pytest.approx(0.0, abs=1e-6) for loss in losses.values())


def test_construction_depends_on_the_seed_and_not_on_events() -> None:
    torch.manual_seed(5)
    expected_next = torch.rand(1)
    torch.manual_seed(5)
    nothing = Sequences((), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64))

    first = module_of(llmrec(PLAIN, inputs())).state_dict()
    drawn_next = torch.rand(1)
    again = module_of(llmrec(PLAIN, inputs(train=nothing))).state_dict()
    other = module_of(llmrec(PLAIN, inputs(seed=1))).state_dict()

    assert torch.equal(drawn_next, expected_next)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["space.item_map.first.weight"], other["space.item_map.first.weight"])


def test_alignment_improves_retrieval_of_next_items() -> None:
    with_it, without = (trained(replace(PLAIN, align=align, next_weight=1.0)) for align in (True, False))

    result, missed = (metrics_of(model) for model in (with_it, without))

    assert result["aligned_cosine"] > missed["aligned_cosine"]
    assert result["aligned_cosine"] > result["aligned_cosine_to_any"]
    assert result["aligned_recall@10"] > 0.9
    assert result["frozen_recall@10"] == missed["frozen_recall@10"]


def metrics_of(model: Model) -> dict[str, float]:
    test = leave_one_out(tiny_dataset(n_items=N_ITEMS).sequences).test
    plugin = model.plugins[0]
    assert plugin.metrics is not None
    with torch.inference_mode():
        histories = [test.history(index) for index in range(len(test))]
        return dict(plugin.metrics(make_data(model.item_vectors(), histories, test.rows)))


def test_metrics_include_users_without_history_and_stay_finite() -> None:
    plugin = llmrec(PLAIN, inputs())
    assert plugin.metrics is not None

    with torch.inference_mode():
        result = plugin.metrics(make_data(torch.zeros(N_ITEMS, DIM), [[], [SILENT]], [3, 4]))

    assert result["aligned_cosine"] == 0.0
    assert result["aligned_recall@10"] == 0.0


def test_metrics_exist_only_if_both_projections_are_trained() -> None:
    assert llmrec(LlmRecConfig(semantics=False, align=False), inputs()).metrics is None
    assert llmrec(LlmRecConfig(semantics=False, user_semantics=False), inputs()).metrics is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"semantics": False, "user_semantics": False, "align": False}, {"shrinkage": 0.0}, {"decay": 1.1},
        {"decay": float("nan")}, {"hidden": 0}, {"item_scale": 0.0}, {"dropout": 1.0}, {"next_weight": -0.1},
        {"space_weight": float("nan")}, {"temperature": 0.5}, {"n_pairs": 1},
    ],
    ids=str,
)  # fmt: skip
def test_invalid_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{list(wrong)[-1]}|weights"):
        LlmRecConfig(**wrong)


def test_several_text_vectors_per_item_are_refused() -> None:
    twice = Features("twice", np.zeros((N_ITEMS, 2, 4), np.float32), np.ones((N_ITEMS, 2), np.bool_))

    with pytest.raises(ValueError, match="got 2"):
        llmrec(PLAIN, replace(inputs(), text=lambda: twice))
