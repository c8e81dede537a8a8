"""A training step of the adapter: its loss and gradients, and what it refuses."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge_runtime.learning.adapter_step import EXCLUDED, Batch, adapter_step
from edge_runtime.learning.exact import Doubles
from tests.golden_learning import FILES, FOLDER, drawn_batch, dump

N, M, DIM, RANK = 5, 7, 4, 2
A = np.random.default_rng(0).normal(size=(DIM, RANK))
B = np.random.default_rng(1).normal(size=(RANK, DIM))


def loss_of(batch: Batch, a: Doubles, b: Doubles, factor: float) -> float:
    """Evaluate the definition, example by example."""
    total = 0.0
    for row, weight in enumerate(batch.weights):
        state = batch.states[row] + batch.states[row] @ a @ b
        scores = batch.vectors @ state + factor * batch.following[row]
        counted = scores[batch.offsets[row] == 0]
        total += weight * (np.log(np.exp(counted).sum()) - scores[batch.chosen[row]])
    return float(total / batch.weights.sum())


def test_the_loss_is_the_mean_cross_entropy_of_the_candidates_that_count() -> None:
    batch = drawn_batch(3, N, M, DIM)
    assert (batch.offsets == EXCLUDED).any()

    assert adapter_step(batch, A, B, 0.7).loss == pytest.approx(loss_of(batch, A, B, 0.7), rel=1e-6)


def test_gradients_are_the_slopes_of_the_loss() -> None:
    batch, small = drawn_batch(4, N, M, DIM), 1e-5
    step = adapter_step(batch, A, B, 0.7)

    for place in np.ndindex(RANK, DIM):
        moved = np.zeros_like(B)
        moved[place] = small
        slope = (loss_of(batch, A, B + moved, 0.7) - loss_of(batch, A, B - moved, 0.7)) / (2 * small)
        assert step.grad_b[place] == pytest.approx(slope, abs=1e-5)
    slope = (loss_of(batch, A, B, 0.7 + small) - loss_of(batch, A, B, 0.7 - small)) / (2 * small)
    assert step.grad_factor == pytest.approx(slope, abs=1e-5)


def test_bytes_do_not_depend_on_the_order_of_examples_and_candidates() -> None:
    batch = drawn_batch(5, 32, 100, DIM)
    rows, columns = np.random.default_rng(0).permutation(32), np.random.default_rng(1).permutation(100)
    moved = Batch(
        batch.states[rows],
        batch.vectors[columns],
        batch.following[np.ix_(rows, columns)],
        batch.offsets[np.ix_(rows, columns)],
        np.argsort(columns)[batch.chosen[rows]],
        batch.weights[rows],
    )

    first, second = adapter_step(batch, A, B, 0.7), adapter_step(moved, A, B, 0.7)

    assert (first.loss, first.grad_factor) == (second.loss, second.grad_factor)
    assert first.grad_b.tobytes() == second.grad_b.tobytes()


def test_padding_and_excluded_candidates_change_nothing() -> None:
    batch = drawn_batch(6, N, M, DIM)  # whose last example has a weight of 0
    other = replace(
        batch,
        states=np.concatenate([batch.states[:-1], np.full((1, DIM), 9.0)]),
        following=np.where(batch.offsets == EXCLUDED, 3.0, batch.following),
    )

    first, second = adapter_step(batch, A, B), adapter_step(other, A, B)

    assert (first.loss, first.grad_factor) == (second.loss, second.grad_factor)
    np.testing.assert_allclose(first.grad_b, second.grad_b, rtol=0, atol=1e-7)


def test_a_user_with_one_candidate_learns_nothing() -> None:
    step = adapter_step(drawn_batch(7, 3, 1, DIM), A, B)

    assert (step.loss, step.grad_factor) == (0.0, 0.0)
    assert not step.grad_b.any()


def test_float32_and_float64_of_the_same_numbers_give_the_same_bytes() -> None:
    batch = drawn_batch(8, N, M, DIM)
    single = replace(batch, states=batch.states.astype(np.float32), vectors=batch.vectors.astype(np.float32))
    double = replace(batch, states=single.states.astype(np.float64), vectors=single.vectors.astype(np.float64))

    assert adapter_step(single, A, B).grad_b.tobytes() == adapter_step(double, A, B).grad_b.tobytes()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("vectors", np.ones((M, DIM + 1)), "expected vectors"),
        ("following", np.ones((N, M + 1)), "expected following"),
        ("offsets", np.ones(N), "expected offsets"),
        ("chosen", np.full(N, M), "chosen candidates from 0 to 6"),
        ("chosen", np.full(N, -1), "chosen candidates from 0 to 6"),
        ("weights", np.zeros(N), "weights from 0"),
        ("weights", np.full(N, -1.0), "weights from 0"),
        ("weights", np.full(N, np.nan), "weights from 0"),
        ("following", np.full((N, M), np.inf), "finite"),
        ("offsets", np.full((N, M), np.nan), "finite"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(field: str, value: Any, says: str) -> None:  # noqa: ANN401 - arrays of several types
    with pytest.raises(ValueError, match=says):
        replace(drawn_batch(9, N, M, DIM), **{field: value})


def test_states_that_are_not_finite_are_refused() -> None:
    batch = drawn_batch(10, N, M, DIM)

    with pytest.raises(ValueError, match="finite"):
        adapter_step(replace(batch, states=np.full((N, DIM), np.nan)), A, B)
    with pytest.raises(ValueError, match="finite"):
        adapter_step(batch, A, B, np.inf)


@pytest.mark.parametrize("name", FILES)
def test_the_cases_shared_with_the_page_are_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == dump(FILES[name]())
