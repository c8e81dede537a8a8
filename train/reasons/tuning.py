"""The training loop of the reason writer, for the whole model and for its LoRA; resumable."""

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.progress import BarColumn, TaskProgressColumn, TimeRemainingColumn
from torch import Tensor, nn

from edge_runtime.terminal.console import Console
from edge_runtime.terminal.progress import progress_bar
from train.errors import RunError
from train.loop.runs import RunFolder
from train.reasons.batches import TokenizedExample, batch_plan, collate

_REPORT_S = 15.0  # between two lines of progress where no bar is shown; a step takes up to 10 s more


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of training.

    Attributes:
        name: name in progress output and checkpoints.
        n_steps: number of optimizer steps.
        batch_size: number of examples per step.
        learning_rate: peak learning rate, after linear warm-up in a tenth of the steps, before cosine decay to a tenth.
        reasons_only: exclude the prompts from the loss.
        seed: random seed of the order of examples.
    """

    name: str
    n_steps: int
    batch_size: int
    learning_rate: float
    reasons_only: bool
    seed: int

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        warmup = max(1, self.n_steps // 10)
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        done = (step - warmup) / max(1, self.n_steps - warmup)
        return self.learning_rate * (0.55 + 0.45 * math.cos(math.pi * done))


def tune(
    model: nn.Module,
    examples: Sequence[TokenizedExample],
    stage: Stage,
    run: RunFolder,
    *,
    save_every: int,
    shown: bool,
) -> list[float]:
    """Train the parameters of ``model`` that require gradients, and return the loss of each step.

    Resumes from a checkpoint of the same stage in ``run``, with the same result as without interruption.

    Raises:
        RunError: the loss or a gradient is not finite; the last checkpoint is kept.
    """
    parameters = {name: value for name, value in model.named_parameters() if value.requires_grad}
    optimizer = torch.optim.AdamW(parameters.values(), lr=stage.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    losses = _restore(parameters, optimizer, stage, run)
    plan = batch_plan(examples, stage.batch_size, stage.n_steps, stage.seed)
    model.train()
    console = Console(stderr=True, quiet=not shown)
    started = time.monotonic()
    report = Reporter(console, stage, len(losses))
    with progress_bar(console, BarColumn(), TaskProgressColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(f"writer: {stage.name}", total=stage.n_steps, completed=len(losses))
        for step in range(len(losses), stage.n_steps):
            batch = [examples[index] for index in plan[step]]
            losses.append(_step(model, optimizer, batch, stage, step))
            bar.advance(task)
            report.step(losses)
            if (step + 1) % save_every == 0 and step + 1 < stage.n_steps:
                _save(parameters, optimizer, stage, losses, run)
    recent = losses[-20:]
    console.print(
        f"writer: {stage.name}  {stage.n_steps} steps  loss {sum(recent) / max(1, len(recent)):.3f}  "
        f"{time.monotonic() - started:.1f} s",
    )
    return losses


class Reporter:
    """Prints a line of progress every 15 seconds where no bar is shown, as in a log.

    Args:
        console: where to print.
        stage: the stage that is trained.
        n_before: number of its steps that were done before this run.
        now: returns the time in seconds.
    """

    def __init__(
        self, console: Console, stage: Stage, n_before: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._console, self._stage, self._n_before, self._now = console, stage, n_before, now
        self._started = self._printed = now()

    def step(self, losses: Sequence[float]) -> None:
        """Note that a step is done; ``losses`` has the loss of each so far."""
        now = self._now()
        n_left = self._stage.n_steps - len(losses)
        if self._console.is_terminal or n_left == 0 or now - self._printed < _REPORT_S:
            return
        self._printed = now
        minutes = n_left * (now - self._started) / (len(losses) - self._n_before) / 60.0
        self._console.print(
            f"writer: {self._stage.name}  {len(losses)} of {self._stage.n_steps} steps  loss {losses[-1]:.3f}  "
            f"about {math.ceil(minutes)} min left",
            soft_wrap=True,
        )


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: Sequence[TokenizedExample], stage: Stage, step: int
) -> float:
    tokens, mask, labels = collate(batch, reasons_only=stage.reasons_only)
    for group in optimizer.param_groups:
        group["lr"] = stage.rate(step)
    loss: Tensor = model(input_ids=tokens, attention_mask=mask, labels=labels).loss
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for name, value in (("loss", float(loss.detach())), ("norm of the gradients", float(norm))):
        if not math.isfinite(value):
            raise RunError(
                f"training the writer, stage '{stage.name}', step {step + 1} of {stage.n_steps}: the {name} "
                f"is {value}; expected a finite number. Train in another folder with a lower learning rate than "
                f"{stage.learning_rate:g}, or another seed."
            )
    optimizer.step()
    return float(loss.detach())


def _save(
    parameters: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    stage: Stage,
    losses: list[float],
    run: RunFolder,
) -> None:
    """Save weights, optimizer moments and losses in one file, so that they are always consistent."""
    tensors: dict[str, Tensor] = {f"weight.{name}": value.detach() for name, value in parameters.items()}
    state = optimizer.state
    for name, value in parameters.items():
        for moment in ("exp_avg", "exp_avg_sq"):
            tensors[f"{moment}.{name}"] = state[value][moment]
    run.save_checkpoint(tensors, {"stage": stage.name, "losses": json.dumps(losses)})


def _restore(
    parameters: dict[str, nn.Parameter], optimizer: torch.optim.Optimizer, stage: Stage, run: RunFolder
) -> list[float]:
    """Load the checkpoint of this stage, if there is one, and return the losses so far."""
    checkpoint = run.load_checkpoint()
    if checkpoint is None or checkpoint[1].get("stage") != stage.name:
        return []
    tensors, state = checkpoint
    losses: list[float] = json.loads(state["losses"])
    moments: dict[int, dict[str, Any]] = {}
    with torch.no_grad():
        for index, (name, value) in enumerate(parameters.items()):
            value.copy_(tensors[f"weight.{name}"])
            moments[index] = {
                "step": torch.tensor(float(len(losses))),
                "exp_avg": tensors[f"exp_avg.{name}"],
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"],
            }
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return losses
