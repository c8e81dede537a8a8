"""Two clocks: wall time, which a user waits, and CPU time of the calling thread, which others hardly change."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final, TypeVar

T = TypeVar("T")

FINE_S: Final = 1e-6
HAS_CPU_CLOCK: Final = time.get_clock_info("thread_time").resolution <= FINE_S
"""Whether the CPU clock resolves single steps; on Windows it does not."""


@dataclass(slots=True)
class Samples:
    """Milliseconds of one step of one variant: one list a round, in the order of the histories."""

    wall: list[list[float]] = field(default_factory=list)
    cpu: list[list[float]] = field(default_factory=list)

    def all_wall(self) -> list[float]:
        """Return the wall times of all rounds."""
        return list(chain.from_iterable(self.wall))

    def all_cpu(self) -> list[float]:
        """Return the CPU times of all rounds."""
        return list(chain.from_iterable(self.cpu))

    def add_round(self, times: Sequence[tuple[float, float]]) -> None:
        """Add wall and CPU times of one round."""
        self.wall.append([wall for wall, _ in times])
        self.cpu.append([cpu for _, cpu in times])


def timed(function: Callable[[], T]) -> tuple[T, float, float]:
    """Call a function; return its result, and milliseconds of wall and CPU time."""
    cpu = time.thread_time_ns()
    wall = time.perf_counter_ns()
    value = function()
    wall = time.perf_counter_ns() - wall
    cpu = time.thread_time_ns() - cpu
    return value, wall / 1e6, cpu / 1e6


def clock_ns(tries: int = 1000) -> float:
    """Return the nanoseconds of wall time that :func:`timed` adds to what it measures."""
    return sorted(timed(_nothing)[1] for _ in range(tries))[tries // 2] * 1e6


def _nothing() -> None:
    pass
