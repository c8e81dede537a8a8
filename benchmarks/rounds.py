"""Simulates rounds with devices made from data, by the clients' and the server's own code: ``python -m benchmarks.rounds``.

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
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec.structs import replace as changed

from benchmarks.rounds_cells import WEIGHTS, gains_with, noisy_sum, sigma_of, sketch_of
from benchmarks.rounds_data import FASHION, file_histories, world_histories
from benchmarks.rounds_simulator import (
    Bench,
    Gains,
    Rows,
    Tried,
    best_rate,
    central,
    mean_of,
    moved,
    updates_of,
)
from edge_runtime.bundle.folder import open_folder
from edge_runtime.contents import open_contents
from edge_runtime.learning.adapter_step import Batch
from edge_runtime.rounds.accountant import epsilon_of, mu_of, sigma_for
from edge_runtime.rounds.participate import Adapter
from edge_runtime.rounds.plan import RoundPlan, largest_scale
from edge_runtime.rounds.update import Vector

DELTA: Final = 1e-6
RATES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
NO_BOUND: Final = 1e3
"""A clip that no honest update reaches."""
BAD: Final = 0.05
"""Share of devices that send something else."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What all scenarios share.

    Attributes:
        bench: the bundle, prepared.
        plan: a plan without noise and with the clip that the operator's own people give.
        adapter: the adapter at the start, with ``B = 0``.
        devices: examples of each device.
        sequences: rows of each device.
        panel: the operator's own people.
        people: those who only serve to measure.
        seed: of the simulation.
    """

    bench: Bench
    plan: RoundPlan
    adapter: Adapter
    devices: list[Batch]
    sequences: list[Rows]
    panel: list[Tried]
    people: list[Tried]
    seed: int

    def loss(self, adapter: Adapter) -> float:
        """Return the mean loss of log-likelihood for the operator's own people, beside no adapter."""
        return -float(self.bench.gains(self.panel, adapter)[:, 0].mean())

    def figures(self, adapter: Adapter) -> dict[str, Any]:
        """Return what an adapter changes for the people who serve to measure, and whether it would be published."""
        return figures(self.bench.gains(self.people, adapter)) | {"published": published(self, adapter)}


def figures(gains: Gains) -> dict[str, Any]:
    """Return means and half widths of 95 % intervals over people."""
    half = 1.96 * gains.std(axis=0, ddof=1) / math.sqrt(len(gains))
    (log_gain, ndcg), (log_half, ndcg_half) = gains.mean(axis=0).tolist(), half.tolist()
    return {"log_gain": log_gain, "log_half": log_half, "ndcg": ndcg, "ndcg_half": ndcg_half, "people": len(gains)}


def published(setting: Setting, adapter: Adapter) -> bool:
    """Return whether NDCG@10 of the operator's own people rises beyond chance, as ``rounds publish`` demands."""
    gains = setting.bench.gains(setting.panel, adapter)[:, 1]
    return bool(gains.mean() > 1.96 * gains.std(ddof=1) / math.sqrt(len(gains)))


def without_noise(setting: Setting, rounds: int, central_steps: int) -> dict[str, Any]:
    """Compare rounds without noise with training in one place."""
    best = central(setting.devices, setting.adapter, central_steps, setting.plan.learning_rate, setting.loss)
    inside = setting.figures(best)
    say(f"in one place: {inside['log_gain']:+.4f}")
    plan, adapter, course = bounded(setting.plan, NO_BOUND), setting.adapter, []
    for number in range(1, rounds + 1):
        mean = mean_of(updates_of(setting.devices, plan, adapter, setting.seed + 1000 * number), plan)
        rate, adapter = best_rate(mean, adapter, RATES, setting.loss)
        found = setting.figures(adapter)
        share = found["log_gain"] / inside["log_gain"]
        course.append({"round": number, "rate": rate, "share": share} | found)
        say(f"round {number}: rate {rate:g}, {found['log_gain']:+.4f}, {share:.0%}")
        if rate == 0.0:
            break
    return {"in one place": inside, "rounds": course}


def with_noise(setting: Setting, updates: Sequence[Vector]) -> list[dict[str, Any]]:
    """Return what one round gives with noise for epsilon 2 and 8, against readers and against the operator."""
    rows = []
    for against in ("nobody", "readers", "operator"):
        for epsilon in (math.inf,) if against == "nobody" else (8.0, 2.0):
            for rank in sorted({1, setting.plan.rank}):
                rows.append(_noisy(setting, updates, against, epsilon, rank))
                say(f"noise against {against}, epsilon {epsilon:g}, rank {rank}: {rows[-1]['log_gain']:+.4f}")
    return rows


def _noisy(setting: Setting, updates: Sequence[Vector], against: str, epsilon: float, rank: int) -> dict[str, Any]:
    size, clip, n = rank * setting.plan.dim, setting.plan.clip, len(updates)
    sigma = 0.0
    if against != "nobody":
        sigma = sigma_for(epsilon, DELTA, 2.0 * clip) / (math.sqrt(n) if against == "readers" else 1.0)
    plan = changed(
        setting.plan, rank=rank, sigma=sigma, bits=32, scale=largest_scale(clip, sigma, size, 32), min_updates=n
    )
    rate, adapter = best_rate(mean_of([u[:rank] for u in updates], plan), setting.adapter, RATES, setting.loss)
    own = mu_of(2.0 * clip, sigma)
    return {
        "against": against,
        "rank": rank,
        "epsilon_readers": epsilon_of(DELTA, own / math.sqrt(n)),
        "epsilon_operator": epsilon_of(DELTA, own),
        "rate": rate,
    } | setting.figures(adapter)


def with_attacks(setting: Setting, updates: Sequence[Vector]) -> list[dict[str, Any]]:
    """Return what happens if some devices send something else, with the clip and without, at the honest rate."""
    rng, rows = np.random.default_rng(setting.seed), []
    bad = rng.permutation(len(updates))[: max(1, round(BAD * len(updates)))].tolist()
    for name, clip in (("clip", setting.plan.clip), ("no clip", NO_BOUND)):
        plan = bounded(setting.plan, clip)
        rate, _ = best_rate(mean_of(updates, plan), setting.adapter, RATES, setting.loss)
        for kind in ("none", "scaled", "inverted", "random"):
            sent = list(updates)
            for index in bad:
                sent[index] = attack(kind, updates[index], rng)
            found = setting.figures(moved(setting.adapter, (rate or 1.0) * mean_of(sent, plan)))
            rows.append({"attack": kind, "bound": name, "devices": len(bad) if kind != "none" else 0} | found)
            say(f"{kind}, {name}: {found['log_gain']:+.4f}, published {found['published']}")
    return rows


def attack(kind: str, update: Vector, rng: np.random.Generator) -> Vector:
    """Return what a malicious device sends in place of its update."""
    match kind:
        case "scaled":
            return update * 100.0
        case "inverted":
            return update * -100.0
        case "random":
            return rng.normal(size=update.shape) * 100.0
        case _:
            return update


def with_trouble(setting: Setting, updates: Sequence[Vector]) -> list[dict[str, Any]]:
    """Return what late updates and devices that drop out cost."""
    plan, rng = setting.plan, np.random.default_rng(setting.seed + 1)
    rate, first = best_rate(mean_of(updates, plan), setting.adapter, RATES, setting.loss)
    fresh = updates_of(setting.devices, plan, first, setting.seed + 77)
    late = rng.random(len(updates)) < 0.3
    mixed = [updates[i] if late[i] else fresh[i] for i in range(len(updates))]
    kept = [update for update, drops in zip(updates, rng.random(len(updates)) < 0.3, strict=True) if not drops]
    step = rate or 1.0
    cases = {
        "first round, all answer": first,
        "first round, 30 % drop out": moved(setting.adapter, step * mean_of(kept, plan)),
        "second round, all in time": moved(first, step * mean_of(fresh, plan)),
        "second round, 30 % late, weighed": moved(first, step * mean_of(mixed, plan, late.astype(int).tolist())),
        "second round, 30 % late, not weighed": moved(first, step * mean_of(mixed, plan)),
    }
    for cohort in (30, 100, 300):
        if cohort < len(updates):
            cases[f"first round, cohort of {cohort}"] = moved(setting.adapter, step * mean_of(updates[:cohort], plan))
    return [{"case": name} | setting.figures(adapter) for name, adapter in cases.items()]


def with_transitions(setting: Setting) -> list[dict[str, Any]]:
    """Return what transitions that devices learn together change, by epsilon against readers and against the operator."""
    bench, sketches, rows = setting.bench, [sketch_of(rows) for rows in setting.sequences], []
    none = [[bench.scores(person, setting.adapter) for person in group] for group in (setting.panel, setting.people)]
    for against, epsilon in (("nobody", math.inf), ("readers", 8.0), ("readers", 2.0), ("operator", 8.0)):
        sigma = sigma_of(epsilon, DELTA) * (math.sqrt(len(sketches)) if against == "operator" else 1.0)
        total = noisy_sum(sketches, sigma)
        tried = {w: float(gains_with(bench, setting.panel, total, w, none[0])[:, 0].mean()) for w in WEIGHTS}
        weight = max(tried, key=lambda w: tried[w]) if max(tried.values()) > 0.0 else 0.0
        found = figures(gains_with(bench, setting.people, total, weight, none[1]))
        rows.append({"against": against, "epsilon": epsilon, "noise": sigma, "weight": weight} | found)
        say(f"transitions against {against}, epsilon {epsilon:g}: weight {weight:g}, {found['log_gain']:+.4f}")
    return rows


def bounded(plan: RoundPlan, clip: float) -> RoundPlan:
    """Return a plan without noise with another clip."""
    return changed(plan, clip=clip, sigma=0.0, bits=32, scale=largest_scale(clip, 0.0, plan.size, 32))


def states_a(batches: Sequence[Batch], rank: int) -> np.typing.NDArray[np.float32]:
    """Return ``A`` ``[d, rank]``: where the states have a projection of 1, then their principal directions, whitened."""
    states = np.concatenate([batch.states for batch in batches]).astype(np.float64)
    ridge = 1e-3 * len(states) * np.eye(states.shape[1])
    constant = np.linalg.solve(states.T @ states + ridge, states.sum(axis=0))[:, None]
    values, vectors = np.linalg.eigh(np.cov(states.T))
    leading = vectors[:, ::-1][:, : rank - 1] / np.sqrt(values[::-1][: rank - 1])
    return np.hstack([constant, leading]).astype(np.float32)


def prepared(arguments: argparse.Namespace) -> Setting:
    """Return all people with their states, and the plan."""
    contents = open_contents(open_folder(arguments.bundle), language_model=False)
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
    bench = Bench(contents, engines, vectors, arguments.temperature, arguments.examples)
    sequences = [part_of(rows[others[i % len(others)]], i // len(others)) for i in range(n_devices)]
    devices = [bench.batch_of(each, arguments.seed + i) for i, each in enumerate(sequences)]
    say(f"{len(devices)} devices with {np.mean([len(d.states) for d in devices]):.0f} examples each")
    panel_batches = [bench.batch_of(rows[i], i) for i in own]
    a = contents.small.adapter_a if arguments.a == "shipped" else states_a(panel_batches, arguments.rank)
    adapter = Adapter(a.astype(np.float32), np.zeros((a.shape[1], a.shape[0]), np.float32))
    plan = _plan(arguments, adapter)
    norms = [float(np.linalg.norm(update)) for update in updates_of(panel_batches, plan, adapter, arguments.seed)]
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
    result: dict[str, Any] = {"arguments": {k: v if isinstance(v, int | float | str) else str(v) for k, v in vars(arguments).items()}}
    result["clip"] = setting.plan.clip
    result["without noise"] = without_noise(setting, arguments.rounds, arguments.central_steps)
    updates = updates_of(setting.devices, setting.plan, setting.adapter, setting.seed)
    result["one round with noise"] = with_noise(setting, updates)
    result["attacks"] = with_attacks(setting, updates)
    result["late and missing"] = with_trouble(setting, updates)
    result["transitions"] = with_transitions(setting)
    return result


def as_text(result: Mapping[str, Any]) -> str:
    """Return the report as Markdown."""
    inside, course = result["without noise"]["in one place"], result["without noise"]["rounds"]
    blocks = [
        "### Without noise\n\n" + table([{"training": "in one place"} | inside] + [
            {"training": f"round {row['round']}", "rate": row["rate"], "share": f"{row['share']:.0%}"} | row for row in course
        ]),
    ]  # fmt: skip
    names = {
        "one round with noise": "One round with noise",
        "attacks": f"{BAD:.0%} of devices send something else".replace("%", " %"),
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


def say(text: str) -> None:
    """Print progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--interactions", type=Path, help="Parquet with user_id, item_id, timestamp.")
    parser.add_argument("--fashion", type=float, default=FASHION, help="share of events in fashion [%(default)s]")
    parser.add_argument("--temperature", type=float, default=4.0)
    parser.add_argument("--a", choices=("shipped", "states"), default="states", help="A of the bundle, or of states")
    parser.add_argument("--rank", type=int, default=4, help="rank of A of states [%(default)s]")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--panel", type=int, default=150, help="the operator's own people [%(default)s]")
    parser.add_argument("--people", type=int, default=300, help="people to measure with [%(default)s]")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=4, help="steps of training on a device [%(default)s]")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--examples", type=int, default=16, help="newest events that a device learns from")
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--central-steps", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="100 devices, 3 rounds; to see that it works")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.devices, arguments.panel, arguments.people, arguments.rounds = 100, 60, 60, 3
    result = report(arguments)
    print(json.dumps(result, indent=1) if arguments.json else as_text(result))


if __name__ == "__main__":
    main()
