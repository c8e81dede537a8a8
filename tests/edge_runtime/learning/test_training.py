"""One update is one step of AdamW with the sum of all examples' gradients."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from edge_runtime.learning.adamw import AdamWState
from edge_runtime.learning.adapter_step import adapter_step
from edge_runtime.learning.examples import offsets
from edge_runtime.learning.training import CHUNK, EVIDENCE, Personal, Training, batches_of, first_state
from tests.tiny_learning import LEARNING

N, M, DIM, RANK = 70, 20, 8, 2


def training(temperature: float = 4.0, *, following: float = 1.0) -> Training:
    random = np.random.default_rng(5)
    targets = random.integers(0, M, N)
    batches = batches_of(
        states=random.normal(size=(N, DIM)).astype(np.float32),
        vectors=random.normal(size=(M, DIM)).astype(np.float32),
        following=(following * random.normal(size=(N, M))).astype(np.float32),
        offsets=offsets(targets, np.arange(M), np.array([3]), M),
        chosen=targets,
        temperature=temperature,
    )
    a = random.normal(size=(DIM, RANK)).astype(np.float32)
    b = random.normal(scale=0.1, size=(RANK, DIM)).astype(np.float32)
    return Training(batches, a, b, LEARNING)


def updated(of: Training, state: AdamWState) -> AdamWState:
    *chunks, after = of.update(state)
    assert chunks == [None] * (len(of.batches) - 1)
    assert after is not None
    return after


def loss(of: Training, personal: Personal) -> float:
    b = of.shared + personal.b
    losses = [adapter_step(batch, of.a, b, personal.factor).loss * len(batch.weights) for batch in of.batches]
    return sum(losses) / N


def numeric(of: Training, place: Sequence[int] | None, step: float = 1e-3) -> float:
    """Return the derivative of the summed losses by one number of B, or by the factor."""
    values = []
    for sign in (step, -step):
        b = np.zeros((RANK, DIM))
        if place is not None:
            b[tuple(place)] = sign
        values.append(N * loss(of, Personal(b, 1.0 if place is not None else 1.0 + sign)))
    return (values[0] - values[1]) / (2 * step)


def test_examples_are_taken_in_chunks() -> None:
    assert [len(batch.chosen) for batch in training().batches] == [CHUNK, CHUNK, N - 2 * CHUNK]


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_gradient_is_the_sum_of_the_examples_divided_by_the_evidence(temperature: float) -> None:
    of = training(temperature)

    state = updated(of, of.start())

    gradient = state.first / (1.0 - LEARNING.beta1)
    for place in ((0, 0), (1, 5)):
        expected = numeric(of, place) / EVIDENCE
        assert gradient[place[0] * DIM + place[1]] == pytest.approx(expected, rel=1e-3, abs=1e-5)
    assert gradient[-1] == pytest.approx(numeric(of, None) / EVIDENCE, rel=1e-3, abs=1e-5)


def test_updates_make_the_examples_more_likely() -> None:
    of = training()
    state, losses = of.start(), []
    for _ in range(10):
        losses.append(loss(of, Personal.of(state, RANK, DIM)))
        state = updated(of, state)

    assert losses == sorted(losses, reverse=True)


def test_the_factor_of_transitions_has_its_own_rate_and_stays_1_without_them() -> None:
    of = training()
    slow = replace(of, settings=msgspec.structs.replace(LEARNING, factor_rate=0.0))

    assert updated(of, of.start()).values[-1] != 1.0
    assert updated(slow, slow.start()).values[-1] == 1.0
    assert updated(slow, slow.start()).values[:-1].tolist() == updated(of, of.start()).values[:-1].tolist()
    without = training(following=0.0)
    assert updated(without, without.start()).values[-1] == 1.0


def test_of_a_large_adapter_the_first_rows_are_trained() -> None:
    state = first_state(8, 1024)

    assert len(state.values) == 2 * 1024 + 1
    personal = Personal.of(state, 8, 1024)
    assert personal.b.shape == (8, 1024)
    assert personal.factor == 1.0


def test_what_was_learned_is_added_to_the_bundles() -> None:
    shared = np.ones((1, 2), dtype=np.float32)

    assert Personal(np.array([[0.5, -1.0]]), 1.0).added_to(shared).tolist() == [[1.5, 0.0]]
