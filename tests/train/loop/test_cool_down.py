"""After early stopping, training continues from the best weights with a falling rate, and can be interrupted there."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from train.loop.batches import Batch, TrainingSequences
from train.loop.cool_down import FallingRate
from train.loop.fit import FitConfig, FitResult, fit
from train.loop.runs import RunFolder

COOLED = FitConfig(batch_users=2, max_epochs=50, patience=2, cool_down_epochs=3)
# Improves until the third epoch; the cool-down after the fifth improves on it once.
SCORES = [0.1, 0.2, 0.3, 0.2, 0.2, 0.25, 0.4, 0.3, 0.9]


class Noisy(nn.Module):
    """A weight that is pulled towards random numbers, so that each step depends on the seed of its epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return {"pull": ((self.weight - torch.rand(1)) ** 2).sum()}


class Validation:
    """Returns the scores in order and keeps the weights and the rate at each call; may interrupt like Ctrl-C."""

    def __init__(self, model: Noisy, optimizer: torch.optim.Optimizer, done: int = 0, stop_at: int = 99) -> None:
        self._model, self._optimizer, self._next, self._stop_at = model, optimizer, done, stop_at
        self.weights: list[float] = []
        self.rates: list[float] = []

    def __call__(self) -> float:
        if self._next == self._stop_at:
            raise KeyboardInterrupt
        self.weights.append(self._model.weight.item())
        self.rates.append(self._optimizer.param_groups[0]["lr"])
        self._next += 1
        return SCORES[self._next - 1]


def fitted(
    run: RunFolder, config: FitConfig = COOLED, validation: Callable[..., Validation] = Validation
) -> tuple[FitResult, Validation]:
    """Fit in three steps per epoch."""
    run.claim({}, resume=True)
    model = Noisy()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    validate = validation(model, optimizer)
    sequences = TrainingSequences([np.arange(4, dtype=np.int32)] * 6, 8)
    result = fit(
        model, optimizer, sequences, validate, run, config, title="x", advice="y", average_epochs=2.0
    )  # fmt: skip
    return result, validate


def test_the_rate_falls_linearly_from_the_first_one_of_each_group() -> None:
    groups = [{"params": [nn.Parameter(torch.ones(1))], "lr": rate} for rate in (0.4, 0.1)]
    optimizer = torch.optim.SGD(groups)
    falling = FallingRate(optimizer, 4)

    falling.set(3)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1, 0.025])
    falling.set(0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.4, 0.1])


def test_the_rate_is_constant_until_training_stops_and_falls_for_the_epochs_asked_for(tmp_path: Path) -> None:
    result, validation = fitted(RunFolder(tmp_path))

    assert [entry["valid_ndcg@10"] for entry in result.log] == SCORES[:8]
    assert validation.rates == pytest.approx([0.1] * 5 + [0.1 * 7 / 9, 0.1 * 4 / 9, 0.1 * 1 / 9])
    assert (result.best, result.best_epoch) == (0.4, 7)


def test_the_cool_down_starts_from_the_best_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_moving(self: FallingRate, step: int) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = 0.0

    monkeypatch.setattr(FallingRate, "set", without_moving)

    _, validation = fitted(RunFolder(tmp_path))

    best, last, cooled = (validation.weights[epoch] for epoch in (2, 4, 5))
    assert cooled == pytest.approx(best)
    assert cooled != pytest.approx(last)


@pytest.mark.parametrize("stop_at", [4, 5, 6, 7])
def test_a_run_interrupted_around_or_in_its_cool_down_equals_an_uninterrupted_one(stop_at: int, tmp_path: Path) -> None:
    whole, _ = fitted(RunFolder(tmp_path / "whole"))
    cut = RunFolder(tmp_path / "cut")
    with pytest.raises(KeyboardInterrupt):
        fitted(cut, validation=lambda model, optimizer: Validation(model, optimizer, stop_at=stop_at))

    resumed, _ = fitted(cut, validation=lambda model, optimizer: Validation(model, optimizer, done=stop_at))

    assert (resumed.best, resumed.best_epoch) == (whole.best, whole.best_epoch)
    assert [entry["loss"] for entry in resumed.log] == [entry["loss"] for entry in whole.log]
    assert torch.equal(cut.load_best()["weight"], RunFolder(tmp_path / "whole").load_best()["weight"])


def test_a_training_that_ends_at_its_last_epoch_has_no_cool_down_and_a_longer_one_catches_up(tmp_path: Path) -> None:
    short = FitConfig(batch_users=2, max_epochs=4, patience=2, cool_down_epochs=3)

    result, validation = fitted(RunFolder(tmp_path / "run"), short)
    resumed, _ = fitted(
        RunFolder(tmp_path / "run"), validation=lambda model, optimizer: Validation(model, optimizer, done=4)
    )

    assert validation.rates == [0.1] * 4
    assert len(result.log) == 4
    whole, _ = fitted(RunFolder(tmp_path / "whole"))
    assert [entry["loss"] for entry in resumed.log] == [entry["loss"] for entry in whole.log]


def test_the_last_epoch_ends_a_cool_down(tmp_path: Path) -> None:
    result, _ = fitted(RunFolder(tmp_path), FitConfig(batch_users=2, max_epochs=6, patience=2, cool_down_epochs=3))

    assert len(result.log) == 6


def test_a_negative_number_of_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match="cool_down_epochs must not be negative, got -1"):
        FitConfig(cool_down_epochs=-1)
