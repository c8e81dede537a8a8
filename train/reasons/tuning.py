"""The training loop of the reason writer, for the whole model and for its LoRA; resumable."""

import json
import math
import time
from collections.abc import Sequence
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

_N_TIMED = 5  # steps before the time of the rest is estimated
_SHORT_MINUTES = 1.0


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
    started, n_before = time.monotonic(), len(losses)
    with progress_bar(console, BarColumn(), TaskProgressColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(f"writer: {stage.name}", total=stage.n_steps, completed=len(losses))
        for step in range(len(losses), stage.n_steps):
            batch = [examples[index] for index in plan[step]]
            losses.append(_step(model, optimizer, batch, stage, step))
            bar.advance(task)
            if len(losses) - n_before == _N_TIMED:
                _announce(console, stage, stage.n_steps - step - 1, (time.monotonic() - started) / _N_TIMED)
            if (step + 1) % save_every == 0 and step + 1 < stage.n_steps:
                _save(parameters, optimizer, stage, losses, run)
    recent = losses[-20:]
    console.print(
        f"writer: {stage.name}  {stage.n_steps} steps  loss {sum(recent) / max(1, len(recent)):.3f}  "
        f"{time.monotonic() - started:.1f} s",
    )
    return losses


def _announce(console: Console, stage: Stage, n_steps: int, step_s: float) -> None:
    """Print how long the rest of a stage will take, if that is minutes."""
    minutes = n_steps * step_s / 60.0
    if minutes >= _SHORT_MINUTES:
        console.print(f"writer: {stage.name}  {n_steps} more steps, about {math.ceil(minutes)} min", soft_wrap=True)


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
