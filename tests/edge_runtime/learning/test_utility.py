"""The estimate of whether knowledge helps a user."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.learning.utility import MIN_EVENTS, knowledge_helps

Floats = NDArray[np.float32]


def drawn(seed: int, n: int = 4, dim: int = 5) -> tuple[Floats, Floats, Floats]:
    random = np.random.default_rng(seed)
    without, vectors, noise = (random.normal(size=(n, dim)).astype(np.float32) for _ in range(3))
    return without, without + 0.3 * noise, vectors


def mean_gain(without: Floats, with_knowledge: Floats, vectors: Floats) -> float:
    """Evaluate the formula, event by event."""
    gains = []
    for a, b, v in zip(without.tolist(), with_knowledge.tolist(), vectors.tolist(), strict=True):
        before, after, target = np.array(a), np.array(b), np.array(v)
        cosines = [x @ target / (np.sqrt(x @ x) * np.sqrt(target @ target)) for x in (before, after)]
        gains.append(cosines[1] - cosines[0])
    return float(np.mean(gains))


def test_the_decision_is_the_sign_of_the_mean_cosine_gain() -> None:
    answers = set()
    for seed in range(40):
        states = drawn(seed)

        answers.add(knowledge_helps(*states))

        assert knowledge_helps(*states) == (mean_gain(*states) > 0)
    assert answers == {True, False}


def test_a_state_closer_to_the_next_item_helps_and_one_further_away_does_not() -> None:
    without, _, vectors = drawn(0)

    assert knowledge_helps(without, without + vectors, vectors)
    assert not knowledge_helps(without, without - vectors, vectors)


def test_the_norm_of_a_state_does_not_matter() -> None:
    without, _, vectors = drawn(1)

    assert not knowledge_helps(without, 3 * without, vectors)


def test_equal_states_do_not_help() -> None:
    without, _, vectors = drawn(2)

    assert not knowledge_helps(without, without.copy(), vectors)
    assert not knowledge_helps(without, without * np.float32(1 + 1e-7), vectors)


@pytest.mark.parametrize("n", range(MIN_EVENTS))
def test_too_few_events_do_not_help(n: int) -> None:
    without, _, vectors = (part[:n] for part in drawn(3))

    assert not knowledge_helps(without, without + vectors, vectors)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_state_that_is_not_finite_does_not_help(broken: float) -> None:
    without, _, vectors = drawn(4)
    with_knowledge = without + vectors
    with_knowledge[0, 0] = broken

    assert not knowledge_helps(without, with_knowledge, vectors)


def test_states_of_any_magnitude_are_compared() -> None:
    without, _, vectors = drawn(5)
    huge = (1e30 * (without + vectors)).astype(np.float32)

    assert knowledge_helps(without, huge, vectors)
    assert knowledge_helps(np.zeros_like(without), vectors, vectors)
    assert not knowledge_helps(without, np.zeros_like(without), np.zeros_like(vectors))


def test_different_shapes_are_rejected() -> None:
    without, with_knowledge, vectors = drawn(6)

    with pytest.raises(ValueError, match=r"one shape, got \(4, 5\), \(3, 5\)"):
        knowledge_helps(without, with_knowledge[:3], vectors)
