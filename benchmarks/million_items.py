"""Opens a catalogue of a million items, whose facts stay on disk, in fresh processes, and makes lists with it.

The items, their codes and the encoder are made up (a fixed seed); sizes are those of the Beauty data set: 64 numbers
each, codes of 32, 16 and 8 bytes, 50 events, two blocks. Each process first imports the runtime and runs the encoder;
what it then keeps more is what the catalogue costs. The bundle is in the page cache, as after an installation.

Usage: python -m benchmarks.million_items [--items 1000000] [--lists 200] [--starts 5] [--json]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime import child
from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.codes import pack_tiers
from edge_runtime.bundle.folder import write_folder
from edge_runtime.bundle.golden import dump_golden
from edge_runtime.bundle.item_table import TABLE_FILE, dump_item_table
from edge_runtime.bundle.items import Field, Items
from edge_runtime.bundle.manifest import ITEM_TABLE, Catalogue, Tier
from edge_runtime.search.finder import word_index
from tests.tiny_bundle import Shape, compute_golden, tiny_contents

ASKED: Final = {"open_s": 1.0, "recommend_p50_ms": 20.0, "resident_mib": 64.0}
SHAPE: Final = Shape(
    dim=64,
    max_length=50,
    feed=256,
    n_prompts=8,
    rank=4,
    n_codewords=256,
    tiers=((0.08, 32), (0.56, 16), (0.36, 8)),
    n_golden=32,
)
_WORDS: Final = ("soft", "wild", "clear", "silk", "daily", "night", "herbal", "gentle", "ocean", "sun", "snow", "amber")


def main() -> None:
    """Make the bundle, measure, and print."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measured(Path(sys.argv[2]), int(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--items", type=int, default=1_000_000, help="Number of items. [default: %(default)s]")
    parser.add_argument("--lists", type=int, default=200, help="Lists in each process. [default: %(default)s]")
    parser.add_argument("--starts", type=int, default=5, help="Number of processes. [default: %(default)s]")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "bundle"
        make_bundle(bundle, options.items)
        starts = [_start(bundle, options.lists) for _ in range(options.starts)]
        result = {
            "items": options.items,
            "bundle_bytes": {path.name: path.stat().st_size for path in sorted(bundle.iterdir())},
            "asked": ASKED,
            "median": {name: round(float(np.median([one[name] for one in starts])), 3) for name in starts[0]},
            "starts": starts,
        }
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        _show(result["median"], result["bundle_bytes"], options.items)


def make_bundle(folder: Path, n_items: int, seed: int = 0) -> None:
    """Write a bundle of made-up items."""
    random = np.random.default_rng(seed)
    manifest, contents = tiny_contents(
        n_items=1000, seed=seed, target="laptop-x86_64", shape=SHAPE, release=1, name="made-up shop"
    )
    catalogue = _catalogue(n_items)
    features = (*manifest.required_features, ITEM_TABLE)
    manifest = msgspec.structs.replace(manifest, catalogue=catalogue, required_features=features, budgets={})
    items = made_items(n_items, random)
    popularity = random.integers(0, 256, n_items, dtype=np.uint8)
    del contents["items.json.z"]
    contents |= {
        "codes.safetensors": ("codes", dump_arrays(_codes(catalogue, random))),
        TABLE_FILE: ("items", dump_item_table(items, word_index(items))),
        "popularity.safetensors": ("popularity", dump_arrays({"popularity": popularity})),
    }
    golden = compute_golden(manifest, contents, SHAPE.n_golden, random)
    contents["golden.safetensors"] = ("golden", dump_arrays(dump_golden(golden, SHAPE.max_length)))
    write_folder(folder, manifest, contents)


def made_items(n_items: int, random: np.random.Generator) -> Items:
    """Return items with a brand, two categories, a price and the name of a picture each."""
    words = random.integers(len(_WORDS), size=(n_items, 3)).tolist()
    brand, category, price = (random.integers(n, size=n_items).tolist() for n in (2000, 300, 5000))
    return Items(
        item_id=[f"B{row * 2654435761 % 2**32:010d}" for row in range(n_items)],  # distinct, in no order
        title=[
            f"Brand{b} {' '.join(_WORDS[word] for word in three)} model {row}"
            for row, (b, three) in enumerate(zip(brand, words, strict=True))
        ],
        fields={
            "brand": Field([f"Brand{b}" for b in range(2000)], [[b] for b in brand]),
            "categories": Field([f"Category {c}" for c in range(300)], [[c // 10, c] for c in category]),
            "price": Field([f"{p / 100:.2f}" for p in range(5000)], [[p] for p in price]),
            "picture": Field([f"{row:07d}.webp" for row in range(n_items)], [[row] for row in range(n_items)]),
        },
    )


def measured(bundle: Path, n_lists: int) -> dict[str, float]:
    """Return times and memory of this process, which has done nothing else yet."""
    from edge_runtime import Recommender, below

    n_items = _run_encoder(bundle)
    base = _memory()
    _reset_peak()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        recommender = Recommender.open(bundle, Path(folder) / "state.sqlite")
        opened = time.perf_counter() - started
        first = _timed(lambda: recommender.recommend(10))
        item_ids = recommender.items.item_id
        random = np.random.default_rng(1)
        observed, listed = [], []
        for row in random.integers(n_items, size=n_lists).tolist():
            observed.append(_timed(partial(recommender.observe, item_ids[row])))
            listed.append(_timed(lambda: [one.facts for one in recommender.recommend(10)]))
        lists = _memory()
        more = {
            "search_ms": _timed(lambda: recommender.search("ocean silk")),
            "search_again_ms": _timed(lambda: recommender.search("amber snow")),
            "where_ms": _timed(lambda: recommender.recommend(10, where={"price": below(5), "brand": "Brand7"})),
            "where_again_ms": _timed(lambda: recommender.recommend(10, where={"price": below(9), "brand": "Brand8"})),
            "explain_ms": _timed(lambda: recommender.explain(item_ids[5])),
        }
        end = _memory()
        recommender.close()
    return {
        "open_s": opened,
        "first_list_ms": first,
        "observe_p50_ms": float(np.percentile(observed, 50)),
        "recommend_p50_ms": float(np.percentile(listed, 50)),
        "recommend_p95_ms": float(np.percentile(listed, 95)),
        **more,
        "base_mib": base["VmRSS"],
        "resident_mib": lists["VmRSS"] - base["VmRSS"],
        "resident_anonymous_mib": lists["RssAnon"] - base["RssAnon"],
        "peak_mib": lists["VmHWM"] - base["VmRSS"],
        "resident_after_search_mib": end["VmRSS"] - base["VmRSS"],
    }


def _run_encoder(bundle: Path) -> int:
    """Import the runtime and run the encoder once; return the number of items."""
    from edge_runtime import recommender  # noqa: F401 - imported so that it counts as the runtime, not as the catalogue
    from edge_runtime.bundle import open_folder
    from edge_runtime.engines.protocol import read_small
    from edge_runtime.engines.reference import ReferenceEngine

    folder = open_folder(bundle)
    sizes = folder.manifest.encoder
    engine = ReferenceEngine.open(folder.read(folder.manifest.required_role("encoder")), sizes)
    engine.encode(np.zeros((sizes.max_length, sizes.dim), dtype=np.float32), read_small(folder))
    return folder.manifest.catalogue.n_items


def _catalogue(n_items: int) -> Catalogue:
    ends = np.round(np.cumsum([0, *(share for share, _ in SHAPE.tiers)]) * n_items).astype(int)
    tiers = (Tier(int(n), m, 1) for n, (_, m) in zip(np.diff(ends), SHAPE.tiers, strict=True))
    return Catalogue(n_items, SHAPE.dim, SHAPE.n_codewords, tuple(tiers))


def _codes(catalogue: Catalogue, random: np.random.Generator) -> dict[str, NDArray[np.generic]]:
    """Return random codes; the items of the tiers are spread over the catalogue."""
    tier_of = np.repeat(np.arange(len(catalogue.tiers), dtype=np.uint8), [tier.n_items for tier in catalogue.tiers])
    arrays: dict[str, NDArray[np.generic]] = {"tier": pack_tiers(random.permutation(tier_of))}
    for index, tier in enumerate(catalogue.tiers):
        width = catalogue.dim // tier.n_codes
        arrays[f"codes.{index}"] = random.integers(0, 256, (tier.n_items, tier.n_codes), dtype=np.uint8)
        arrays[f"codebook.{index}"] = random.integers(-127, 128, (1, catalogue.n_codewords, width), dtype=np.int8)
        arrays[f"scale.{index}"] = np.full(1, 0.003, dtype=np.float32)
        arrays[f"centre.{index}"] = random.normal(scale=0.02, size=catalogue.dim).astype(np.float32)
    return arrays


def _start(bundle: Path, n_lists: int) -> dict[str, float]:
    """Measure in a fresh process with one thread.

    Raises:
        RuntimeError: the process failed.
    """
    command = child.command("benchmarks.million_items", "--child", bundle, str(n_lists))
    environment = child.environment() | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=child.FOLDER, env=environment)
    if done.returncode:
        raise RuntimeError(f"a start failed with the status {done.returncode}:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _timed(call: Callable[[], object]) -> float:
    """Return the milliseconds of a call."""
    started = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - started)


def _memory() -> dict[str, float]:
    """Return the memory of this process in MiB, by the names of Linux."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    return {one[0].rstrip(":"): int(one[1]) / 1024 for one in lines if one[0].startswith(("Vm", "Rss"))}


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _show(median: dict[str, float], sizes: dict[str, int], n_items: int) -> None:
    total = sum(sizes.values())
    print(f"{n_items:,} items, {total / 1e6:.0f} MB on disk, of which {sizes[TABLE_FILE] / 1e6:.0f} MB names and facts")
    for name, value in median.items():
        asked = f"  (asked: at most {ASKED[name]:g})" if name in ASKED else ""
        print(f"  {name:26} {value:10.2f}{asked}")


if __name__ == "__main__":
    main()
