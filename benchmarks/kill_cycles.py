"""Kills syncs, apps and publishers with SIGKILL at random writes, and counts the cycles that lose or tear something.

Example: python -m benchmarks.kill_cycles --cycles 200
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from itertools import cycle, islice
from pathlib import Path

from tests.crash.kills import KINDS


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=200, help="Number of kills, of all kinds together.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        killed, problems = count(Path(folder), arguments.cycles, random.Random(arguments.seed))  # noqa: S311 - no secret
    if arguments.json:
        print(json.dumps({"cycles": arguments.cycles, "killed": killed, "faults": sum(problems.values())}))
    else:
        for kind, times in killed.items():
            print(f"{kind:8}  {times:,} killed before their end")
        print(f"faults    {sum(problems.values()):,} of {arguments.cycles:,} cycles")
        for problem, times in problems.most_common():
            print(f"{times:8}  {problem}")
    sys.exit(bool(problems))


def count(folder: Path, n_cycles: int, rng: random.Random) -> tuple[Counter[str], Counter[str]]:
    """Return how many processes of each kind were killed before their end, and the faults that were found."""
    for kind in KINDS:
        (folder / kind).mkdir()
    kinds = {kind: make(folder / kind, rng) for kind, make in KINDS.items()}
    killed, problems = Counter(dict.fromkeys(kinds, 0)), Counter[str]()
    for n_done, (kind, one) in enumerate(islice(cycle(kinds.items()), n_cycles), start=1):
        try:
            killed[kind] += one.cycle()
        except Exception as error:  # noqa: BLE001 - whatever it is, the kill was not survived
            problem = f"{kind}: {type(error).__name__}: {error}"
            problems[problem] += 1
            print(f"\rcycle {n_done:,}: {problem}", file=sys.stderr)
        print(f"\r{n_done:,} of {n_cycles:,} cycles", end="", file=sys.stderr)
    print(file=sys.stderr)
    return killed, problems


if __name__ == "__main__":
    main()
