"""Measures what this machine can do at most, in a process of its own with one thread.

Request: ``{"folder": path}``. Answer: the fields of :class:`edge_runtime.profiling.limits.Peaks`.
"""

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

SIZES: Final = tuple(1 << power for power in (16, 18, 20, 22, 24, 26))
"""Bytes of the arrays that are read, from the inner caches to the memory."""

_SIDE: Final = 512
_TRIES: Final = 15
_LEAST_NS: Final = 300_000  # of one try, so that the clock does not matter
_FLUSHES: Final = 11


def main() -> None:
    """Measure, and print one JSON object."""
    folder = Path(json.load(sys.stdin)["folder"])
    peaks = {
        "read_bytes_per_s": {str(size): size / _seconds(_reader(size)) for size in SIZES},
        "operations_per_s": 2 * _SIDE**3 / _seconds(_product()),
        "digest_bytes_per_s": (1 << 20) / _seconds(_digest()),
        "disk_flush_ms": _flush_ms(folder),
    }
    sys.stdout.write(json.dumps(peaks))


def _reader(size: int) -> Callable[[], object]:
    values = np.ones(size // 4, dtype=np.float32)
    return lambda: np.dot(values, values)


def _product() -> Callable[[], object]:
    matrix = np.full((_SIDE, _SIDE), 0.5, dtype=np.float32)
    out = np.empty_like(matrix)
    return lambda: np.matmul(matrix, matrix, out=out)


def _digest() -> Callable[[], object]:
    data = bytes(1 << 20)
    return lambda: hashlib.sha256(data).digest()


def _seconds(work: Callable[[], object]) -> float:
    """Return the seconds of the fastest try."""
    work()
    repeats = 1
    while _nanoseconds(work, repeats) < _LEAST_NS:
        repeats *= 2
    return min(_nanoseconds(work, repeats) for _ in range(_TRIES)) / repeats / 1e9


def _nanoseconds(work: Callable[[], object], repeats: int) -> int:
    begun = time.perf_counter_ns()
    for _ in range(repeats):
        work()
    return max(1, time.perf_counter_ns() - begun)


def _flush_ms(folder: Path) -> float:
    """Return the least milliseconds until 4 KiB are on the disk of a folder."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as stream:
        for _ in range(_FLUSHES):
            begun = time.perf_counter_ns()
            stream.write(bytes(4096))
            stream.flush()
            os.fsync(stream.fileno())
            times.append(time.perf_counter_ns() - begun)
    return min(times) / 1e6


if __name__ == "__main__":
    main()
