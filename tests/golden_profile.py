"""The cases of `tests/golden/profile.json`: statistics of a profile, equal in Python and on the page.

After a deliberate change, regenerate them with ``python -m tests.golden_profile`` and review the diff.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.profiling.statistics import (
    MIN_RUNS,
    drift,
    percentile,
    ratio_interval,
    round_levels,
    uncertainty,
)

PATH = Path(__file__).parent / "golden" / "profile.json"
ABOUT = (
    "Statistics of a profile in Python and on the page. percentiles: times, and the percentiles that they permit, null "
    "with too few; intervals: the ratios of each round, a seed, the median and its interval; rounds: times of the same "
    "work in each round, the level of each round, how uncertain their median is, and their drift."
)
RUNS = (1, 2, 10, 11, 63, 64, 129, 130, 661, 662)
SHAPES = ((1, 11, 0), (3, 1, 1), (4, 5, 7), (12, 8, 42))  # rounds, pairs, seed


def make_golden() -> dict[str, Any]:
    """Return the content of the file."""
    random = np.random.default_rng(0)
    return {
        "about": ABOUT,
        "min_runs": {str(share): runs for share, runs in MIN_RUNS.items()},
        "percentiles": [_percentiles(_times(random, runs)) for runs in RUNS],
        "intervals": [_interval(random, *shape) for shape in SHAPES],
        "rounds": [_rounds(random, n_rounds, spread) for n_rounds, spread in ((2, 0.0), (5, 0.01), (12, 0.3))],
    }


def _times(random: np.random.Generator, n: int) -> list[float]:
    return [round(float(time), 3) for time in random.lognormal(0, 0.5, n)]


def _percentiles(times: list[float]) -> dict[str, Any]:
    return {"times": times, "expected": {str(share): percentile(times, share) for share in MIN_RUNS}}


def _interval(random: np.random.Generator, n_rounds: int, n_pairs: int, seed: int) -> dict[str, Any]:
    rounds = [_times(random, n_pairs) for _ in range(n_rounds)]
    found = ratio_interval(rounds, seed)
    return {"rounds": rounds, "seed": seed, "median": found.median, "low": found.low, "high": found.high}


def _rounds(random: np.random.Generator, n_rounds: int, spread: float) -> dict[str, Any]:
    times = [[round(float(work * (1 + spread * random.random())), 4) for work in (1, 3, 8)] for _ in range(n_rounds)]
    levels = round_levels(times)
    return {"times": times, "levels": levels, "uncertainty": uncertainty(levels), "drift": drift(levels)}


if __name__ == "__main__":
    PATH.write_text(json.dumps(make_golden(), separators=(",", ":")) + "\n", encoding="utf-8")
