"""LLMRec changes the vectors of items and the states of users."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.tiny_llmrec import (
    DIM,
    N_ITEMS,
    PLAIN,
    SILENT,
    inputs,
    model_of,
    module_of,
    open_gate,
    trained,
)
from train.data.sequences import Sequences
from train.full_model.model import Model
from train.items.features import Features
from train.plugins.llmrec import LlmRec, LlmRecConfig, llmrec
from train.plugins.plugin import VisibleHistory


def ranking(model: Model) -> Tensor:
    """Return the scores of all items for two users."""
    rows, mask = torch.tensor([[0, 3, 4], [7, 8, 9]]), torch.tensor([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
    table = model.item_vectors()
    return model.user_states(rows, mask, table) @ table.T


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
    off: dict[str, Any] = {switch: False}
    plugin = llmrec(LlmRecConfig(**off), inputs())

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
