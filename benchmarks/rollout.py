"""Simulates staged rollouts of a bad release, and of good ones, with the server's own rule for halting.

Every device draws its number, checks every six hours, takes the release once its ring is open, and says with one bit
whether its self-test refused it. The server decides after each receipt. A device has switched if it took the release.

Whether a rollout to 1,000 devices of which 5 % fail is halted before 2 % have switched is a matter of luck: 2 % are 20
devices, and in every third rollout none of the first 20 fails, so that no rule can know. The table therefore says how
often it is, for several thresholds and larger fleets, and how often noise halts a release that 0.5 % refuse.

Example: python -m benchmarks.rollout --runs 100
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Final

from edge_runtime.bundle.release import DRAW_BYTES, Wave, position
from server.halting.threshold import is_exceeded

RINGS: Final = (0.01, 0.1, 0.5, 1.0)
POLL_H: Final = 6.0
GOAL: Final = 0.02


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices that get a release.

    Attributes:
        devices: number of devices.
        failing: number of devices whose self-test refuses the release.
        max_refused: the signed threshold.
        reporting: share of the devices that send receipts.
    """

    devices: int
    failing: int
    max_refused: float
    reporting: float = 1.0


@dataclass(frozen=True, slots=True)
class Course:
    """What became of one rollout.

    Attributes:
        halted: whether the server halted it.
        switched: share of all devices that took the release before.
        refused: share of all devices whose self-test refused it before.
        hours: when it was halted, or was through.
    """

    halted: bool
    switched: float
    refused: float
    hours: float


@dataclass(frozen=True, slots=True)
class Row:
    """Rollouts of one fleet."""

    devices: int
    failing: float
    max_refused: float
    halted: float
    within_goal: float
    switched_median: float
    switched_95: float
    hours_median: float


Tell = Callable[[bool], bool]
"""Takes the bit of a receipt, and returns whether the rollout is halted from now on."""


def by_rule(max_refused: float) -> Tell:
    """Return a server that only counts and applies the rule."""
    counts = [0, 0]

    def tell(refused: bool) -> bool:
        counts[refused] += 1
        return is_exceeded(counts[0], counts[1], max_refused)

    return tell


def roll_out(fleet: Fleet, seed: int, tell: Tell | None = None) -> Course:
    """Simulate one rollout; ``tell`` is the server, by default the rule alone."""
    rng = random.Random(seed)  # noqa: S311 - a simulation
    tell = tell or by_rule(fleet.max_refused)
    failing = set(rng.sample(range(fleet.devices), fleet.failing))
    switched = refused = 0
    hours = 0.0
    for hours, device in sorted(_arrivals(fleet, rng)):
        is_refused = device in failing
        switched, refused = switched + (not is_refused), refused + is_refused
        if rng.random() < fleet.reporting and tell(is_refused):
            return Course(True, switched / fleet.devices, refused / fleet.devices, hours)
    return Course(False, switched / fleet.devices, refused / fleet.devices, hours)


def _arrivals(fleet: Fleet, rng: random.Random) -> Iterator[tuple[float, int]]:
    """Yield when each device would take the release, in hours, and its number."""
    salt = rng.randbytes(16).hex()
    wave = Wave(start="2026-01-01T00:00:00Z", hours=24.0, rings=RINGS, salt=salt, max_refused=fleet.max_refused)
    for device in range(fleet.devices):
        place = position(wave.salt, rng.randbytes(DRAW_BYTES))
        opens = next(number for number, ring in enumerate(wave.rings) if place < ring) * wave.hours
        yield opens + rng.uniform(0.0, POLL_H), device


def measure(fleet: Fleet, runs: int) -> Row:
    """Simulate rollouts with several seeds."""
    courses = [roll_out(fleet, seed) for seed in range(runs)]
    switched = sorted(course.switched for course in courses)
    return Row(
        devices=fleet.devices,
        failing=fleet.failing / fleet.devices,
        max_refused=fleet.max_refused,
        halted=sum(course.halted for course in courses) / runs,
        within_goal=sum(course.halted and course.switched < GOAL for course in courses) / runs,
        switched_median=switched[runs // 2],
        switched_95=switched[runs * 95 // 100],
        hours_median=sorted(course.hours for course in courses)[runs // 2],
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="Rollouts of each kind.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    rows = []
    for devices, failing, max_refused in (
        (1_000, 50, 0.02),
        (1_000, 50, 0.005),
        (1_000, 50, 0.0),
        (10_000, 500, 0.02),
        (10_000, 500, 0.005),
        (50_000, 2_500, 0.02),
        (1_000, 5, 0.02),
        (10_000, 50, 0.02),
        (50_000, 250, 0.02),
        (10_000, 50, 0.005),
    ):
        rows.append(measure(Fleet(devices, failing, max_refused), arguments.runs))
    if arguments.json:
        print(json.dumps({"runs": arguments.runs, "rows": [asdict(row) for row in rows]}))
        return
    print("devices  failing  threshold   halted  before 2 %   switched: median    95 %   hours")
    for row in rows:
        print(
            f"{row.devices:7,}  {row.failing:6.1%}  {row.max_refused:8.1%}  {row.halted:7.1%}  {row.within_goal:9.1%}"
            f"   {row.switched_median:16.2%} {row.switched_95:7.2%}  {row.hours_median:6.1f}"
        )


if __name__ == "__main__":
    main()
