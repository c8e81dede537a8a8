"""Shows that the ratios of ``pocketrec profile`` can be trusted: ``python -m benchmarks.profile_itself BUNDLE``.

Compares a bundle with itself, so that every true ratio is 1: in ``--runs`` profiles, and in ``--busy`` further ones
beside processes that keep every core busy. Prints the verdicts, and for each step how many intervals cover 1 and how
wide the widest is. Exit code 1 unless, for the steps ``encode``, ``score``, ``list`` and ``observe``:

- quiet or busy, at least 19 of 20 intervals of the ratio of CPU times cover 1; without the busy processes, none is
  wider than a tenth of it (beside them the verdict says that it is noisy);
- beside the busy processes every verdict is noisy and says that the machine was busy, and without them most are valid.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from edge_runtime import child

STEPS: Final = ("encode", "score", "list", "observe")
WIDEST: Final = 0.1
LEAST_SHARE: Final = 0.95
MOST: Final = 0.75
BUSY_WORDS: Final = "the machine was busy"


def main() -> None:
    """Print one line a profile, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", type=Path, help="Data folder whose histories are used.")
    parser.add_argument("--mode", default="quick")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--busy", type=int, default=5)
    parser.add_argument("--hogs", type=int, default=os.cpu_count() or 1, help="Busy processes.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args()
    quiet = [profiled(options, seed) for seed in range(options.runs)]
    with hogs(options.hogs):
        busy = [profiled(options, 1000 + seed) for seed in range(options.busy)]
    result = {"quiet": summary(quiet), "busy": summary(busy)}
    found = problems(result)
    print(json.dumps(result | {"problems": found}, indent=1) if options.json else table(result))
    if found:
        sys.exit("\n".join(found))


def profiled(options: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return one profile of a bundle against itself, and tell about it on stderr."""
    bundle = str(options.bundle.absolute())
    data = ["--data", str(options.data.absolute())] if options.data else []
    command = child.command("edge_runtime", "profile", bundle, "--compare", bundle, "--mode", options.mode, "--json")
    done = subprocess.run(
        [*command, "--seed", str(seed), *data],
        stdout=subprocess.PIPE,
        check=True,
        cwd=child.FOLDER,
        env=child.environment(),
    )
    found: dict[str, Any] = json.loads(done.stdout)
    ratio = next(one for one in cpu_ratios(found) if one["step"] == "list")
    print(
        f"seed {seed}: {found['verdict']['state']}, list {ratio['median']:.3f} ({ratio['low']:.3f} to "
        f"{ratio['high']:.3f}), load {found['machine']['load']}; {'; '.join(found['verdict']['reasons'])}",
        file=sys.stderr,
        flush=True,
    )
    return found


def _spin() -> None:
    while True:
        pass


@contextmanager
def hogs(number: int) -> Iterator[None]:
    """Keep so many processes busy."""
    running = [multiprocessing.get_context("spawn").Process(target=_spin, daemon=True) for _ in range(number)]
    for one in running:
        one.start()
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.join()


def summary(profiles: list[dict[str, Any]]) -> dict[str, Any]:
    """Return counts of verdicts, and of each step how its intervals did."""
    by_step = {}
    for step in STEPS:
        found = [one for profile in profiles for one in cpu_ratios(profile) if one["step"] == step]
        by_step[step] = {
            "covering": sum(one["low"] <= 1 <= one["high"] for one in found),
            "widest": max(((one["high"] - one["low"]) / one["median"] for one in found), default=0.0),
            "medians": [round(one["median"], 4) for one in found],
        }
    states = [profile["verdict"]["state"] for profile in profiles]
    said_busy = sum(any(BUSY_WORDS in reason for reason in one["verdict"]["reasons"]) for one in profiles)
    return {
        "profiles": len(profiles),
        "verdicts": {state: states.count(state) for state in ("valid", "noisy", "invalid")},
        "said_busy": said_busy,
        "loads": [profile["machine"]["load"] for profile in profiles],
        "steps": by_step,
    }


def cpu_ratios(profile: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the ratios of CPU times."""
    return [one for one in profile["ratios"] if one["clock"] == "thread CPU"]


def problems(result: dict[str, Any]) -> list[str]:
    """Return what is not as promised."""
    found = []
    for kind, one in result.items():
        for step, counts in one["steps"].items():
            if counts["covering"] < LEAST_SHARE * one["profiles"]:
                found.append(f"{kind}: {counts['covering']} of {one['profiles']} intervals of {step} cover 1")
            if kind == "quiet" and counts["widest"] > WIDEST:
                found.append(
                    f"{kind}: the widest interval of {step} is {counts['widest']:.3f}, at most {WIDEST} allowed"
                )
    busy, quiet = result["busy"], result["quiet"]
    if busy["said_busy"] < busy["profiles"]:
        found.append(f"busy: {busy['said_busy']} of {busy['profiles']} verdicts say that the machine was busy")
    if quiet["verdicts"]["valid"] < MOST * quiet["profiles"]:
        found.append(
            f"quiet: {quiet['verdicts']['valid']} of {quiet['profiles']} verdicts are valid; stop what else works here"
        )
    return found


def table(result: dict[str, Any]) -> str:
    """Return the summary as lines."""
    lines = []
    for kind, one in result.items():
        verdicts = ", ".join(f"{n} {state}" for state, n in one["verdicts"].items() if n)
        lines.append(
            f"{kind}: {one['profiles']} profiles: {verdicts}; {one['said_busy']} say that the machine was busy"
        )
        for step, counts in one["steps"].items():
            medians = counts["medians"]
            extremes = f", medians {min(medians):.3f} to {max(medians):.3f}" if medians else ""
            lines.append(
                f"  {step:8} {counts['covering']} of {one['profiles']} cover 1, widest {counts['widest']:.3f}{extremes}"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
