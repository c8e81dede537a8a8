"""The language model is trained only on samples that knowledge does not help."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.train.plugins.tiny_coco import DIM, drawn, make_bert, tiny_inputs
from tests.train.plugins.tiny_steps import make_step
from train.errors import DataError, RunError
from train.items.text import ItemTexts
from train.objectives.contrast import directions
from train.plugins.coco import CoCo, CoCoConfig, coco
from train.plugins.knowledge_model import DROPOUT, RANK, cached_knowledge, tunable_knowledge
from train.plugins.plugin import Plugin, TrainingStep
from train.reasons.lora import add_lora

N_USERS = 6


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bert(tmp_path_factory.mktemp("bert") / "model")


def trained_plugin(bert: Path, *, llm_budget: int = 4) -> tuple[Plugin, CoCo]:
    """Return a plug-in with non-zero output weights and a non-zero LoRA."""
    plugin = coco(CoCoConfig(n_prompts=6, language_model=str(bert), llm_budget=llm_budget), tiny_inputs())
    module = plugin.module
    assert isinstance(module, CoCo)
    with torch.no_grad():
        module.attention.output.weight.copy_(drawn(DIM, DIM, seed=5))
        for index, parameter in enumerate(module.knowledge.lora):
            parameter.copy_(0.5 * drawn(*parameter.shape, seed=20 + index))
    return plugin, module


def step_of(module: CoCo, *, helps: bool, scale: float = 1.0) -> TrainingStep:
    """Return a step in which knowledge moves every state towards, or away from, its target."""
    histories = torch.arange(N_USERS)[:, None] * 3 + torch.arange(4)
    states = scale * drawn(N_USERS, DIM)
    hidden, _ = module.knowledge.look_up(histories[:, :-1])
    aligned = module(states[:, None], hidden, torch.ones(N_USERS, 3))[:, 0].detach()
    turn = directions(aligned - states)
    table = 1e-3 * drawn(24, DIM, seed=1)
    table[histories[:, -1]] = turn if helps else -turn
    return make_step(states, table, histories, plain=torch.full_like(states, torch.nan))  # unused here


def train_once(plugin: Plugin, optimizer: torch.optim.Optimizer, step: TrainingStep) -> dict[str, Tensor]:
    assert plugin.losses is not None
    terms = dict(plugin.losses(step))
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]  # as torch has it
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return terms


def test_the_language_model_stays_unchanged_bit_for_bit_if_knowledge_helps_all_users(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, weight_decay=0.1)
    train_once(plugin, optimizer, step_of(module, helps=False))  # so that the optimizer has momentum
    before = [parameter.detach().clone() for parameter in module.knowledge.lora]
    states, others = module.knowledge.states.clone(), module.codebook.prompts.detach().clone()

    terms = train_once(plugin, optimizer, step_of(module, helps=True))

    assert float(terms["language_model"].detach()) == 0.0
    assert all(torch.equal(a, b) for a, b in zip(module.knowledge.lora, before, strict=True))
    assert torch.equal(module.knowledge.states, states)
    assert not torch.equal(module.codebook.prompts, others)


def test_the_language_model_changes_if_knowledge_does_not_help(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.01, weight_decay=0.0)
    before = [parameter.detach().clone() for parameter in module.knowledge.lora]

    train_once(plugin, optimizer, step_of(module, helps=False))

    assert len(before) == 2 * 2 * 2  # A and B of q and v in two layers
    assert not any(torch.equal(a, b) for a, b in zip(module.knowledge.lora, before, strict=True))


@pytest.mark.parametrize("budget", [1, 4])
def test_the_budget_limits_the_texts_encoded_in_a_step_and_they_are_cached(bert: Path, budget: int) -> None:
    plugin, module = trained_plugin(bert, llm_budget=budget)
    step, before = step_of(module, helps=False), module.knowledge.states.clone()
    torch.manual_seed(0)

    assert plugin.losses is not None
    plugin.losses(step)

    changed = (module.knowledge.states != before).any(1).nonzero()[:, 0].tolist()
    assert len(changed) == budget
    assert set(changed) <= set(step.histories[:, :-1].flatten().tolist())


def test_without_a_budget_there_is_no_fine_tuning(bert: Path) -> None:
    plugin, module = trained_plugin(bert, llm_budget=0)

    assert plugin.losses is not None
    assert "language_model" not in plugin.losses(step_of(module, helps=False))


def test_the_term_has_gradients_for_the_lora_only(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    step = step_of(module, helps=False)
    states, table = step.input_states.requires_grad_(), step.table.requires_grad_()

    assert plugin.losses is not None
    plugin.losses(step)["language_model"].backward()  # type: ignore[no-untyped-call]  # as torch has it

    reached = {name for name, parameter in module.named_parameters() if parameter.grad is not None}
    assert reached == {f"knowledge.lora.{index}" for index in range(8)}
    assert states.grad is None
    assert table.grad is None


def test_the_term_is_the_part_of_the_main_loss_of_samples_that_are_not_helped(bert: Path) -> None:
    plugin, module = trained_plugin(bert, llm_budget=N_USERS)
    # An initial LoRA changes nothing, so dropout has no effect and encoded texts equal the cache.
    with torch.no_grad():
        for index in range(1, 8, 2):
            module.knowledge.lora[index].zero_()
        module.knowledge.states.copy_(tunable_knowledge(str(bert), ItemTexts(tiny_inputs().catalogue)).states)
    step = step_of(module, helps=False)

    assert plugin.losses is not None
    result = plugin.losses(step)["language_model"].item()

    hidden, _ = module.knowledge.look_up(step.histories[:, :-1])
    aligned = module(step.input_states[:, None], hidden, torch.ones(N_USERS, 3))[:, 0]
    losses = [F.cross_entropy(state @ step.table.T, row) for state, row in zip(aligned, step.targets, strict=True)]
    assert result == pytest.approx(float(torch.stack(losses).detach().mean()), rel=1e-4)


def test_states_with_an_earlier_target_are_not_used(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    step = step_of(module, helps=False)
    histories = torch.cat([step.histories, torch.full((N_USERS, 1), 23)], dim=1)
    older = replace(step, histories=histories, mask=torch.ones(N_USERS, 5))

    assert plugin.losses is not None
    assert plugin.losses(older)["language_model"].item() == 0.0


def test_a_step_without_visible_events_tunes_nothing(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    step = step_of(module, helps=False)
    blind = replace(step, mask=torch.zeros_like(step.mask))

    assert plugin.losses is not None
    assert plugin.losses(blind)["language_model"].item() == 0.0
    assert plugin.losses(step)["language_model"].item() > 0.0


def test_one_user_with_one_event_before_the_newest_is_enough(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    step = step_of(module, helps=False)
    histories, state, table = step.histories[:1, -2:], step.input_states[:1], step.table.clone()
    hidden, _ = module.knowledge.look_up(histories[:, :1])
    aligned = module(state[:, None], hidden, torch.ones(1, 1))[:, 0].detach()
    table[histories[0, 1]] = 3 * directions(state[0] - aligned[0])

    assert plugin.losses is not None
    plugin.losses(make_step(state, table, histories))["language_model"].backward()  # type: ignore[no-untyped-call]

    assert any(float(weight.grad.abs().max()) > 0 for weight in module.knowledge.lora if weight.grad is not None)


def test_users_without_earlier_events_and_a_catalogue_of_one_item_tune_nothing(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    alone = make_step(drawn(1, DIM), drawn(24, DIM), torch.tensor([[3]]))
    same = torch.zeros(2, 3, dtype=torch.int64)

    assert plugin.losses is not None
    assert plugin.losses(alone)["language_model"].item() == 0.0
    of_one = plugin.losses(make_step(drawn(2, DIM), drawn(1, DIM), same))["language_model"]
    # The only item is always the next one, whatever the language model returns.
    assert of_one.item() == 0.0
    assert module.knowledge.states.isfinite().all()


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e6, 1e12])
def test_extreme_states_and_items_leave_the_term_and_its_gradients_finite(bert: Path, scale: float) -> None:
    plugin, module = trained_plugin(bert, llm_budget=N_USERS)
    states, items = step_of(module, helps=False, scale=scale), step_of(module, helps=False)

    assert plugin.losses is not None
    for step in (states, replace(items, table=scale * items.table)):
        term = plugin.losses(step)["language_model"]
        assert term.isfinite()
        gradients = torch.autograd.grad(term, list(module.knowledge.lora))
        assert all(gradient.isfinite().all() for gradient in gradients)


def test_batched_texts_are_encoded_as_single_ones(bert: Path) -> None:
    torch.manual_seed(0)
    knowledge = tunable_knowledge(str(bert), ItemTexts(tiny_inputs().catalogue))

    one = tunable_knowledge(str(bert), ["Thing number 7"])

    assert knowledge.states.shape == (24, 16)
    torch.testing.assert_close(knowledge.states[7], one.states[0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(knowledge.states[7], knowledge.states[8])
    assert knowledge.present.all()


def test_an_empty_text_is_encoded(bert: Path) -> None:
    assert tunable_knowledge(str(bert), ["", "Thing"]).states.isfinite().all()


def test_only_the_lora_is_saved_with_the_model(bert: Path) -> None:
    _, module = trained_plugin(bert)
    _, other = trained_plugin(bert)
    with torch.no_grad():
        other.knowledge.lora[0].add_(1.0)
        other.knowledge.states.add_(1.0)

    saved = {name for name in module.state_dict() if name.startswith("knowledge.")}
    other.load_state_dict(module.state_dict())

    assert saved == {"knowledge.states"} | {f"knowledge.lora.{index}" for index in range(8)}
    torch.manual_seed(3)
    once = module.knowledge.encode_for_tuning(torch.tensor([4]))
    torch.manual_seed(3)
    assert torch.equal(other.knowledge.encode_for_tuning(torch.tensor([4])), once)


def test_frozen_features_are_not_saved_and_cannot_be_recomputed() -> None:
    knowledge = cached_knowledge(tiny_inputs().text())

    assert not knowledge.state_dict()
    assert not knowledge.can_learn
    with pytest.raises(ValueError, match="no language model"):
        knowledge.encode_for_tuning(torch.tensor([0]))


def test_only_the_lora_has_dropout_and_only_while_tuning(bert: Path) -> None:
    plugin, module = trained_plugin(bert)
    row = torch.tensor([4])

    drawn_twice = [module.knowledge.encode_for_tuning(row) for _ in range(2)]
    with torch.no_grad():
        for parameter in module.knowledge.lora:
            parameter.zero_()
    silent = [module.knowledge.encode_for_tuning(row) for _ in range(2)]

    assert (RANK, DROPOUT) == (8, 0.05)
    assert plugin.name == "coco"
    assert module.knowledge.lora[0].shape == (RANK, 16)
    assert not torch.equal(*drawn_twice)
    assert torch.equal(*silent)


def test_a_missing_model_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no config\.json; expected `minilm`, a folder"):
        tunable_knowledge(str(tmp_path), ["Thing"])


def test_a_model_without_q_and_v_is_refused() -> None:
    with pytest.raises(RunError, match="found no query and value projections in Linear"):
        add_lora(torch.nn.Linear(2, 2), RANK)
