"""Properties that every backbone must have."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.train.backbones.tiny_backbones import (
    ALL,
    CAUSAL,
    CONFIG,
    N_ITEMS,
    events_of,
    tiny_events,
    tiny_group,
    tiny_table,
)
from tests.train.tiny_data import tiny_dataset
from train.backbones.encoder import Backbone, Events, Supervision
from train.data.split import leave_one_out
from train.full_model.model import Model
from train.loop.batches import Group, TrainingSequences, training_batch
from train.metrics.ranker import validation_score


@pytest.fixture(params=ALL)
def backbone(request: pytest.FixtureRequest) -> Backbone:
    return module(request.param)


@pytest.fixture(params=CAUSAL)
def causal(request: pytest.FixtureRequest) -> Backbone:
    return module(request.param)


def module(name: str, dropout: float = 0.0) -> Backbone:
    torch.manual_seed(0)
    return ALL[name](dropout)


def supervision_of(backbone: Backbone, group: Group, table: Tensor, seed: int = 0) -> Supervision:
    torch.manual_seed(seed)
    return backbone.supervise(group, lambda rows: F.embedding(rows, table))


def test_padding_does_not_change_states(backbone: Backbone) -> None:
    events = tiny_events((4, 4))
    noise = torch.full((2, 3), 5)
    padded = events_of(torch.cat([noise, events.rows], 1), torch.cat([torch.zeros(2, 3), events.mask], 1), tiny_table())

    torch.testing.assert_close(backbone(padded)[:, 3:], backbone(events))
    torch.testing.assert_close(backbone.last(padded), backbone.last(events))


def test_the_last_state_equals_the_last_of_all_states(backbone: Backbone) -> None:
    events = tiny_events()

    torch.testing.assert_close(backbone.last(events), backbone(events)[:, -1])


def test_a_state_depends_on_its_own_event_and_on_no_later_one(backbone: Backbone) -> None:
    events = tiny_events((5, 5))
    before = backbone(events)

    for position in range(5):
        rows = events.rows.clone()
        rows[:, position] = (rows[:, position] + 7) % N_ITEMS
        after = backbone(events_of(rows, events.mask, tiny_table()))

        torch.testing.assert_close(after[:, :position], before[:, :position])
        assert (after[:, position:] - before[:, position:]).abs().amax(2).min() > 1e-6


def test_a_state_depends_on_the_order_of_earlier_events(backbone: Backbone) -> None:
    events = tiny_events((4,), seed=1)
    swapped = Events(events.embeddings[:, [1, 0, 2, 3]], events.mask, events.rows[:, [1, 0, 2, 3]])

    assert (backbone.last(events) - backbone.last(swapped)).abs().max() > 1e-6


@pytest.mark.parametrize("lengths", [(1,), (8, 1), (8, 8)])
def test_states_are_finite_for_every_length(backbone: Backbone, lengths: tuple[int, ...]) -> None:
    events = tiny_events(lengths)

    states = backbone(events)

    assert states.shape == (*events.mask.shape, CONFIG.dim)
    assert states.isfinite().all()
    assert backbone.last(events).shape == (len(lengths), CONFIG.dim)


def test_a_fully_padded_sequence_has_a_finite_state(backbone: Backbone) -> None:
    nothing = events_of(torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3), tiny_table())

    assert backbone(nothing).isfinite().all()
    assert backbone.last(nothing).isfinite().all()


def test_huge_item_vectors_leave_states_and_gradients_finite(backbone: Backbone) -> None:
    table = (tiny_table() * 1e4).requires_grad_()

    result = supervision_of(backbone, tiny_group(), table)
    torch.autograd.backward([result.states[result.targets >= 0].sum(), *result.terms.values()])

    assert result.states.isfinite().all()
    assert table.grad is not None
    assert table.grad.isfinite().all()


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_states(name: str) -> None:
    first, second = module(name, dropout=0.5), module(name, dropout=0.5)

    one, two = (supervision_of(backbone, tiny_group(), tiny_table()) for backbone in (first, second))

    assert torch.equal(one.states, two.states)
    assert torch.equal(one.targets, two.targets)
    assert all(torch.equal(one.terms[term], two.terms[term]) for term in one.terms)


@pytest.mark.parametrize("name", ALL)
def test_dropout_is_applied_in_training_only(name: str) -> None:
    backbone = module(name, dropout=0.5)

    in_training = backbone.last(tiny_events()), backbone.last(tiny_events())
    assert isinstance(backbone, nn.Module)
    backbone.eval()
    in_evaluation = backbone.last(tiny_events()), backbone.last(tiny_events())

    assert not torch.equal(*in_training)
    assert torch.equal(*in_evaluation)


def test_every_parameter_gets_a_finite_gradient(backbone: Backbone) -> None:
    result = supervision_of(backbone, tiny_group(), tiny_table())

    supervised = result.states[result.targets >= 0]
    torch.autograd.backward([(supervised * torch.randn_like(supervised)).sum(), *result.terms.values()])

    for parameter in backbone.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_supervision_has_the_shapes_that_plugins_expect(backbone: Backbone) -> None:
    result = supervision_of(backbone, tiny_group(), tiny_table())

    shape = result.states.shape[:2]
    assert result.targets.shape == result.rows.shape == result.visible.shape == shape
    assert result.states.shape[2] == CONFIG.dim
    assert result.visible.dtype == torch.float32
    assert ((result.visible == 0) | (result.visible == 1)).all()
    assert ((result.targets >= 0).sum(1) > 0).all()
    assert all(term.shape == () for term in result.terms.values())


def test_a_causal_backbone_predicts_later_events_and_shows_earlier_ones(causal: Backbone) -> None:
    group = tiny_group()

    result = supervision_of(causal, group, tiny_table())

    assert torch.equal(result.rows, group.rows)
    assert torch.equal(result.visible, group.mask)
    assert torch.equal(result.targets >= 0, group.mask > 0)
    for user, position in (result.targets >= 0).nonzero().tolist():
        assert result.targets[user, position] in group.targets[user, position:]


def test_a_causal_state_does_not_depend_on_its_target(causal: Backbone) -> None:
    group = tiny_group()
    before = supervision_of(causal, group, tiny_table())

    for position in range(group.rows.shape[1]):
        rows, targets = group.rows.clone(), group.targets.clone()
        rows[:, position + 1 :] = 11
        targets[:, position:] = 12
        after = supervision_of(causal, Group(rows, group.mask, targets), tiny_table())

        real = group.mask[:, : position + 1] > 0
        torch.testing.assert_close(after.states[:, : position + 1][real], before.states[:, : position + 1][real])


@pytest.mark.parametrize("name", ALL)
def test_a_backbone_learns_a_deterministic_sequence(name: str) -> None:
    dataset = tiny_dataset(n_items=N_ITEMS)
    split = leave_one_out(dataset.sequences)
    model = Model(torch.ones(N_ITEMS, dtype=torch.bool), module(name, dropout=0.1))

    untrained = validation_score(model, split)
    train(model, TrainingSequences(list(split.train), CONFIG.max_length), epochs=16)

    assert validation_score(model, split) > max(0.6, untrained + 0.2)


def train(model: nn.Module, sequences: TrainingSequences, epochs: int) -> None:
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for epoch in range(epochs):
        order = np.random.default_rng(epoch).permutation(len(sequences))
        for users in np.array_split(order, 4):
            terms = model(training_batch([sequences[user] for user in users]))
            optimizer.zero_grad()
            torch.autograd.backward(list(terms.values()))
            optimizer.step()
