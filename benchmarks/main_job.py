"""Runs the main job on a real data folder, and writes its figures to a JSON file with all details to reproduce them.

python -m benchmarks.main_job --data ../shared/data/beauty --out build/bench
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

from export.demo import print_figures, run_steps
from export.steps import Steps
from train.suites.origin import commit

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the main job, print its table, and write ``benchmarks/results/main-job-NAME.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    options = parser.parse_args()
    start = time.perf_counter()
    figures = run_steps(Steps(options.out), options.data, language_model=True)
    print_figures(figures, options.out)
    # The path is local; name and digest identify the data.
    published = {name: value for name, value in figures.items() if name != "data"}
    about = {
        "command": f"python -m benchmarks.main_job --data {options.data.name}",
        "seed": 0,
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(time.perf_counter() - start, 1),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()},
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"main-job-{figures['data_name']}.json"
    path.write_text(json.dumps(about | published, indent=2) + "\n", "utf-8")
    print(f"Results: {path}")


def _processor() -> str:
    """Return the name of the processor on Linux, the architecture elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
