"""Prints what a device spends on a start and on a list of one bundle, beside the figures that were asked for.

Starts are fresh processes, engines in turns: import of the runtime and opening, with a state file. A list is one
`observe` and one `recommend(10)`; its parts are called on their own, in turns with it, by the same engine.

Usage: python -m benchmarks.device BUNDLE [--starts 9] [--lists 500] [--json]
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
from typing import TYPE_CHECKING, Final

from edge_runtime import child

if TYPE_CHECKING:
    from edge_runtime.contents import Contents
    from edge_runtime.engines.candidates import EngineCandidates
    from edge_runtime.ranking import Floats, Rows

# Nothing else is imported here: the children measure what imports cost.

ENGINES: Final = ("onnxruntime", "reference")
ASKED: Final = {
    "onnxruntime: import and open, ms": 250.0,
    "onnxruntime: resident, MB": 120.0,
    "reference: import and open, ms": 250.0,
    "reference: resident, MB": 60.0,
    "observe and recommend(10), ms": 0.7,
    "encoder, ms": 0.11,
    "scores and top ten, ms": 0.12,
}


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(_started(sys.argv[2], sys.argv[3])))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("bundle", type=Path, help="The bundle.")
    parser.add_argument("--starts", type=int, default=9, help="Starts of each engine. [default: %(default)s]")
    parser.add_argument("--lists", type=int, default=500, help="Lists. [default: %(default)s]")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args()
    found = starts(options.bundle, options.starts) | lists(options.bundle, options.lists)
    if options.json:
        print(json.dumps({"asked": ASKED, "found": found}, indent=1))
        return
    for name, (middle, p95) in found.items():
        asked = f"at most {ASKED[name]:g}" if name in ASKED else ""
        print(f"{name:36} p50 {middle:9.3f}  p95 {p95:9.3f}  {asked}")


def starts(bundle: Path, n_starts: int) -> dict[str, tuple[float, float]]:
    """Return median and 95th percentile of time and memory of starts, by engine."""
    found: dict[str, list[float]] = {}
    for _ in range(n_starts):
        for engine in ENGINES:
            command = child.command("benchmarks.device", "--child", bundle.absolute(), engine)
            environment = child.environment() | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=child.FOLDER, env=environment)
            for name, value in json.loads(done.stdout).items():
                found.setdefault(f"{engine}: {name}", []).append(value)
    return {name: _summary(values) for name, values in found.items()}


def lists(bundle: Path, n_lists: int) -> dict[str, tuple[float, float]]:
    """Return median and 95th percentile of the milliseconds of a list and of its parts."""
    import numpy as np

    from edge_runtime import Recommender
    from edge_runtime.bundle import open_folder
    from edge_runtime.contents import open_contents
    from edge_runtime.state.history import History

    times: dict[str, list[float]] = {}
    random = np.random.default_rng(0)
    contents = open_contents(open_folder(bundle), language_model=False)
    n_items, length = contents.folder.manifest.catalogue.n_items, contents.folder.manifest.encoder.max_length
    with tempfile.TemporaryDirectory() as folder, History.open(Path(folder) / "state.sqlite") as history:
        engines = contents.engine_candidates(settings=history)
        recommender = Recommender(contents, engines, history)
        rows = random.integers(n_items, size=length + n_lists)
        for row in rows[:length].tolist():
            recommender.observe(contents.items.item_id[row])
        for last in range(length, length + n_lists):
            item_id, past = contents.items.item_id[int(rows[last])], rows[last - length : last]
            vectors = contents.codes.decode(past)
            _add(times, "encoder, ms", partial(engines.encode, vectors))
            _add(times, "scores and top ten, ms", partial(_ranked, contents, engines, engines.encode(vectors), past))
            observed = _add(times, "observe, ms", partial(recommender.observe, item_id))
            listed = _add(times, "recommend(10), ms", recommender.recommend)
            times.setdefault("observe and recommend(10), ms", []).append(observed + listed)
    return {name: _summary(values) for name, values in times.items()}


def _ranked(contents: "Contents", engines: "EngineCandidates", state: "Floats | None", past: "Rows") -> "Rows":
    """Return the ten best rows after a state and a history."""
    from edge_runtime.ranking import best_rows
    from edge_runtime.transitions import combined_scores

    scores = combined_scores(contents.codes, state, engines.transitions, past)
    if scores is None:
        raise RuntimeError("the bundle has neither a usable engine nor transitions")
    return best_rows(scores, 10, past)


def _started(bundle: str, engine: str) -> dict[str, float]:
    """Return time and memory of this process, which has imported nothing yet."""
    started, processor = time.perf_counter(), time.process_time()
    from edge_runtime import Recommender

    imported = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, Recommender.open(bundle, Path(folder) / "s", engine=engine) as opened:
        ended, used = time.perf_counter(), time.process_time() - processor
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        if opened.engine.name != engine:
            raise RuntimeError(f"the bundle runs on {opened.engine.name}, expected {engine}")
    return {
        "import, ms": 1000 * (imported - started),
        "import and open, ms": 1000 * (ended - started),
        "import and open, processor ms": 1000 * used,
        "resident, MB": int(status["VmRSS"].split()[0]) * 1024 / 1e6,
        "peak, MB": int(status["VmHWM"].split()[0]) * 1024 / 1e6,
    }


def _add(times: dict[str, list[float]], name: str, call: Callable[[], object]) -> float:
    """Add the milliseconds of a call, and return them."""
    started = time.perf_counter()
    call()
    times.setdefault(name, []).append(1000 * (time.perf_counter() - started))
    return times[name][-1]


def _summary(values: list[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[int(0.95 * len(ordered))]


if __name__ == "__main__":
    main()
