"""The scenarios of the simulator of rounds; :mod:`benchmarks.rounds` says what they are."""

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from msgspec.structs import replace as changed

from benchmarks.rounds_cells import WEIGHTS, gains_with, noisy_sum, sigma_of, sketch_of
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
from edge_runtime.learning.adapter_step import Batch
from edge_runtime.rounds.accountant import epsilon_of, mu_of, sigma_for
from edge_runtime.rounds.participate import Adapter
from edge_runtime.rounds.plan import RoundPlan, largest_scale
from edge_runtime.rounds.update import Vector

DELTA: Final = 1e-6
RATES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
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


def without_noise(setting: Setting, rounds: int, steps: int, learning_rate: float) -> dict[str, Any]:
    """Compare rounds without noise with training in one place."""
    best = central(setting.devices, setting.adapter, steps, learning_rate, setting.loss)
    inside = setting.figures(best)
    say(f"in one place: {inside['log_gain']:+.4f}")
    plan, adapter, course = bounded(setting.plan, NO_BOUND), setting.adapter, []
    for number in range(1, rounds + 1):
        mean = mean_of(
            updates_of(setting.devices, setting.bench.settings, plan, adapter, setting.seed + 1000 * number), plan
        )
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
    fresh = updates_of(setting.devices, setting.bench.settings, plan, first, setting.seed + 77)
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
    """Return what transitions that devices learn together change, by epsilon and against whom."""
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


def say(text: str) -> None:
    """Print progress."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
