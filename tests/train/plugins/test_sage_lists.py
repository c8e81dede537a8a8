"""The lists whose redundancy is penalized are those that would be recommended."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.train.plugins.tiny_sage import DIM, N_ITEMS, drawn
from tests.train.plugins.tiny_steps import make_step
from train.objectives.redundancy import list_weights, redundancy
from train.plugins.plugin import TrainingStep
from train.plugins.sage_lists import best_candidates, shown_redundancy

TEXT = F.normalize(drawn(N_ITEMS, 6, seed=3), dim=1)


def redundancy_of(step: TrainingStep, *, n_users: int = 64, n_candidates: int = 8, list_length: int = 3) -> Tensor:
    return shown_redundancy(
        step, TEXT, list_length=list_length, n_candidates=n_candidates, n_users=n_users, temperature=0.5
    )


def test_the_loss_is_the_mean_redundancy_of_the_best_unseen_items() -> None:
    states, table = drawn(2, DIM), drawn(N_ITEMS, DIM, seed=1)
    histories = torch.tensor([[0, 1, 2], [7, 8, 9]])

    slow = []
    for state, history in zip(states, histories.tolist(), strict=True):
        scores = table @ state
        scores[history[:-1]] = -torch.inf
        best = scores.topk(8).indices
        weights = list_weights(scores[best][None], torch.ones(1, 8, dtype=torch.bool), 3, 0.5)
        slow.append(float(redundancy(weights, TEXT[best][None], 3)))

    assert float(redundancy_of(make_step(states, table, histories))) == pytest.approx(sum(slow) / 2, rel=1e-4)


def test_items_of_the_history_are_no_candidates_but_the_target_is() -> None:
    step = make_step(drawn(1, DIM), drawn(N_ITEMS, DIM, seed=1), torch.tensor([[0, 1, 2]]))

    rows, allowed = best_candidates(step.states, step, torch.tensor([0]), N_ITEMS)

    assert set(rows[0][allowed[0]].tolist()) == set(range(N_ITEMS)) - {0, 1}


def test_padding_excludes_no_item() -> None:
    mask = torch.tensor([[0.0, 1.0, 1.0]])
    step = make_step(drawn(1, DIM), drawn(N_ITEMS, DIM, seed=1), torch.tensor([[0, 1, 2]]), mask=mask)

    rows, allowed = best_candidates(step.states, step, torch.tensor([0]), N_ITEMS)

    assert set(rows[0][allowed[0]].tolist()) == set(range(N_ITEMS)) - {1}


def test_states_and_items_get_gradients_and_texts_do_not() -> None:
    states, table = drawn(2, DIM).requires_grad_(), drawn(N_ITEMS, DIM, seed=1).requires_grad_()
    text = TEXT.clone().requires_grad_()
    step = make_step(states, table, torch.tensor([[0, 1], [2, 3]]))

    redundancy_of(step).backward()  # type: ignore[no-untyped-call]

    assert states.grad is not None
    assert states.grad.abs().sum() > 0
    assert table.grad is not None
    assert table.grad.abs().sum() > 0
    assert text.grad is None


def test_at_most_n_users_are_sampled_with_torchs_generator() -> None:
    states = drawn(40, DIM)
    step = make_step(states, drawn(N_ITEMS, DIM, seed=1), torch.arange(80).reshape(40, 2) % N_ITEMS)

    torch.manual_seed(0)
    one, other = float(redundancy_of(step, n_users=5)), float(redundancy_of(step, n_users=5))
    torch.manual_seed(0)

    assert one != other
    assert float(redundancy_of(step, n_users=5)) == one


def test_a_catalogue_too_small_to_choose_from_has_no_loss() -> None:
    table = drawn(3, DIM, seed=1).requires_grad_()
    step = make_step(drawn(2, DIM), table, torch.tensor([[0, 1], [1, 2]]))

    assert float(shown_redundancy(step, TEXT[:3], list_length=3, n_candidates=8, n_users=9, temperature=0.5)) == 0.0


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_one_user_and_extreme_scores_stay_finite(scale: float) -> None:
    states = (drawn(1, DIM) * scale).requires_grad_()
    table = (drawn(1, DIM, seed=1).expand(N_ITEMS, DIM) * scale).clone().requires_grad_()

    loss = redundancy_of(make_step(states, table, torch.tensor([[5, 5]])))
    loss.backward()  # type: ignore[no-untyped-call]

    assert loss.isfinite()
    assert states.grad is not None
    assert states.grad.isfinite().all()
    assert table.grad is not None
    assert table.grad.isfinite().all()
