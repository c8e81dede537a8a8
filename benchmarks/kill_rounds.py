"""Kills servers of rounds, and workers on SQLite and PostgreSQL, with SIGKILL, and counts lost and repeated updates.

Example: python -m benchmarks.kill_rounds --cycles 200
"""

import argparse
import json
import random
import sys
import tempfile
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

from tests.crash.killed_rounds import (
    Databases,
    KilledRounds,
    KilledServer,
    KilledWorkers,
    Kind,
    killed,
    real_postgresql,
    sqlite,
)
from tests.live_postgresql import postgresql_folder


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=200, help="Number of kills, of all kinds together.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        rng = random.Random(arguments.seed)  # noqa: S311 - no secret
        kinds = _kinds(Path(folder), rng, stack)
        answered, problems = _count(kinds, arguments.cycles)
        counted = {} if problems else {name: one.check() for name, one in kinds.items()}
    if arguments.json:
        print(json.dumps({"cycles": arguments.cycles, "answered": answered, "counted": counted, "faults": problems}))
    else:
        for name in kinds:
            print(f"{name:20}  {answered[name]:8,} updates answered, {counted.get(name, 0):,} in the sum")
        print(f"{'faults':20}  {len(problems):8,} of {arguments.cycles:,} cycles")
        for problem in problems:
            print(problem)
    sys.exit(bool(problems))


def _kinds(folder: Path, rng: random.Random, stack: ExitStack) -> dict[str, KilledRounds]:
    wanted: dict[str, tuple[Kind, Databases]] = {
        "server, SQLite": (KilledServer, sqlite),
        "worker, SQLite": (KilledWorkers, sqlite),
    }
    if postgresql_folder() is not None:
        wanted["worker, PostgreSQL"] = (KilledWorkers, real_postgresql)
    made = {}
    for name, (kind, databases) in wanted.items():
        (folder / name).mkdir()
        made[name] = stack.enter_context(killed(kind, databases, folder / name, rng))
    return made


def _count(kinds: dict[str, KilledRounds], n_cycles: int) -> tuple[dict[str, int], list[str]]:
    """Return how many updates of each kind were answered, and the faults that were found."""
    answered, problems = dict.fromkeys(kinds, 0), []
    for n_done, (name, one) in enumerate(islice(cycle(kinds.items()), n_cycles), start=1):
        try:
            answered[name] += one.cycle()
        except Exception as error:  # noqa: BLE001 - whatever it is, the kill was not survived
            problems.append(f"{name}: {type(error).__name__}: {error}")
        print(f"\r{n_done:,} of {n_cycles:,} cycles", end="", file=sys.stderr)
    print(file=sys.stderr)
    return answered, problems


if __name__ == "__main__":
    main()
