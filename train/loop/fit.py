"""The training loop of all models, with Hugging Face Accelerate in one process; resumable after each epoch.

An interrupted and resumed run gives the same weights as an uninterrupted one, because the random numbers of an epoch
depend on the seed and the epoch number only.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from train.loop.averaging import WeightAverage
from train.loop.batches import Batch, RandomBatches, TrainingSequences, group_lengths, training_batch
from train.loop.cool_down import FallingRate
from train.loop.device import require_one_process
from train.loop.finite import FiniteCheck, check_metric, check_weights
from train.loop.progress import EpochProgress
from train.loop.runs import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """Options of the training loop.

    Attributes:
        batch_users: batch size in users.
        max_epochs: maximum number of epochs.
        patience: number of epochs without a better validation NDCG@10 before early stopping.
        cool_down_epochs: number of epochs after early stopping, from the best weights on, in which the learning rate
            falls to 0 (:mod:`train.loop.cool_down`). They count towards ``max_epochs``, and a training that ends there
            before it stopped improving has none.
        max_gradient_norm: gradients are clipped to this norm.
        seed: random seed.
    """

    batch_users: int = 256
    max_epochs: int = 100
    patience: int = 5
    cool_down_epochs: int = 0
    max_gradient_norm: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.batch_users, self.max_epochs, self.patience) < 1:
            raise ValueError(f"batch_users, max_epochs and patience must be at least 1, got {asdict(self)}")
        if self.cool_down_epochs < 0:
            raise ValueError(f"cool_down_epochs must not be negative, got {self.cool_down_epochs}")


def fit_config(fields: Mapping[str, Any]) -> FitConfig:
    """Return the options saved in ``fields``, ignoring entries of newer versions."""
    return FitConfig(**{name: fields[name] for name in FitConfig.__dataclass_fields__ if name in fields})


@dataclass(frozen=True, slots=True)
class FitResult:
    """The result of training.

    Attributes:
        best: validation NDCG@10 of the best weights.
        best_epoch: epoch of the best weights, from 1.
        log: one entry per epoch: loss and its terms, validation NDCG@10, seconds.
    """

    best: float
    best_epoch: int
    log: list[dict[str, float]]

    @property
    def seconds(self) -> float:
        """Return the total time of all epochs, including those before resuming."""
        return sum(entry["seconds"] for entry in self.log)


@dataclass
class _Progress:
    """The progress of a run; saved in the checkpoint as JSON.

    ``cooling_from`` is the number of epochs before the cool-down; None before it.
    """

    epoch: int
    best: float
    best_epoch: int
    log: list[dict[str, float]]
    cooling_from: int | None = None


def fit(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    sequences: TrainingSequences,
    validate: Callable[[], float],
    run: RunFolder,
    config: FitConfig,
    *,
    title: str,
    advice: str,
    average_epochs: float = 0.0,
    before_epoch: Callable[[int], None] | None = None,
    before_step: Callable[[int], None] | None = None,
) -> FitResult:
    """Train ``model`` with early stopping; the best weights are saved in ``run`` and loaded into the model.

    Args:
        model: maps a :class:`Batch` to the loss terms, scalars by name; their sum is minimized.
        optimizer: optimizer of the model's parameters.
        sequences: training sequences.
        validate: returns NDCG@10 of the current weights on held-out events.
        run: folder for checkpoints; training resumes from an existing one.
        config: options.
        title: title of the progress bar.
        advice: what the user can try if training diverges, for error messages.
        average_epochs: approximate number of epochs in the moving average of weights, which is validated and saved; 0
            for no averaging.
        before_epoch: called before each epoch with its number, from 0.
        before_step: called before each step with its number, from 0, over all epochs.

    Raises:
        RunError: a loss term, a gradient, a weight or the validation is not finite, in which case the checkpoint of the
            last valid epoch is kept; or this process is one of several.
    """
    require_one_process()
    loop = _Loop(model, optimizer, sequences, config, average_epochs=average_epochs, advice=advice)
    progress = _resume(model, optimizer, loop.average, run)
    with EpochProgress(title, loop.n_steps, config.max_epochs) as bar:
        while not _done(progress, config):
            start = perf_counter()
            if progress.cooling_from is None and _no_longer_improves(progress, config):
                # Saved before the next epoch, which may replace the best weights.
                loop.cool_down(run.load_best())
                progress.cooling_from = progress.epoch
                run.save_checkpoint(_training_state(model, optimizer, loop.average), asdict(progress))
            bar.start(progress.epoch + 1)
            loop.seed(progress.epoch)
            if before_epoch is not None:
                before_epoch(progress.epoch)
            terms = loop.epoch(progress.epoch, before_step, bar, progress.cooling_from)
            with loop.average.applied():
                score = validate()
                check_metric("validation NDCG@10", score, progress.epoch + 1, advice)
                if _record_epoch(progress, terms, score, perf_counter() - start):
                    run.save_best(model.state_dict())
            run.save_checkpoint(_training_state(model, optimizer, loop.average), asdict(progress))
            bar.finish(progress.log[-1], progress.best, progress.best_epoch)
    model.load_state_dict(run.load_best())
    model.eval()
    return FitResult(progress.best, progress.best_epoch, progress.log)


def _done(progress: _Progress, config: FitConfig) -> bool:
    if progress.epoch >= config.max_epochs:
        return True
    if progress.cooling_from is not None:
        return progress.epoch - progress.cooling_from >= config.cool_down_epochs
    return config.cool_down_epochs == 0 and _no_longer_improves(progress, config)


def _no_longer_improves(progress: _Progress, config: FitConfig) -> bool:
    return progress.best_epoch > 0 and progress.epoch - progress.best_epoch >= config.patience


class _Loop:
    """The optimization steps of all epochs.

    Attributes:
        average: moving average of the weights.
        n_steps: number of steps of an epoch.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        sequences: TrainingSequences,
        config: FitConfig,
        *,
        average_epochs: float,
        advice: str,
    ) -> None:
        self._config = config
        self._advice = advice
        self._accelerator = Accelerator()
        self._sampler = RandomBatches(len(sequences), config.batch_users, config.seed)
        collate = partial(training_batch, cuts=group_lengths(self._accelerator.device))
        loader = DataLoader(sequences, batch_sampler=self._sampler, collate_fn=collate)
        self._model, self._optimizer, self._batches = self._accelerator.prepare(model, optimizer, loader)
        self._whole = model
        self.n_steps = len(self._sampler)
        self._falling_rate = FallingRate(optimizer, config.cool_down_epochs * self.n_steps)
        self.average = WeightAverage(model, average_epochs * self.n_steps)

    def seed(self, epoch: int) -> None:
        """Make the random numbers of an epoch, from 0, depend on its number and the seed only."""
        torch.manual_seed(self._config.seed * 100_003 + epoch)
        self._sampler.epoch = epoch

    def cool_down(self, best: Mapping[str, Tensor]) -> None:
        """Continue from the best weights, with the optimizer's moments of the last ones."""
        self._whole.load_state_dict(best)
        self.average.restart()

    def epoch(
        self, epoch: int, before_step: Callable[[int], None] | None, bar: EpochProgress, cooling_from: int | None
    ) -> dict[str, float]:
        """Take one step per batch; return the means of the loss and of its terms.

        Args:
            epoch: number of the epoch, from 0.
            before_step: as for :func:`fit`.
            bar: shows the progress.
            cooling_from: the first epoch of the cool-down, from 0; None before it.

        Raises:
            RunError: a loss term, a gradient or a weight is not finite.
        """
        every_step = self._accelerator.device.type == "cpu"
        finite = FiniteCheck(epoch + 1, self._advice, every_step=every_step)
        self._model.train()
        total: dict[str, Tensor] = {}
        for step, batch in enumerate(self._batches):
            if before_step is not None:
                before_step(epoch * self.n_steps + step)
            if cooling_from is not None:
                self._falling_rate.set((epoch - cooling_from) * self.n_steps + step)
            # Not converted to numbers before the end of the epoch, because that would synchronize the device.
            for name, term in self._step(batch, finite).items():
                total[name] = total.get(name, 0.0) + term.detach()
            bar.step()
        finite.check()
        check_weights(self._whole.named_parameters(), epoch + 1, self._advice)
        return {name: float(value) / self.n_steps for name, value in total.items()}

    def _step(self, batch: Batch, finite: FiniteCheck) -> dict[str, Tensor]:
        """Take one step; return the loss and its terms."""
        terms: dict[str, Tensor] = self._model(batch)
        loss = torch.stack(list(terms.values())).sum()
        self._accelerator.backward(loss)
        norm = self._accelerator.clip_grad_norm_(self._model.parameters(), self._config.max_gradient_norm)
        finite.note(terms, norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.average.update()
        return {"loss": loss} | terms


def _record_epoch(progress: _Progress, terms: dict[str, float], score: float, seconds: float) -> bool:
    """Add an epoch to the log; return whether it is the best so far."""
    progress.epoch += 1
    progress.log.append({"epoch": progress.epoch, **terms, "valid_ndcg@10": score, "seconds": seconds})
    if progress.best_epoch and score <= progress.best:
        return False
    progress.best, progress.best_epoch = score, progress.epoch
    return True


def _training_state(model: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage) -> dict[str, Tensor]:
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"average.{name}": tensor for name, tensor in average.state().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in slots.items()}
    return tensors


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, average: WeightAverage, run: RunFolder) -> _Progress:
    """Load the last checkpoint, if there is one, and return the progress."""
    checkpoint = run.load_checkpoint()
    if checkpoint is None:
        return _Progress(0, 0.0, 0, [])
    tensors, state = checkpoint
    model.load_state_dict(_with_prefix("model.", tensors))
    average.resume(_with_prefix("average.", tensors))
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _with_prefix("optimizer.", tensors).items():
        index, slot = name.split(".", 1)
        slots.setdefault(int(index), {})[slot] = tensor
    full = optimizer.state_dict()
    optimizer.load_state_dict({**full, "state": slots})
    return _Progress(**state)


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def batch_users_for(n_users: int) -> int:
    """Return a batch size of 32 to 256 users, so that small data sets have about 40 steps per epoch."""
    return int(min(256, max(32, n_users // 40)))
