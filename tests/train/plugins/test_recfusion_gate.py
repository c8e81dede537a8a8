from math import exp, sqrt

import pytest
import torch
from torch import Tensor

from train.backbones.attention import masked_softmax
from train.plugins.fusion_gate import ItemGate, UserGate, block_width
from train.plugins.plugin import VisibleHistory

# Every item has both modalities.
ALL = torch.ones(6, 2, dtype=torch.bool)


def user_gate(dim: int = 8, block: int = 3, n_modalities: int = 2) -> UserGate:
    torch.manual_seed(0)
    gate = UserGate(dim, n_modalities, block)
    torch.nn.init.normal_(gate.linear.weight)
    torch.nn.init.normal_(gate.linear.bias)
    return gate


def history(rows: list[list[int]], table: Tensor, visible: Tensor | None = None) -> VisibleHistory:
    events = torch.tensor(rows)
    return VisibleHistory(events, torch.ones(events.shape) if visible is None else visible, table)


def test_a_masked_softmax_is_the_softmax_over_the_mask() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64)

    weights = masked_softmax(logits, torch.tensor([[True, False, True]]))

    both = torch.tensor([1.0, 3.0], dtype=torch.float64).exp()
    expected = torch.stack([both[0], torch.zeros((), dtype=torch.float64), both[1]]) / both.sum()
    torch.testing.assert_close(weights[0], expected)


@pytest.mark.parametrize("size", [0.0, 1e4, 1e30])
def test_a_masked_softmax_of_an_empty_mask_stays_finite(size: float) -> None:
    logits = torch.tensor([[size, -size], [size, -size]], requires_grad=True)

    weights = masked_softmax(logits, torch.tensor([[False, False], [False, True]]))
    torch.autograd.backward(weights.square().sum())

    assert weights.tolist() == [[0.0, 0.0], [0.0, 1.0]]
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_before_training_an_item_gate_gives_equal_weights() -> None:
    gate = ItemGate(width=4, n_modalities=3)

    weights = gate(torch.randn(2, 3, 4), torch.tensor([[True, True, False], [True, True, True]]))

    torch.testing.assert_close(weights, torch.tensor([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]))


def test_an_item_gate_depends_on_the_modalities() -> None:
    gate = ItemGate(width=2, n_modalities=2)
    torch.nn.init.ones_(gate.weight)

    loud_first, loud_second = gate(torch.tensor([[[2.0, 2.0], [0.0, 0.0]], [[0.0, 0.0], [2.0, 2.0]]]),
                                   torch.ones(2, 2, dtype=torch.bool))  # fmt: skip

    assert loud_first[0] > 1.9
    assert loud_second[1] > 1.9


def test_before_training_a_user_gate_does_not_change_the_state() -> None:
    states, table = torch.randn(2, 3, 8), torch.randn(5, 8)

    weighed = UserGate(8, 2, 3).weight_states(states, history([[0, 1, 2], [3, 4, 0]], table), ALL)

    torch.testing.assert_close(weighed, states)


@pytest.mark.parametrize("has", [[False, False], [True, False], [False, True]])
def test_before_training_this_holds_whatever_modalities_are_absent(has: list[bool]) -> None:
    states, table = torch.randn(2, 3, 8), torch.randn(5, 8)

    weighed = UserGate(8, 2, 3).weight_states(states, history([[0, 1, 2], [3, 4, 0]], table), torch.tensor([has] * 5))

    torch.testing.assert_close(weighed, states)


def reference_weights(gate: UserGate, state: list[float], events: list[int], table: Tensor, has: Tensor) -> list[float]:
    """Compute the user's weights by the module's formula, one modality, event and coordinate at a time.

    ``events`` are the visible ones up to the state's own position.
    """
    n_modalities, first = has.shape[1], table.shape[1] - has.shape[1] * gate.block
    centre = sum(state) / len(state)
    spread = sqrt(sum((x - centre) ** 2 for x in state) / len(state) + 1e-5)
    seen, known = [(x - centre) / spread for x in state], []
    for m in range(n_modalities):
        total, modality_mask = [0.0] * gate.block, [row for row in events if has[row, m]]
        for row in modality_mask:
            own = [float(table[row, first + m * gate.block + k]) for k in range(gate.block)]
            length = sqrt(sum(x * x for x in own))
            total = [sum_ + x / length for sum_, x in zip(total, own, strict=True)]
        seen.append(sqrt(sum((x / len(modality_mask)) ** 2 for x in total)) if modality_mask else 0.0)
        known += [m] if modality_mask else []
    matrix, bias = gate.linear.weight.tolist(), gate.linear.bias.tolist()
    strength = [
        exp(sum(w * x for w, x in zip(matrix[m], seen, strict=True)) + bias[m]) if m in known else 0.0
        for m in range(n_modalities)
    ]
    return [len(known) * strength[m] / sum(strength) if m in known else 1.0 for m in range(n_modalities)]


def test_the_weights_of_a_user_match_the_formula() -> None:
    generator = torch.Generator().manual_seed(5)
    gate = user_gate(dim=9, block=2, n_modalities=3).double()
    states = torch.randn(3, 4, 9, generator=generator, dtype=torch.float64)
    table = torch.randn(6, 9, generator=generator, dtype=torch.float64)
    # Items of every kind: with all modalities, with two, with one, with none.
    has = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 0], [1, 0, 1]]).bool()
    rows = [[4, 2, 1, 0], [2, 5, 3, 2], [0, 4, 2, 1]]
    visible = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]], dtype=torch.float64)

    weights = gate(states, history(rows, table, visible), has)

    for user in range(3):
        for position in range(4):
            events = [rows[user][at] for at in range(position + 1) if visible[user, at]]
            expected = reference_weights(gate, states[user, position].tolist(), events, table, has)
            assert weights[user, position].tolist() == pytest.approx(expected), (user, position)


def test_an_event_does_not_count_for_a_modality_that_its_item_lacks() -> None:
    gate, states = user_gate(dim=5, block=2), torch.randn(1, 2, 5)
    # The last two pairs of coordinates are the blocks; the second item lacks the second modality.
    has = torch.tensor([[True, True], [True, False]])
    table = torch.tensor([[7.0, 1.0, 0.0, 1.0, 0.0], [7.0, 0.0, 1.0, -3.0, 4.0]])
    other = torch.tensor([[7.0, 1.0, 0.0, 1.0, 0.0], [7.0, 0.0, 1.0, 9.0, 9.0]])

    consistent = gate.consistency(history([[0, 1]], table), has)

    torch.testing.assert_close(consistent, torch.tensor([[[1.0, 1.0], [0.5**0.5, 1.0]]]))
    torch.testing.assert_close(gate(states, history([[0, 1]], table), has), gate(states, history([[0, 1]], other), has))


def test_a_modality_absent_from_the_history_is_left_out_of_the_softmax_and_keeps_weight_one() -> None:
    gate, states, table = user_gate(dim=9, block=2, n_modalities=3), torch.randn(1, 2, 9), torch.randn(3, 9)
    has = torch.tensor([[True, True, False], [True, True, False], [True, True, True]])

    weights = gate(states, history([[0, 1]], table), has)
    with torch.no_grad():
        gate.linear.bias[2] += 100.0
    louder = gate(states, history([[0, 1]], table), has)

    assert weights[0, :, 2].tolist() == [1.0, 1.0]
    assert (weights[0, :, 0] - 1.0).abs().min() > 0.01
    torch.testing.assert_close(louder, weights)


def test_a_history_with_a_single_modality_has_equal_weights() -> None:
    gate, states, table = user_gate(), torch.randn(1, 2, 8), torch.randn(3, 8)

    weights = gate(states, history([[0, 1]], table), torch.tensor([[True, False]] * 3))

    assert weights.tolist() == [[[1.0, 1.0], [1.0, 1.0]]]


def test_a_user_without_visible_events_has_equal_weights() -> None:
    gate, states, table = user_gate(), torch.randn(1, 2, 8), torch.randn(3, 8)

    weights = gate(states, history([[0, 1]], table, torch.zeros(1, 2)), ALL)

    assert weights.tolist() == [[[1.0, 1.0], [1.0, 1.0]]]


def test_a_score_is_the_gated_sum_over_modalities() -> None:
    generator = torch.Generator().manual_seed(2)
    gate, block = user_gate().double(), 3
    states, table, items = (
        torch.randn(*n, generator=generator, dtype=torch.float64) for n in ((1, 2, 8), (5, 8), (5, 8))
    )
    seen = history([[0, 1]], table, torch.ones(1, 2, dtype=torch.float64))

    scores = (gate.weight_states(states, seen, ALL) @ items.T).detach()

    for position in range(2):
        weights = reference_weights(gate, states[0, position].tolist(), [0, 1][: position + 1], table, ALL)
        for row in range(5):
            state, item = states[0, position], items[row]
            expected = sum(float(state[k] * item[k]) for k in range(2))
            for m in range(2):
                own = range(2 + m * block, 2 + (m + 1) * block)
                expected += weights[m] * sum(float(state[k] * item[k]) for k in own)
            assert float(scores[0, position, row]) == pytest.approx(expected)


def test_the_weights_of_a_user_have_mean_one() -> None:
    weights = user_gate()(torch.randn(2, 3, 8), history([[0, 1, 2], [3, 4, 0]], torch.randn(5, 8)), ALL)

    torch.testing.assert_close(weights.mean(-1), torch.ones(2, 3))
    assert weights.std() > 0.01


def test_a_history_is_consistent_if_its_items_have_the_same_direction() -> None:
    # The last two pairs of coordinates are the blocks: the same in the first one, opposite in the second.
    table = torch.tensor([[7.0, 1.0, 0.0, 1.0, 0.0], [7.0, 5.0, 0.0, -3.0, 0.0]])
    gate = UserGate(5, 2, 2)

    consistent = gate.consistency(history([[0, 1]], table), ALL)

    torch.testing.assert_close(consistent, torch.tensor([[[1.0, 1.0], [1.0, 0.0]]]))


def test_later_and_masked_events_have_no_effect() -> None:
    gate, table, states = user_gate(), torch.randn(6, 8), torch.randn(1, 3, 8)
    visible = torch.tensor([[1.0, 0.0, 1.0]])

    here = gate(states, history([[0, 1, 2]], table, visible), ALL)
    other_later = gate(states, history([[0, 1, 5]], table, visible), ALL)
    other_hidden = gate(states, history([[0, 4, 2]], table, visible), ALL)

    torch.testing.assert_close(here[:, :2], other_later[:, :2])
    assert not torch.allclose(here[:, 2], other_later[:, 2])
    torch.testing.assert_close(here, other_hidden)


def test_the_newest_state_alone_gets_the_same_weights() -> None:
    gate, table, states = user_gate(), torch.randn(6, 8), torch.randn(2, 4, 8)
    events = history([[0, 1, 2, 3], [5, 4, 3, 2]], table)

    torch.testing.assert_close(
        gate.weight_states(states[:, -1:], events, ALL), gate.weight_states(states, events, ALL)[:, -1:]
    )


@pytest.mark.parametrize("visible", [0.0, 1.0])
@pytest.mark.parametrize("there", [False, True])
def test_a_gate_stays_finite_for_padding_zero_items_and_huge_states(visible: float, there: bool) -> None:
    gate, table = user_gate(), torch.zeros(3, 8, requires_grad=True)
    states = torch.tensor([0.0, 1e18]).repeat_interleave(8).reshape(1, 2, 8).requires_grad_()

    events = history([[0, 1]], table, torch.full((1, 2), visible))
    weighed = gate.weight_states(states, events, torch.full((3, 2), there))
    torch.autograd.backward(weighed.sum())

    assert weighed.isfinite().all()
    assert states.grad is not None
    assert states.grad.isfinite().all()


@pytest.mark.parametrize(
    ("dim", "n_modalities", "private", "expected"), [(64, 3, 0.5, 10), (64, 1, 0.5, 0), (64, 2, 0.0, 0), (8, 2, 1.0, 4)]
)
def test_the_number_of_coordinates_of_each_block(dim: int, n_modalities: int, private: float, expected: int) -> None:
    assert block_width(dim, n_modalities, private) == expected
