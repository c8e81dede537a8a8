"""Measures time and peak memory of an epoch with each plug-in, relative to the plain backbone.

Every composition trains in a separate process, and the processes alternate after each step, over the same users: other
load on the machine affects all of them, so ratios are reliable even if absolute times are not. The time of an epoch is
the number of steps times their median, plus the plug-ins' preparation before the epoch, plus validation. Weight
averaging is not included: it is cheap, and costs the same for all.

Usage: python -m benchmarks.epoch_cost --data DIR [--out FILE] [--backbone sasrec] [--text hashed] [--steps 20] [--json]
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Literal, get_args

import torch
from rich.progress import track
from rich.table import Table

from edge_runtime import child
from edge_runtime.terminal.console import Console
from train.data.folder import read_folder
from train.data.split import leave_one_out
from train.full_model.choices import PLUGINS, BackboneName
from train.full_model.recipes import TrainConfig, compose
from train.items.extractors import ExtractorConfig
from train.loop.batches import RandomBatches, TrainingSequences, training_batch
from train.loop.fit import batch_users_for
from train.metrics.ranker import validation_score
from train.suites.origin import commit

Task = Literal["step", "prepare", "validate", "peak memory", "stop"]

# The first steps allocate buffers that later steps reuse.
_WARM_UP = 2
_PLAIN = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Cost of one composition.

    Attributes:
        plugins: name in the table.
        step_s: median time of a training step, in seconds.
        prepare_s: time of the plug-ins' preparation before an epoch, in seconds.
        validate_s: time of a validation, in seconds.
        epoch_s: time of a whole epoch, computed from the above.
        memory_mib: peak memory of the process, including data and libraries.
    """

    plugins: str
    step_s: float
    prepare_s: float
    validate_s: float
    epoch_s: float
    memory_mib: float


def main() -> None:
    """Measure all compositions, and print a table or JSON."""
    options = _options()
    names = (_PLAIN, *PLUGINS, "all five")
    n_users, costs = measure_costs(options.data, {name: _config(name, options) for name in names}, options.steps)
    plain = costs[0]
    result = {
        "command": f"python -m benchmarks.epoch_cost --data {options.data.name} --backbone {options.backbone} "
        f"--text {options.text} --steps {options.steps}",
        "commit": commit(),
        "threads": torch.get_num_threads(),
        "n_users": n_users,
        "batch_users": batch_users_for(n_users),
        "costs": [
            {name: getattr(cost, name) for name in Cost.__slots__} | {"times_plain": cost.epoch_s / plain.epoch_s}
            for cost in costs
        ],
    }
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(costs, Console())


def measure_costs(data: Path, configs: Mapping[str, TrainConfig], n_steps: int) -> tuple[int, list[Cost]]:
    """Return the number of training users, and the cost of each composition, in order.

    Args:
        data: data folder.
        configs: compositions by name.
        n_steps: number of training steps to measure.
    """
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    workers = []
    for name, config in configs.items():
        parent, worker_end = context.Pipe()
        workers.append(context.Process(target=_work, args=(worker_end, data, config), daemon=True))
        with child.as_environment():
            workers[-1].start()
        worker_end.close()
        pipes[name] = parent
    (n_users,) = {int(pipe.recv()) for pipe in pipes.values()}
    prepare = {name: _request(pipe, "prepare") for name, pipe in pipes.items()}
    steps: dict[str, list[float]] = {name: [] for name in configs}
    for turn in track(range(_WARM_UP + n_steps), "steps", console=Console(stderr=True), transient=True):
        for name, pipe in pipes.items():
            seconds = _request(pipe, "step", turn)
            if turn >= _WARM_UP:
                steps[name].append(seconds)
    validate = {name: _request(pipe, "validate") for name, pipe in pipes.items()}
    memory = {name: _request(pipe, "peak memory") for name, pipe in pipes.items()}
    for pipe, worker in zip(pipes.values(), workers, strict=True):
        pipe.send(("stop", 0))
        worker.join()
    n_batches = -(-n_users // batch_users_for(n_users))
    return n_users, [
        Cost(
            plugins=name,
            step_s=median(steps[name]),
            prepare_s=prepare[name],
            validate_s=validate[name],
            epoch_s=n_batches * median(steps[name]) + prepare[name] + validate[name],
            memory_mib=memory[name],
        )
        for name in configs
    ]


def show(costs: Sequence[Cost], console: Console) -> None:
    """Print the table."""
    table = Table(box=None, pad_edge=False)
    for name in ("plug-ins", "step, ms", "before, s", "validation, s", "epoch, s", "x plain", "memory, MiB"):
        table.add_column(name, justify="left" if name == "plug-ins" else "right")
    for cost in costs:
        table.add_row(
            cost.plugins, f"{1000 * cost.step_s:.0f}", f"{cost.prepare_s:.1f}", f"{cost.validate_s:.1f}",
            f"{cost.epoch_s:.1f}", f"{cost.epoch_s / costs[0].epoch_s:.2f}", f"{cost.memory_mib:.0f}",
        )  # fmt: skip
    console.print(table)


def _request(pipe: Connection, task: Task, number: int = 0) -> float:
    pipe.send((task, number))
    return float(pipe.recv())


def _work(pipe: Connection, data: Path, config: TrainConfig) -> None:
    """Build a model, send the number of users, and run the requested tasks until ``stop``."""
    dataset = read_folder(data)
    split = leave_one_out(dataset.sequences)
    torch.manual_seed(config.fit.seed)
    sequences = TrainingSequences(list(split.train), config.encoder.max_length)
    batches = RandomBatches(len(sequences), batch_users_for(len(sequences)), config.fit.seed)
    model = compose(dataset, split.train, config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    drawn = list(batches)
    pipe.send(len(sequences))

    def step(number: int) -> None:
        model.train()
        terms = model(training_batch([sequences[user] for user in drawn[number % len(drawn)]]))
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]  # torch's own
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.fit.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    while True:
        task, number = pipe.recv()
        start = time.perf_counter()
        match task:
            case "step":
                step(number)
            case "prepare":
                model.before_epoch(0)
            case "validate":
                model.eval()
                validation_score(model, split)
            case "peak memory":
                pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
                continue
            case _:
                return
        pipe.send(time.perf_counter() - start)


def _config(name: str, options: argparse.Namespace) -> TrainConfig:
    plugins: dict[Any, Any] = {plugin: {} for plugin in PLUGINS if name in (plugin, "all five")}
    return TrainConfig(
        backbone=options.backbone,
        plugins=plugins,
        extractors=ExtractorConfig(text=options.text),
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="JSON file for the results.")
    parser.add_argument("--backbone", choices=get_args(BackboneName), default="sasrec")
    parser.add_argument("--text", default="hashed", help="Text extractor.")
    parser.add_argument("--steps", type=int, default=20, help="Training steps to measure for each composition.")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
