"""Measures what transitions cost on the device: ``python -m benchmarks.transitions``.

Makes a bundle of 12,000 items with random weights, in the sizes of the one for Beauty, without transitions and with
each number of followers, comparing items by their embeddings or by vectors of their own. All of them then recommend for
the same histories in turn, in random order, so that other load on the machine affects them alike. Prints one JSON
object: sizes in bytes, and milliseconds of ``recommend`` with the numpy engine.
"""

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from edge_runtime import Recommender
from edge_runtime.bundle import open_folder
from edge_runtime.bundle.manifest import Catalogue, Tier
from edge_runtime.contents import open_contents
from tests.tiny_bundle import Shape, make_tiny_bundle
from tests.tiny_transitions import TinyTransitions

SHAPE = Shape(
    dim=64, max_length=50, n_prompts=16, rank=4, feed=128, n_codewords=256, tiers=((0.1, 32), (0.3, 16), (0.6, 8))
)
N_WARM_UP = 5


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=12_000)
    parser.add_argument("--followers", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--length", type=int, default=10, help="Events of a history.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        paths = make_bundles(Path(folder), arguments.items, arguments.followers)
        recommenders = {
            name: opened.enter_context(Recommender.open(path, language_model=False)) for name, path in paths.items()
        }
        times = measure(recommenders, arguments.items, arguments.histories, arguments.length)
        figures = {name: sizes_of(path) | percentiles(times[name]) for name, path in paths.items()}
    usual = np.array(times["without"])
    for name, values in times.items():
        figures[name]["added_p50_ms"] = round(float(np.median(np.array(values) - usual)), 4)
    print(json.dumps(figures, indent=1))


def make_bundles(folder: Path, n_items: int, followers: list[int]) -> dict[str, Path]:
    """Write the bundles; return their folders by name."""
    paths = {"without": folder / "without"}
    make_tiny_bundle(paths["without"], n_items=n_items, shape=SHAPE)
    texts = Catalogue(n_items, 64, 256, (Tier(n_items, 8),))
    for count in followers:
        for name, vectors in ((f"{count} followers", None), (f"{count} followers, own vectors", texts)):
            paths[name] = folder / name.replace(" ", "-")
            made = TinyTransitions(largest=count, vectors=vectors)
            make_tiny_bundle(paths[name], n_items=n_items, shape=SHAPE, transitions=made)
    return paths


def measure(
    recommenders: dict[str, Recommender], n_items: int, n_histories: int, length: int
) -> dict[str, list[float]]:
    """Return the milliseconds of ``recommend`` for each history, in the same order for every bundle."""
    rng = np.random.default_rng(0)
    names = list(recommenders)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(N_WARM_UP + n_histories):
        history = [f"item-{row}" for row in rng.choice(n_items, length, replace=False)]
        for index in rng.permutation(len(names)):
            name = names[int(index)]
            started = time.perf_counter()
            recommenders[name].recommend(10, history)
            elapsed = (time.perf_counter() - started) * 1000
            if turn >= N_WARM_UP:
                times[name].append(elapsed)
    return times


def percentiles(values: list[float]) -> dict[str, float]:
    """Return the median and the 90th percentile."""
    return {"p50_ms": round(float(np.median(values)), 4), "p90_ms": round(float(np.quantile(values, 0.9)), 4)}


def sizes_of(path: Path) -> dict[str, float]:
    """Return the size of the ranking part, that of the transitions in it, and the time to read the bundle."""
    folder = open_folder(path)
    started = time.perf_counter()
    open_contents(folder, language_model=False)
    read_ms = round((time.perf_counter() - started) * 1000, 2)
    entries = [folder.manifest.role(role) for role in ("transitions", "similarity")]
    n_bytes = sum(entry.bytes for entry in entries if entry is not None)
    return {"ranking_bytes": folder.manifest.ranking_bytes, "of_transitions": n_bytes, "read_ms": read_ms}


if __name__ == "__main__":
    main()
