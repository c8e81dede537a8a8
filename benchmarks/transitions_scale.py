"""Time and peak memory of the transitions expert for a large log: counting, and ranking a sample of users.

Items follow a Zipf law, and every second event is one of a few fixed followers of the one before.

Usage: python -m benchmarks.transitions_scale [--items 100000] [--events 10000000] [--users 512] [--json]
"""

import argparse
import json
import resource
import sys
import time

import numpy as np
from numpy.typing import NDArray

from train.transitions.expert import ExpertConfig, Queries, Similarities, TransitionsExpert
from train.transitions.graph import GraphConfig, transition_counts

_LENGTH = 50
_FOLLOWERS = 20
_WIDTH = 64


def made_log(n_items: int, n_events: int, seed: int = 0) -> NDArray[np.int32]:
    """Return users with 50 events each, ``[users, 50]``."""
    random = np.random.default_rng(seed)
    n_users = n_events // _LENGTH
    share = 1.0 / np.arange(1, n_items + 1)
    drawn = random.choice(n_items, size=(n_users, _LENGTH), p=share / share.sum()).astype(np.int32)
    followers = random.integers(n_items, size=(n_items, _FOLLOWERS), dtype=np.int32)
    for position in range(1, _LENGTH):
        followed = random.random(n_users) < 0.5
        before = drawn[followed, position - 1]
        drawn[followed, position] = followers[before, random.integers(_FOLLOWERS, size=len(before))]
    return drawn


def measure(n_items: int, n_events: int, n_users: int) -> dict[str, float]:
    """Return seconds and the peak memory of this process in MiB, of which ``log_mib`` are those before counting."""
    log = made_log(n_items, n_events)
    rows, users = log.reshape(-1), np.repeat(np.arange(len(log), dtype=np.int32), _LENGTH)
    before = _peak_mib()
    started = time.perf_counter()
    config = ExpertConfig(graph=GraphConfig())
    counts = transition_counts(rows, users, n_items, config.graph)
    counted = time.perf_counter()
    texts = np.random.default_rng(1).normal(size=(n_items, _WIDTH)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    expert = TransitionsExpert(counts, config, Similarities(texts))
    ranking = time.perf_counter()
    scores = expert.log_scores(Queries.of(list(log[:n_users])))
    ended = time.perf_counter()
    if not np.isfinite(scores).all():
        raise ValueError("the expert returned scores that are not finite")
    return {
        "n_items": n_items,
        "n_events": n_events,
        "n_entries": int(counts.nnz),
        "count_seconds": round(counted - started, 1),
        "ms_per_user": round(1000 * (ended - ranking) / n_users, 2),
        "log_mib": round(before),
        "peak_mib": round(_peak_mib()),
    }


def _peak_mib() -> float:
    per_mib = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mib


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--users", type=int, default=512)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.items, arguments.events, arguments.users)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name}: {value:,}")


if __name__ == "__main__":
    main()
