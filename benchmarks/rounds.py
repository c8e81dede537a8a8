"""Simulates rounds with devices made from data, by the code of clients and server: ``python -m benchmarks.rounds``.

Three groups of people whom the bundle's model never saw: devices, the operator's own people (who have agreed to be
looked at; rates, the clip and the decision to publish come from them) and people who only serve to measure. Printed are
the gains in log-likelihood of the next event and in NDCG@10 with 95 % intervals over people:

* training in one place, and rounds without noise: how much of that gain they reach;
* one round with noise, with both epsilons of the accountant;
* devices that send scaled, inverted or random updates, and what the check before publishing decides;
* late updates, devices that drop out, and too small a cohort;
* transitions that devices learn together, by epsilon.

Without --interactions, people are of the synthetic world, in which one category has come into fashion since the model
was trained (--fashion 0: none). 1,000 devices take about 10 minutes on one quiet core; --quick takes one.

Example: python -m benchmarks.rounds --bundle bundles/laptop-x86_64 --temperature 4 --quick
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.rounds_data import FASHION, file_histories, world_histories
from benchmarks.rounds_scenarios import (
    BAD,
    DELTA,
    NO_BOUND,
    Setting,
    bounded,
    say,
    with_attacks,
    with_noise,
    with_transitions,
    with_trouble,
    without_noise,
)
from benchmarks.rounds_simulator import Bench, Floats, Rows, updates_of
from edge_runtime.bundle.folder import open_folder
from edge_runtime.bundle.manifest import LearningSettings
from edge_runtime.contents import open_contents
from edge_runtime.learning.adapter_step import Batch
from edge_runtime.learning.round_training import DEFAULT_SETTINGS
from edge_runtime.rounds.participate import Adapter
from edge_runtime.rounds.plan import RoundPlan, largest_scale


def states_a(batches: Sequence[Batch], rank: int) -> Floats:
    """Return ``A`` ``[d, rank]``: where states have a projection of 1, then their principal directions, whitened."""
    states = np.concatenate([batch.states for batch in batches]).astype(np.float64)
    ridge = 1e-3 * len(states) * np.eye(states.shape[1])
    constant = np.linalg.solve(states.T @ states + ridge, states.sum(axis=0))[:, None]
    values, vectors = np.linalg.eigh(np.cov(states.T))
    leading = vectors[:, ::-1][:, : rank - 1] / np.sqrt(values[::-1][: rank - 1])
    return np.hstack([constant, leading]).astype(np.float32)


def prepared(arguments: argparse.Namespace) -> Setting:
    """Return all people with their states, and the plan."""
    folder, settings = open_folder(arguments.bundle), _settings(arguments)
    folder = replace(folder, manifest=msgspec.structs.replace(folder.manifest, learning=settings))
    contents = open_contents(folder, language_model=False)
    engines, row_of = contents.engine_candidates(first=None), contents.table.row_of
    n_devices, n_panel, n_people = arguments.devices, arguments.panel, arguments.people
    if arguments.interactions is None:
        histories = world_histories(n_devices + n_panel + n_people, arguments.seed, arguments.fashion)
    else:
        histories = file_histories(arguments.interactions, list(row_of))
    known = [np.array([row_of[item] for item in items if item in row_of], np.int64) for items in histories]
    rows = [each for each in known if len(each) >= 3]
    order = np.random.default_rng(arguments.seed).permutation(len(rows)).tolist()
    own, measured, others = np.split(order, [n_panel, n_panel + n_people])
    if len(others) < n_devices:
        say(f"{len(others)} people for {n_devices} devices: people are drawn again, each time with another part")
    vectors = contents.codes.decode(np.arange(contents.folder.manifest.catalogue.n_items))
    bench = Bench(contents, engines, vectors, settings)
    sequences = [part_of(rows[others[i % len(others)]], i // len(others)) for i in range(n_devices)]
    devices = [bench.batch_of(each, arguments.seed + i) for i, each in enumerate(sequences)]
    say(f"{len(devices)} devices with {np.mean([len(d.states) for d in devices]):.0f} examples each")
    panel_batches = [bench.batch_of(rows[i], i) for i in own]
    a = contents.small.adapter_a if arguments.a == "shipped" else states_a(panel_batches, arguments.rank)
    adapter = Adapter(a.astype(np.float32), np.zeros((a.shape[1], a.shape[0]), np.float32))
    plan = _plan(arguments, adapter)
    norms = [
        float(np.linalg.norm(update)) for update in updates_of(panel_batches, settings, plan, adapter, arguments.seed)
    ]
    plan = bounded(plan, float(np.median(norms)))
    say(f"clip {plan.clip:.3f}, the median norm of the updates of the operator's own people")
    panel, people = ([bench.tried_of(rows[i]) for i in group] for group in (own, measured))
    return Setting(bench, plan, adapter, devices, sequences, panel, people, arguments.seed)


def part_of(rows: Rows, repeat: int) -> Rows:
    """Return a person's history the first time, and another two thirds of it each time after that."""
    if repeat == 0:
        return rows
    length = max(3, 2 * len(rows) // 3)
    start = (repeat * 3) % (len(rows) - length + 1)
    return rows[start : start + length]


def _settings(arguments: argparse.Namespace) -> LearningSettings:
    return msgspec.structs.replace(
        DEFAULT_SETTINGS, temperature=arguments.temperature, epsilon=arguments.epsilon, examples=arguments.examples
    )


def _plan(arguments: argparse.Namespace, adapter: Adapter) -> RoundPlan:
    rank, dim = adapter.b.shape
    return RoundPlan(
        round="a" * 26, name="simulated", target="laptop-x86_64", base="0" * 64, adapter_sha256="0" * 64,
        rank=rank, dim=dim, steps=arguments.steps, batch=arguments.batch, learning_rate=arguments.learning_rate,
        min_events=2, clip=NO_BOUND, sigma=0.0, scale=largest_scale(NO_BOUND, 0.0, rank * dim, 32), bits=32,
        participations=1, period_days=1, min_updates=1, max_updates=1_000_000, delta=DELTA, retry_after_s=60,
        opens="2026-01-01T00:00:00Z", deadline="2026-01-02T00:00:00Z", operators=("http://127.0.0.1",),
    )  # fmt: skip


def report(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all scenarios."""
    setting = prepared(arguments)
    result: dict[str, Any] = {
        "arguments": {k: v if isinstance(v, int | float | str) else str(v) for k, v in vars(arguments).items()}
    }
    result["clip"] = setting.plan.clip
    result["without noise"] = without_noise(setting, arguments.rounds, arguments.central_steps, arguments.central_rate)
    updates = updates_of(setting.devices, setting.bench.settings, setting.plan, setting.adapter, setting.seed)
    result["one round with noise"] = with_noise(setting, updates)
    result["attacks"] = with_attacks(setting, updates)
    result["late and missing"] = with_trouble(setting, updates)
    result["transitions"] = with_transitions(setting)
    return result


def as_text(result: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    inside, course = result["without noise"]["in one place"], result["without noise"]["rounds"]
    training = [{"training": "in one place"} | inside]
    training += [
        {"training": f"round {row['round']}", "share": f"{100 * row['share']:.0f} %"}
        | {name: value for name, value in row.items() if name != "share"}
        for row in course
    ]
    blocks = [f"### Without noise\n\n{table(training)}"]
    names = {
        "one round with noise": "One round with noise",
        "attacks": f"{100 * BAD:.0f} % of devices send something else",
        "late and missing": "Late, missing and few devices",
        "transitions": "Transitions learned together",
    }
    blocks += [f"### {title}\n\n{table(result[key])}" for key, title in names.items()]
    return "\n\n".join(blocks)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a table in Markdown; gains have their intervals beside them."""
    hidden = {"log_gain", "log_half", "ndcg", "ndcg_half", "people", "round", "published"}
    heads = list(dict.fromkeys(name for row in rows for name in row if name not in hidden))
    lines = [[*(head.replace("_", ", ") for head in heads), "log-likelihood", "NDCG@10", "published"]]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        gains = [f"{row['log_gain']:+.4f} ± {row['log_half']:.4f}", f"{row['ndcg']:+.4f} ± {row['ndcg_half']:.4f}"]
        answer = {True: "yes", False: "no", None: ""}[row.get("published")]
        lines.append([*(_cell(row.get(head, "")) for head in heads), *gains, answer])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--interactions", type=Path, help="Parquet with user_id, item_id, timestamp.")
    parser.add_argument("--fashion", type=float, default=FASHION, help="share of events in fashion [%(default)s]")
    parser.add_argument("--temperature", type=float, default=4.0)
    parser.add_argument("--a", choices=("shipped", "states"), default="states", help="A of the bundle, or of states")
    parser.add_argument("--rank", type=int, default=4, help="rank of A of states [%(default)s]")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--panel", type=int, default=150, help="the operator's own people [%(default)s]")
    parser.add_argument("--people", type=int, default=200, help="people to measure with [%(default)s]")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4, help="steps of training on a device [%(default)s]")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--examples", type=int, default=16, help="newest events that a device learns from")
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--central-steps", type=int, default=60, help="steps of training in one place [%(default)s]")
    parser.add_argument("--central-rate", type=float, default=0.3, help="its learning rate [%(default)s]")
    parser.add_argument("--epsilon", type=float, default=0.05, help="of AdamW on devices [%(default)s]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="100 devices, 3 rounds; to see that it works")
    parser.add_argument(
        "--from-json", type=Path, help="print the tables of what --json has printed, and simulate nothing"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.from_json is not None:
        print(as_text(json.loads(arguments.from_json.read_bytes())))
        return
    if arguments.bundle is None:
        parser.error("found no --bundle, expected one, or --from-json")
    if arguments.quick:
        arguments.devices, arguments.panel, arguments.people, arguments.rounds = 100, 60, 60, 3
    result = report(arguments)
    print(json.dumps(result, indent=1) if arguments.json else as_text(result))


if __name__ == "__main__":
    main()
