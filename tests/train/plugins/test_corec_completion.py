"""The autoencoder: what it may fill in, and how its accuracy is measured."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.train.plugins.shown import make_probe
from train.plugins.corec_clusters import InterestClusters
from train.plugins.corec_completion import Completion
from train.plugins.corec_figures import completion_figures, completion_scores, hide_one
from train.plugins.plugin import Probe

DIM = 4
LABEL = torch.arange(9) // 3


def completion(*, kl_weight: float = 0.5, kl_steps: int = 2) -> Completion:
    torch.manual_seed(0)
    made = Completion(DIM, kl_weight=kl_weight, kl_steps=kl_steps)
    torch.nn.init.normal_(made.log_variance.weight)
    return made


def clusters() -> InterestClusters:
    made = InterestClusters(torch.eye(9), torch.arange(9), n_interests=3, seed=0)
    made.label.copy_(LABEL)
    return made


def probe_of(histories: list[list[int]], table: Tensor) -> Probe:
    return make_probe(table, histories, [0] * len(histories))


def test_the_posterior_is_the_formula_written_out() -> None:
    model = completion()
    torch.nn.init.normal_(model.enter.bias)
    model = model.double()
    vectors = torch.randn(3, DIM).double()

    mean, log_variance = (found.tolist() for found in model.posterior(vectors.sum(dim=0), torch.tensor(3)))

    weights = {name: parameter.tolist() for name, parameter in model.named_parameters()}

    def linear(name: str, vector: list[float]) -> list[float]:
        rows = zip(weights[f"{name}.weight"], weights[f"{name}.bias"], strict=True)
        return [sum(w * x for w, x in zip(row, vector, strict=True)) + bias for row, bias in rows]

    bag = [sum(v[k] for v in vectors.tolist()) / math.sqrt(3) * math.sqrt(DIM) for k in range(DIM)]
    hidden = [math.tanh(x) for x in linear("enter", bag)]
    assert mean == pytest.approx(linear("mean", hidden))
    assert log_variance == pytest.approx(linear("log_variance", hidden))


def test_training_pulls_on_no_item_outside_of_what_is_allowed() -> None:
    model = completion()
    vectors = torch.randn(9, DIM, requires_grad=True)
    had = torch.zeros(2, 9, dtype=torch.bool)
    had[0, 0] = had[1, 4] = True
    allowed = torch.stack([LABEL == 0, LABEL == 1])

    loss = model.loss(vectors, had, allowed).sum()

    (gradient,) = torch.autograd.grad(loss, vectors)
    assert not gradient[6:].any()
    assert gradient[:6].any(dim=1).all()


def test_the_divergence_is_annealed_by_steps_of_training_alone() -> None:
    model = completion(kl_weight=1.0, kl_steps=2)
    had = torch.ones(1, 1, dtype=torch.bool)
    weight = []

    for _ in range(4):
        torch.manual_seed(1)
        # Of one item the likelihood is certain: what is left is the divergence.
        weight.append(float(model.loss(torch.ones(1, DIM), had, had).detach()))
    steps = int(model.steps)
    model.eval()
    model.loss(torch.ones(1, DIM), had, had)

    assert weight[0] == 0.0
    assert weight[1] == pytest.approx(weight[2] / 2)
    assert weight[3] == pytest.approx(weight[2])
    assert weight[2] > 0.0
    assert int(model.steps) == steps == 4


def test_loss_and_gradients_are_finite_for_an_empty_history_and_for_a_huge_table() -> None:
    model = completion()
    vectors = (torch.randn(9, DIM) * 1e18).requires_grad_()
    had = torch.zeros(3, 9, dtype=torch.bool)
    had[1] = True
    had[2, 5] = True

    loss = model.loss(vectors, had, had)

    assert loss.isfinite().all()
    assert float(loss[0].detach()) == 0.0
    for gradient in torch.autograd.grad(loss.sum(), [vectors, *(model.mean.weight, model.enter.weight)]):
        assert gradient.isfinite().all()


def test_nothing_is_completed_outside_of_the_interests_nor_twice() -> None:
    histories = [np.array([0, 1, 1], dtype=np.int32), np.array([3, 8], dtype=np.int32)]

    scores = completion_scores(completion(), clusters(), torch.randn(9, DIM), histories)

    assert [set(user.isfinite().nonzero()[:, 0].tolist()) for user in scores] == [{2}, {4, 5, 6, 7}]


def test_the_hidden_event_comes_from_the_middle_and_all_of_its_item_goes() -> None:
    histories = [[0, 1, 2], [0, 1], [5], [], [4, 3, 4, 3, 4], [7, 7, 7], [0, 1, 2, 3, 4, 5, 6, 7]]

    left, hidden = hide_one([np.array(rows, dtype=np.int32) for rows in histories], seed=3)

    assert [rows.tolist() for rows in left[:1]] == [[0, 2]]
    assert hidden[0] == 1
    assert len(left) == len(hidden) == 3
    assert all(item not in rows for rows, item in zip(left, hidden, strict=True))
    assert 0 < hidden[2] < 7


def test_completion_is_counted_among_the_interests_of_what_is_left() -> None:
    # The middle event of the first user belongs to an interest of the rest, that of the second does not.
    figures = completion_figures(
        completion(), clusters(), probe_of([[0, 1, 2], [0, 4, 2]], torch.randn(9, DIM)), seed=0
    )

    assert figures == {"completion_recall@10": 0.5, "completion_reach": 0.5}


@pytest.mark.parametrize(("n_items", "found"), [(13, 0.0), (12, 1.0)])
def test_ties_count_against_us(n_items: int, found: float) -> None:
    # Two items are left of the history; the hidden one and the others all score 0.
    one_interest = InterestClusters(torch.ones(n_items, 1), torch.arange(n_items), n_interests=1, seed=0)

    figures = completion_figures(completion(), one_interest, probe_of([[0, 1, 2]], torch.zeros(n_items, DIM)), seed=0)

    assert figures["completion_recall@10"] == found


def test_without_a_history_long_enough_there_is_no_figure() -> None:
    assert completion_figures(completion(), clusters(), probe_of([[0, 1], [2]], torch.randn(9, DIM)), seed=0) == {}
