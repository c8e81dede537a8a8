"""The optimizer of training on the device: its formula, and a state that outlives the process."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.errors import StateError
from edge_runtime.learning.adamw import MAX_NUMBERS, MAX_STATE_BYTES, AdamWSettings, AdamWState, adamw_step
from edge_runtime.learning.exact import Doubles

SETTINGS = AdamWSettings(learning_rate=0.01, weight_decay=0.1)
CENTRE = np.array([0.0, 0.0, 0.0, 1.0])


def gradients(n: int) -> list[Doubles]:
    return list(np.random.default_rng(0).normal(size=(n, 4)))


def trained(state: AdamWState, *each: Doubles) -> AdamWState:
    for gradient in each:
        state = adamw_step(state, gradient, CENTRE, SETTINGS)
    return state


def test_steps_are_those_of_pytorch() -> None:
    import torch

    values = torch.nn.Parameter(torch.tensor([0.5, -1.0, 0.0], dtype=torch.float64))
    theirs = torch.optim.AdamW([values], lr=0.01, weight_decay=0.1)
    state = AdamWState.start(np.array([0.5, -1.0, 0.0, 1.0]))

    for gradient in gradients(50):
        values.grad = torch.from_numpy(gradient[:3])
        theirs.step()
        state = trained(state, gradient)

    np.testing.assert_allclose(state.values[:3], values.detach().numpy(), rtol=1e-12)


def test_decay_pulls_towards_what_the_bundle_has() -> None:
    state = AdamWState.start(np.array([2.0, -2.0, 0.0, 3.0]))

    state = trained(state, *[np.zeros(4)] * 3)

    np.testing.assert_allclose(state.values - CENTRE, np.array([2.0, -2.0, 0.0, 2.0]) * 0.999**3)


def test_training_goes_on_from_bytes_as_if_it_had_never_stopped() -> None:
    every = gradients(20)
    without = trained(AdamWState.start(np.ones(4)), *every)

    state = AdamWState.start(np.ones(4))
    for gradient in every:
        state = trained(AdamWState.from_bytes(state.to_bytes()), gradient)

    assert state.to_bytes() == without.to_bytes()
    assert state.n_steps == 20


def test_the_largest_state_is_below_64_kib() -> None:
    assert len(AdamWState.start(np.zeros(MAX_NUMBERS)).to_bytes()) <= MAX_STATE_BYTES
    assert MAX_NUMBERS > 8 * 256

    with pytest.raises(ValueError, match="fewer rows of B"):
        AdamWState.start(np.zeros(MAX_NUMBERS + 1))


def damaged() -> dict[str, bytes]:
    whole = trained(AdamWState.start(np.ones(4)), *gradients(1)).to_bytes()
    header = struct.calcsize("<4sBxxxIIdd")
    second = header + 2 * 4 * 8
    return {
        "empty": b"",
        "cut": whole[:-1],
        "longer": whole + b"\0",
        "another kind": b"XXXX" + whole[4:],
        "a newer version": whole[:4] + b"\2" + whole[5:],
        "more numbers than bytes": whole[:8] + struct.pack("<I", 2**32 - 1) + whole[12:],
        "not a number": whole[:header] + struct.pack("<d", np.nan) + whole[header + 8 :],
        "a negative square": whole[:second] + struct.pack("<d", -1e-9) + whole[second + 8 :],
        "a power above 1": whole[:16] + struct.pack("<d", 1.5) + whole[24:],
        "too large": bytes(MAX_STATE_BYTES + 1),
    }


@pytest.mark.parametrize("name", damaged())
def test_bytes_that_are_no_state_are_refused(name: str) -> None:
    with pytest.raises(StateError, match="expected"):
        AdamWState.from_bytes(damaged()[name])


@pytest.mark.parametrize("wrong", [np.array([0.0, 0.0, np.nan, 0.0]), np.array([0.0, 0.0, np.inf, 0.0]), np.zeros(3)])
def test_a_gradient_that_is_not_finite_or_does_not_fit_is_refused(wrong: Doubles) -> None:
    state = AdamWState.start(np.ones(4))

    with pytest.raises(ValueError, match="finite gradient"):
        adamw_step(state, wrong, CENTRE, SETTINGS)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        AdamWState.start(np.array([1.0, np.nan]))


def test_steps_end_before_their_number_would_overflow() -> None:
    state = replace(AdamWState.start(np.ones(4)), n_steps=2**32 - 1)

    with pytest.raises(ValueError, match="anew"):
        adamw_step(state, np.zeros(4), CENTRE, SETTINGS)
