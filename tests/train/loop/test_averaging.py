"""The moving average of weights agrees with a direct implementation of its formula."""

import pytest
import torch
from torch import nn

from train.loop.averaging import WeightAverage


def walked(n_steps: int, horizon: float) -> tuple[nn.Linear, WeightAverage, list[float]]:
    """A model of one weight that takes the values 1, 2, ... after each step."""
    model = nn.Linear(1, 1, bias=False)
    path = [0.0, *(float(step) for step in range(1, n_steps + 1))]
    with torch.no_grad():
        model.weight.fill_(path[0])
    average = WeightAverage(model, horizon)
    for value in path[1:]:
        with torch.no_grad():
            model.weight.fill_(value)
        average.update()
    return model, average, path


def slowly(path: list[float], horizon: float) -> float:
    mean = path[0]
    for step, value in enumerate(path[1:], 1):
        decay = min(1 - 1 / horizon, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * value
    return mean


@pytest.mark.parametrize("horizon", [1.0, 2.0, 10.0, 1000.0])
def test_the_average_is_that_of_the_formula(horizon: float) -> None:
    model, average, path = walked(30, horizon)

    with average.applied():
        assert model.weight.item() == pytest.approx(slowly(path, horizon), rel=1e-5)


@pytest.mark.parametrize("horizon", [0.0, 0.5, 1.0])
def test_without_a_horizon_the_weights_are_unchanged(horizon: float) -> None:
    model, average, path = walked(5, horizon)

    with average.applied():
        assert model.weight.item() == path[-1]


def test_the_weights_are_restored_also_after_an_error() -> None:
    model, average, path = walked(5, 4.0)

    with pytest.raises(KeyboardInterrupt), average.applied():
        raise KeyboardInterrupt

    assert model.weight.item() == path[-1]


def test_a_resumed_average_equals_an_uninterrupted_one() -> None:
    model, whole, _ = walked(9, 6.0)
    _, half, _ = walked(4, 6.0)
    resumed = WeightAverage(model, 6.0)
    resumed.resume(half.state())
    for value in range(5, 10):
        with torch.no_grad():
            model.weight.fill_(value)
        resumed.update()

    assert torch.equal(resumed.state()["weights.weight"], whole.state()["weights.weight"])


def test_frozen_weights_and_buffers_are_not_averaged() -> None:
    model = nn.BatchNorm1d(2)
    model.bias.requires_grad_(False)

    assert set(WeightAverage(model, 5.0).state()) == {"steps", "weights.weight"}
