"""The training loop of all models, with Hugging Face Accelerate in one process; resumable after each epoch.

An interrupted and resumed run gives the same weights as an uninterrupted one, because the random numbers of an epoch
depend on the seed and the epoch number only.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from time import perf_counter

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader

from train.loop.averaging import WeightAverage
from train.loop.batches import Batch, RandomBatches, TrainingSequences, group_lengths, training_batch
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
        max_gradient_norm: gradients are clipped to this norm.
        seed: random seed.
    """

    batch_users: int = 256
    max_epochs: int = 100
    patience: int = 5
    max_gradient_norm: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.batch_users, self.max_epochs, self.patience) < 1:
            raise ValueError(f"batch_users, max_epochs and patience must be at least 1, got {asdict(self)}")


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
    """The progress of a run; saved in the checkpoint as JSON."""

    epoch: int
    best: float
    best_epoch: int
    log: list[dict[str, float]]


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
    accelerator = Accelerator()
    sampler = RandomBatches(len(sequences), config.batch_users, config.seed)
    loader = DataLoader(
        sequences, batch_sampler=sampler, collate_fn=partial(training_batch, cuts=group_lengths(accelerator.device))
    )
    fitted, stepper, batches = accelerator.prepare(model, optimizer, loader)
    average = WeightAverage(model, average_epochs * len(sampler))
    progress = _resume(model, optimizer, average, run)
    with EpochProgress(title, len(sampler), config.max_epochs) as bar:
        while not _done(progress, config):
            start = perf_counter()
            torch.manual_seed(config.seed * 100_003 + progress.epoch)
            sampler.epoch = progress.epoch
            bar.start(progress.epoch + 1)
            if before_epoch is not None:
                before_epoch(progress.epoch)
            hook = _step_hook(before_step, progress.epoch * len(sampler))
            steps = FiniteCheck(progress.epoch + 1, advice, every_step=accelerator.device.type == "cpu")
            terms = _epoch(accelerator, fitted, stepper, average, batches, config, bar, hook, steps)
            check_weights(model.named_parameters(), progress.epoch + 1, advice)
            with average.applied():
                score = validate()
                check_metric("validation NDCG@10", score, progress.epoch + 1, advice)
                better = _record_epoch(progress, terms, score, perf_counter() - start)
                if better:
                    run.save_best(model.state_dict())
            run.save_checkpoint(_training_state(model, optimizer, average), asdict(progress))
            bar.finish(progress.log[-1], progress.best, progress.best_epoch)
    model.load_state_dict(run.load_best())
    model.eval()
    return FitResult(progress.best, progress.best_epoch, progress.log)


def _done(progress: _Progress, config: FitConfig) -> bool:
    waited = progress.epoch - progress.best_epoch
    return progress.epoch >= config.max_epochs or (progress.best_epoch > 0 and waited >= config.patience)


def _step_hook(before_step: Callable[[int], None] | None, first: int) -> Callable[[int], None]:
    def hook(step: int) -> None:
        if before_step is not None:
            before_step(first + step)

    return hook


def _epoch(
    accelerator: Accelerator,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage,
    batches: Iterable[Batch],
    config: FitConfig,
    bar: EpochProgress,
    hook: Callable[[int], None],
    steps: FiniteCheck,
) -> dict[str, float]:
    """Take one step per batch; return the means of the loss and of its terms.

    Raises:
        RunError: a loss term or a gradient is not finite.
    """
    model.train()
    total: dict[str, Tensor] = {}
    n = 0
    for step, batch in enumerate(batches):
        hook(step)
        terms = model(batch)
        loss = torch.stack(list(terms.values())).sum()
        accelerator.backward(loss)
        steps.note(terms, accelerator.clip_grad_norm_(model.parameters(), config.max_gradient_norm))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        average.update()
        # Not converted to numbers before the end of the epoch, because that would synchronize the device.
        for name, term in ({"loss": loss} | terms).items():
            total[name] = total.get(name, 0.0) + term.detach()
        n += 1
        bar.step()
    steps.check()
    return {name: float(value) / n for name, value in total.items()}


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
