from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.shown import make_probe, make_step
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
from train.plugins.plugin import Past, Plugin, Step

N_ITEMS, DIM = 24, 8
SILENT = N_ITEMS - 1  # has no text
PLAIN = LlmRecConfig(dropout=0.0)


def circle() -> Features:
    """Texts of items that stand in a circle, so that the next item of everybody's walk is the nearest one."""
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


def opened(plugin: Plugin) -> Plugin:
    """Open the gate of the states, as training would."""
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
        learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
        for parameter, gradient in zip(learnt, torch.autograd.grad(loss, learnt), strict=True):
            parameter.grad = gradient
        optimizer.step()
    return model.eval()


def ranking(model: Model) -> Tensor:
    """Return the scores of all items for two users."""
    rows, mask = torch.tensor([[0, 3, 4], [7, 8, 9]]), torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    table = model.item_vectors()
    return model.user_states(rows, mask, table) @ table.T


def step(n: int = 6, seed: int = 0) -> Step:
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


def test_training_starts_with_the_states_of_the_backbone_alone() -> None:
    plugin = llmrec(PLAIN, inputs())
    states, past = torch.randn(2, 3, DIM), Past(torch.tensor([[1, 2, 3]] * 2), torch.ones(2, 3), torch.zeros(1, DIM))

    assert plugin.state is not None
    assert torch.equal(plugin.state(states, past), states)


def test_a_state_depends_on_visible_events_up_to_its_own_position_alone() -> None:
    plugin = opened(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    states, table = torch.randn(1, 5, DIM), torch.zeros(N_ITEMS, DIM)
    visible = torch.tensor([[1.0, 0.0, 1.0, 1.0, 1.0]])
    rows = torch.tensor([[1, 2, 3, 4, 5]])

    before = plugin.state(states, Past(rows, visible, table))
    hidden = plugin.state(states, Past(torch.tensor([[1, 9, 3, 4, 5]]), visible, table))
    later = plugin.state(states, Past(torch.tensor([[1, 2, 3, 9, 9]]), visible, table))

    torch.testing.assert_close(hidden, before)
    torch.testing.assert_close(later[:, :3], before[:, :3])
    assert not torch.allclose(later[:, 3:], before[:, 3:])


@pytest.mark.parametrize("decay", [1.0, 0.6])
def test_states_equal_the_formula_written_out_where_events_are_masked_or_say_nothing(decay: float) -> None:
    plugin = opened(llmrec(replace(PLAIN, decay=decay), inputs()))
    assert plugin.state is not None
    states = torch.randn(2, 3, DIM)
    rows = torch.tensor([[1, 2, 3, 4, 5], [0, SILENT, 7, 8, SILENT]])
    visible = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 1.0]])

    found = plugin.state(states, Past(rows, visible, torch.zeros(N_ITEMS, DIM)))

    expected = [
        [
            state_by_hand(module_of(plugin), states[user, position], rows[user], visible[user], position + 2)
            for position in range(3)
        ]
        for user in range(2)
    ]
    torch.testing.assert_close(found, torch.stack([torch.stack(of_user) for of_user in expected]).float())
    # The second user's first position has seen nothing but the item without a text.
    assert torch.equal(found[1, 0], states[1, 0])


@torch.no_grad()
def state_by_hand(module: LlmRec, state: Tensor, rows: Tensor, visible: Tensor, at: int) -> Tensor:
    """Return ``h + tanh(W [layer norm(h); log(1 + n)] + b) * map(whitened direction of the mean)``, in float64."""
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
    found: Tensor = h + torch.tanh(module.gate.weight.double() @ evidence + module.gate.bias.double()) * said
    return found


def test_the_current_state_alone_is_what_it_is_among_all() -> None:
    plugin = opened(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    states, past = torch.randn(2, 4, DIM), Past(torch.arange(8).view(2, 4), torch.ones(2, 4), torch.zeros(1, DIM))

    every, newest = plugin.state(states, past), plugin.state(states[:, -1:], past)

    torch.testing.assert_close(newest, every[:, -1:])


def test_the_gate_knows_how_much_there_is_to_go_by() -> None:
    plugin = opened(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    state, table = torch.randn(1, 1, DIM), torch.zeros(1, DIM)

    once = plugin.state(state, Past(torch.tensor([[0, 0, 3]]), torch.tensor([[0.0, 0.0, 1.0]]), table))
    thrice = plugin.state(state, Past(torch.tensor([[3, 3, 3]]), torch.ones(1, 3), table))

    assert not torch.allclose(once, thrice)


def test_a_past_without_any_text_leaves_the_state_alone() -> None:
    plugin = opened(llmrec(PLAIN, inputs()))
    assert plugin.state is not None
    state, table = torch.randn(1, 1, DIM), torch.zeros(1, DIM)

    nobody = plugin.state(state, Past(torch.tensor([[5, 6]]), torch.zeros(1, 2), table))
    silent = plugin.state(state, Past(torch.tensor([[SILENT, SILENT]]), torch.ones(1, 2), table))

    assert torch.equal(nobody, state)
    assert torch.equal(silent, state)


def test_an_item_never_seen_has_a_vector_from_its_text_and_one_without_text_has_none() -> None:
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
def test_a_piece_that_is_switched_off_contributes_nothing(switch: str) -> None:
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
def test_every_setting_changes_what_is_learnt(change: dict[str, Any]) -> None:
    usual, other = (trained(config, n_steps=3) for config in (PLAIN, replace(PLAIN, **change)))

    assert not torch.allclose(ranking(usual), ranking(other), atol=1e-6)


def test_the_losses_are_finite_and_reach_every_parameter_of_the_plug_in() -> None:
    model = model_of()
    opened(model.plugins[0])

    terms = model(batch())
    module = module_of(model.plugins[0])
    gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), list(module.parameters()))

    assert set(terms) == {"next", "llmrec.next", "llmrec.space"}
    assert all(bool(torch.isfinite(gradient).all()) and bool(gradient.any()) for gradient in gradients)


def test_parameters_that_nothing_uses_are_not_trained() -> None:
    items_only = module_of(llmrec(LlmRecConfig(user_semantics=False, align=False), inputs()))
    users_only = module_of(llmrec(LlmRecConfig(semantics=False, align=False), inputs()))

    assert not any(parameter.requires_grad for parameter in items_only.space.history_map.parameters())
    assert not any(parameter.requires_grad for parameter in users_only.space.item_map.parameters())


def test_pairs_are_what_came_before_a_target_and_no_more_than_asked_for() -> None:
    module = module_of(llmrec(replace(PLAIN, decay=1.0), inputs()))

    pairs = module.pairs(step())
    few = module_of(llmrec(replace(PLAIN, n_pairs=2), inputs())).pairs(step())

    # Before the fifth target, a user had only the item without a text.
    assert sorted(pairs.users.tolist()) == [0, 0, 1, 1, 2]
    one = (pairs.states == step().plain_states[1]).all(1).nonzero()[0]
    expected = module.space.histories(module.space.frozen[[1, 2]].mean(0, keepdim=True), torch.ones(1))
    torch.testing.assert_close(pairs.histories[one], expected)
    torch.testing.assert_close(pairs.semantic[pairs.place[one]], module.space.items(torch.tensor([3])))
    assert len(few.users) <= 2


def test_items_are_aligned_with_their_own_vectors_whatever_plug_ins_add_to_the_table() -> None:
    torch.manual_seed(0)
    content = Plugin(name="content", items=lambda table: table + 3.0)
    backbone = SASRec(EncoderConfig(dim=DIM, max_length=8, n_blocks=1))
    ours = llmrec(PLAIN, inputs())
    found: list[Pairs] = []

    def watch(step: Step) -> dict[str, Tensor]:
        found.append(module_of(ours).pairs(step))
        return {}

    model = Model(torch.ones(N_ITEMS, dtype=torch.bool), backbone, [content, replace(ours, losses=watch)])
    model(batch())

    rows = torch.unique(torch.cat([group.targets[group.targets >= 0] for group in batch()]))
    own = model.item.detach()
    assert all(bool((own[rows] == vector).all(1).any()) for vector in found[0].own)
    assert bool(found[0].learnt.all())


def test_an_item_whose_own_vector_is_left_out_of_a_step_is_not_aligned_with_what_stands_in() -> None:
    module = module_of(llmrec(PLAIN, inputs()))
    has_own = torch.ones(N_ITEMS, dtype=torch.bool)
    has_own[[3, 7]] = False
    own = torch.randn(N_ITEMS, DIM, requires_grad=True)
    before = replace(step(), own=own, has_own=has_own)

    pairs = module.pairs(before)
    (gradient,) = torch.autograd.grad(module.losses(before)["space"], own)

    # Of the targets the step asks for, in the order of their rows.
    assert pairs.learnt.tolist() == [True, False, True, False, True]
    torch.testing.assert_close(pairs.own, own[[2, 3, 5, 7, 10]])
    assert gradient.any(1).nonzero()[:, 0].tolist() == [2, 5, 10]


def test_a_step_without_any_own_vector_still_aligns_histories_and_reaches_no_stand_in() -> None:
    module = module_of(llmrec(PLAIN, inputs()))
    own = torch.randn(N_ITEMS, DIM, requires_grad=True)

    losses = module.losses(replace(step(), own=own, has_own=torch.zeros(N_ITEMS, dtype=torch.bool)))
    (gradient,) = torch.autograd.grad(torch.stack(list(losses.values())).sum(), own, materialize_grads=True)

    assert all(float(loss.detach()) > 0 for loss in losses.values())
    assert not gradient.any()


@pytest.mark.parametrize("n", [0, 1])
def test_a_step_with_next_to_nothing_to_align_costs_nothing(n: int) -> None:
    losses = module_of(llmrec(PLAIN, inputs())).losses(step(n))

    assert all(float(loss.detach()) == pytest.approx(0.0, abs=1e-6) for loss in losses.values())


def test_construction_depends_on_the_seed_alone_and_on_no_event() -> None:
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


def test_alignment_teaches_histories_to_find_their_next_items() -> None:
    with_it, without = (trained(replace(PLAIN, align=align, next_weight=1.0)) for align in (True, False))

    found, missed = (figures_of(model) for model in (with_it, without))

    assert found["aligned_cosine"] > missed["aligned_cosine"]
    assert found["aligned_cosine"] > found["aligned_cosine_to_any"]
    assert found["aligned_recall@10"] > 0.9
    assert found["frozen_recall@10"] == missed["frozen_recall@10"]


def figures_of(model: Model) -> dict[str, float]:
    test = leave_one_out(tiny_dataset(n_items=N_ITEMS).sequences).test
    plugin = model.plugins[0]
    assert plugin.figures is not None
    with torch.inference_mode():
        histories = [test.history(index) for index in range(len(test))]
        return dict(plugin.figures(make_probe(model.item_vectors(), histories, test.rows)))


def test_figures_count_users_of_whom_nothing_is_known_and_stay_finite() -> None:
    plugin = llmrec(PLAIN, inputs())
    assert plugin.figures is not None

    with torch.inference_mode():
        found = plugin.figures(make_probe(torch.zeros(N_ITEMS, DIM), [[], [SILENT]], [3, 4]))

    assert found["aligned_cosine"] == 0.0
    assert found["aligned_recall@10"] == 0.0


def test_figures_are_given_only_where_both_sides_are_learnt() -> None:
    assert llmrec(LlmRecConfig(semantics=False, align=False), inputs()).figures is None
    assert llmrec(LlmRecConfig(semantics=False, user_semantics=False), inputs()).figures is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"semantics": False, "user_semantics": False, "align": False}, {"shrinkage": 0.0}, {"decay": 1.1},
        {"decay": float("nan")}, {"hidden": 0}, {"item_scale": 0.0}, {"dropout": 1.0}, {"next_weight": -0.1},
        {"space_weight": float("nan")}, {"temperature": 0.5}, {"n_pairs": 1},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{list(wrong)[-1]}|weights"):
        LlmRecConfig(**wrong)


def test_several_text_vectors_an_item_are_refused() -> None:
    twice = Features("twice", np.zeros((N_ITEMS, 2, 4), np.float32), np.ones((N_ITEMS, 2), np.bool_))

    with pytest.raises(ValueError, match="got 2"):
        llmrec(PLAIN, replace(inputs(), text=lambda: twice))
