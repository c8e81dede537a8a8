"""Tries the defaults of `pocketrec rounds plan` on simulated devices: ``python -m benchmarks.rounds_defaults``.

One round is trained from the bundle's own adapter, with the bundle's settings of learning, and its mean is added at the
server's rate 1, as `pocketrec rounds publish` does. Beside it stands the best rate that the operator's own people would
choose. People are of the synthetic world after a fashion (:mod:`benchmarks.rounds_data`).

Example: python -m benchmarks.rounds_defaults --bundle bundles/laptop-x86_64
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from msgspec.structs import replace as changed

from benchmarks import rounds
from benchmarks.rounds_data import FASHION
from benchmarks.rounds_scenarios import DELTA, RATES, Setting, figures, say
from benchmarks.rounds_simulator import best_rate, mean_of, moved, updates_of
from edge_runtime.bundle import open_folder
from edge_runtime.learning.round_training import DEFAULT_SETTINGS
from edge_runtime.rounds.accountant import sigma_for
from edge_runtime.rounds.plan import RoundPlan, largest_scale
from edge_runtime.rounds.update import Vector
from server.rounds.opening import Terms

TERMS: Final = Terms(operators=())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--panel", type=int, default=150, help="the operator's own people [%(default)s]")
    parser.add_argument("--people", type=int, default=200, help="people to measure with [%(default)s]")
    parser.add_argument("--steps", type=int, default=TERMS.steps)
    parser.add_argument("--learning-rate", type=float, default=TERMS.learning_rate)
    parser.add_argument("--clip", type=float, default=TERMS.clip)
    parser.add_argument("--epsilon", type=float, default=TERMS.epsilon)
    parser.add_argument("--participations", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    own = open_folder(arguments.bundle).manifest.learning or DEFAULT_SETTINGS
    arguments.temperature, arguments.examples = own.temperature, own.examples
    world = {"interactions": None, "fashion": FASHION, "a": "shipped", "rank": None, "batch": TERMS.batch}
    setting = rounds.prepared(argparse.Namespace(**vars(arguments) | world | {"epsilon": own.epsilon}))
    updates = updates_of(setting.devices, setting.bench.settings, setting.plan, setting.adapter, arguments.seed)
    norms = [float(np.linalg.norm(update)) for update in updates]
    say(f"median norm {np.median(norms):.3g}; {np.mean(np.array(norms) > arguments.clip):.0%} are clipped")
    head = ("participations", "noise / clip", "log-likelihood at rate 1", "at the best rate", "best rate")
    print(f"| {' | '.join(head)} |\n| {' | '.join(['---'] * len(head))} |")
    for times in (0, *arguments.participations):
        print(row(setting, updates, with_noise(setting.plan, arguments, times), times), flush=True)


def with_noise(plan: RoundPlan, arguments: argparse.Namespace, participations: int) -> RoundPlan:
    """Return the plan with the clip, and with noise for some participations; 0 stands for no noise."""
    clip, sigma = arguments.clip, 0.0
    if participations:
        sigma = sigma_for(arguments.epsilon, DELTA, 2.0 * clip, participations)
    return changed(plan, clip=clip, sigma=sigma, bits=32, scale=largest_scale(clip, sigma, plan.size, 32))


def row(setting: Setting, updates: Sequence[Vector], plan: RoundPlan, participations: int) -> str:
    """Return what a round gives, as a row of the table."""
    mean = mean_of(updates, plan)
    rate, best = best_rate(mean, setting.adapter, RATES, setting.loss)
    gains = [
        f"{found['log_gain']:+.4f} ± {found['log_half']:.4f}"
        for found in (figures(setting.bench.gains(setting.people, one)) for one in (moved(setting.adapter, mean), best))
    ]
    noise = plan.sigma * math.sqrt(plan.size / len(updates)) / plan.clip
    return f"| {participations or 'no noise'} | {noise:.2f} | {gains[0]} | {gains[1]} | {rate:g} |"


if __name__ == "__main__":
    main()
