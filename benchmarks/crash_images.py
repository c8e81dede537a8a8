"""Cuts the power of a device of signed releases at random writes, and counts the devices that are inconsistent then.

Records the writes of `pocketrec sync` for some releases, of which every second one comes as a delta, and some syncs are
killed. Each image is what the disk may hold if the power is cut after some of them (see `tests/crash/disk.py`). It is
consistent if the device serves a complete release that is at least as new as the last one reported, has not forgotten a
version that it has seen, and takes the newest release by its next sync. Exits with 1 if an image is not.

Example: python -m benchmarks.crash_images --images 2000
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.crash.recording import Recorder
from tests.crash.signed_device import DEVICE, Releases, check_device, cuts, recorded_syncs
from tests.edge_runtime.sync.signed_shop import SignedShop


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="Number of power cuts.")
    parser.add_argument("--releases", type=int, default=4, help="Number of releases that are installed.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        n_operations, problems = count(Path(folder), arguments.images, arguments.releases, arguments.seed)
    n_problems = sum(problems.values())
    if arguments.json:
        print(json.dumps({"images": arguments.images, "operations": n_operations, "inconsistent": n_problems}))
    else:
        print(f"recorded operations   {n_operations:,}")
        print(f"inconsistent images   {n_problems:,} of {arguments.images:,}")
        for problem, times in problems.most_common():
            print(f"{times:8}  {problem}")
    sys.exit(n_problems > 0)


def count(folder: Path, n_images: int, n_releases: int, seed: int) -> tuple[int, Counter[str]]:
    """Return the number of recorded operations, and the problems of the images."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    recorder = Recorder.over(folder / "recorded", folder)
    releases = Releases(SignedShop(folder / "shop"))
    recorded_syncs(recorder, releases, n_releases, rng)
    problems: Counter[str] = Counter()
    for n_done, (reported, image) in enumerate(cuts(recorder, folder / "images", n_images, rng)):
        try:
            check_device(image / DEVICE, releases, reported=reported)
        except Exception as error:  # noqa: BLE001 - whatever it is, the device did not survive
            problems[f"{type(error).__name__}: {str(error).replace(str(image), '')}"] += 1
        shutil.rmtree(image)
        print(f"\r{n_done + 1:,} of {n_images:,} images", end="", file=sys.stderr)
    print(file=sys.stderr)
    return sum(1 for _ in recorder.operations()), problems


if __name__ == "__main__":
    main()
