"""Cuts the power of a device of signed releases, or of a publisher, at random writes, and counts what is inconsistent.

Records the writes of `pocketrec sync` for some releases, of which every second one comes as a delta, and some syncs are
killed. Each image is what the disk may hold if the power is cut after some of them (see `tests/crash/disk.py`). It is
consistent if the device serves a complete release that is at least as new as the last one reported, has not forgotten a
version that it has seen, and takes the newest release by its next sync. Exits with 1 if an image is not.

With ``--of publisher``, the writes are those of `pocketrec release`: `init`, one `publish` for each release, and two
`rotate`. An image is consistent if the repository offers a whole release that is at least as new as the last one
reported, a device takes it, and its keys sign the next one.

Example: python -m benchmarks.crash_images --images 2000
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.crash.publisher import NOTHING, check_repository, recorded_releases
from tests.crash.recording import Recorder
from tests.crash.signed_device import DEVICE, Releases, check_device, cuts, recorded_syncs
from tests.edge_runtime.sync.signed_shop import SignedShop


def main() -> None:
    """Run the benchmark and print its results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=("device", "publisher"), default="device", help="Whose power is cut.")
    parser.add_argument("--images", type=int, default=2000, help="Number of power cuts.")
    parser.add_argument("--releases", type=int, default=4, help="Number of releases that are installed.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counting = count if arguments.of == "device" else count_of_publisher
        n_operations, problems = counting(Path(folder), arguments.images, arguments.releases, arguments.seed)
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
    images = cuts(recorder, folder / "images", n_images, rng)
    check = partial(_check_device, releases)
    return sum(1 for _ in recorder.operations()), _problems(images, n_images, check)


def count_of_publisher(folder: Path, n_images: int, n_releases: int, seed: int) -> tuple[int, Counter[str]]:
    """Return the number of recorded operations of a publisher, and the problems of the images."""
    recorder, bundles = Recorder.over(folder / "recorded", folder), folder / "bundles"
    recorded_releases(recorder, bundles, n_releases)
    images = cuts(recorder, folder / "images", n_images, random.Random(seed), NOTHING)  # noqa: S311 - repeatable
    check = partial(_check_publisher, bundles)
    return sum(1 for _ in recorder.operations()), _problems(images, n_images, check)


def _check_device(releases: Releases, image: Path, reported: int) -> None:
    check_device(image / DEVICE, releases, reported=reported)


def _check_publisher(bundles: Path, image: Path, reported: int) -> None:
    check_repository(image, bundles, reported=reported)


def _problems(images: Iterator[tuple[int, Path]], n_images: int, check: Callable[[Path, int], None]) -> Counter[str]:
    """Return how often each problem was found; the images are removed."""
    problems: Counter[str] = Counter()
    for n_done, (reported, image) in enumerate(images):
        try:
            check(image, reported)
        except Exception as error:  # noqa: BLE001 - whatever it is, the image is not consistent
            problems[f"{type(error).__name__}: {str(error).replace(str(image), '')}"] += 1
        shutil.rmtree(image)
        print(f"\r{n_done + 1:,} of {n_images:,} images", end="", file=sys.stderr)
    print(file=sys.stderr)
    return problems


if __name__ == "__main__":
    main()
