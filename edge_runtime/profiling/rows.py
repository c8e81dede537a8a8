"""Rows of the report from samples, each with its verdict."""

from collections.abc import Mapping, Sequence
from typing import Final

from edge_runtime.profiling.clocks import HAS_CPU_CLOCK, Samples
from edge_runtime.profiling.limits import Peaks, Work
from edge_runtime.profiling.precision import WAITS, most_uncertain
from edge_runtime.profiling.report import Distribution, Limit, Phase, Ratio, Row, Verdict
from edge_runtime.profiling.statistics import (
    CONFIDENCE,
    MIN_RUNS,
    drift,
    median,
    percentile,
    ratio_interval,
    round_levels,
    uncertainty,
)

BUSY: Final = 1.2
"""Wall time above this many times the CPU time: the thread waited for a processor that others used."""


def distribution(times: Sequence[float]) -> Distribution:
    """Return minimum, median and the percentiles that the runs permit."""
    return Distribution(
        len(times), min(times), median(times), *(percentile(times, share) for share in (0.9, 0.95, 0.99))
    )


def repeated_row(phase: Phase, step: str, variant: str, samples: Samples, limit: Limit | None) -> Row:
    """Return the row of a step that was repeated in every round.

    Args:
        phase: of the step.
        step: its name.
        variant: bundle and engine.
        samples: all times.
        limit: its physical limit.
    """
    wall, cpu = samples.all_wall(), samples.all_cpu()
    levels = round_levels(samples.wall)
    by_cpu = sum(wall) / sum(cpu) if HAS_CPU_CLOCK and sum(cpu) > 0 else None
    unsure = uncertainty(levels)
    noise = [*([] if step in WAITS else _busy(by_cpu)), *_unsteady(step, unsure)]
    return Row(
        phase=phase,
        step=step,
        variant=variant,
        wall_ms=distribution(wall),
        cpu_ms=distribution(cpu) if HAS_CPU_CLOCK else None,
        seconds=sum(wall) / 1000,
        wall_by_cpu=by_cpu,
        drift=drift(levels),
        uncertainty=unsure,
        limit=limit,
        no_limit=None if limit else "unknown",
        verdict=_verdict(len(wall), noise),
    )


def single_row(
    phase: Phase,
    step: str,
    variant: str,
    times: Sequence[Sequence[float]],
    limit: Limit | None,
    no_limit: str | None,
) -> Row:
    """Return the row of a step that happens once in a process; ``times`` has wall and, if known, CPU time of each.

    A step of a fraction of a millisecond that had to wait once would outweigh all others in a total, so the middle one
    of the processes says how busy the machine was.
    """
    wall = [one[0] for one in times]
    cpu = [one[1] for one in times if len(one) > 1]
    by_cpu = median([one[0] / one[1] for one in times]) if HAS_CPU_CLOCK and cpu and min(cpu) > 0 else None
    return Row(
        phase=phase,
        step=step,
        variant=variant,
        wall_ms=distribution(wall),
        cpu_ms=distribution(cpu) if HAS_CPU_CLOCK and cpu else None,
        seconds=sum(wall) / 1000,
        wall_by_cpu=by_cpu,
        drift=None,
        uncertainty=None,
        limit=limit,
        no_limit=no_limit,
        verdict=_verdict(len(wall), _busy(by_cpu)),
    )


def ratios(samples: Mapping[tuple[str, str], Samples], variants: Sequence[str], seed: int) -> list[Ratio]:
    """Return the ratios of every variant to the first, by step and clock; that of CPU times is disturbed least."""
    found = []
    against = variants[0]
    for step in dict.fromkeys(step for step, _ in samples):
        for variant in variants[1:]:
            pair = samples.get((step, variant)), samples.get((step, against))
            if pair[0] is None or pair[1] is None:
                continue
            if HAS_CPU_CLOCK:
                rounds = _paired(pair[0].cpu, pair[1].cpu)
                found.append(_ratio(step, variant, against, rounds, seed, is_cpu=True))
            found.append(_ratio(step, variant, against, _paired(pair[0].wall, pair[1].wall), seed, is_cpu=False))
    return found


def limit_of(peaks: Peaks | None, work: Work | None, median_ms: float) -> Limit | None:
    """Return the limit of a step with this median; None without peaks or work."""
    return None if peaks is None or work is None else peaks.limit(work, median_ms)


def _ratio(step: str, variant: str, against: str, rounds: list[list[float]], seed: int, *, is_cpu: bool) -> Ratio:
    found = ratio_interval(rounds, seed)
    return Ratio(
        step=step,
        variant=variant,
        against=against,
        clock="thread CPU" if is_cpu else "wall",
        pairs=sum(map(len, rounds)),
        rounds=len(rounds),
        median=found.median,
        low=found.low,
        high=found.high,
        confidence=CONFIDENCE,
    )


def _paired(times: list[list[float]], against: list[list[float]]) -> list[list[float]]:
    return [[one / other for one, other in zip(*pair, strict=True)] for pair in zip(times, against, strict=True)]


def _verdict(n_runs: int, noise: Sequence[str]) -> Verdict:
    least = MIN_RUNS[0.5]
    if n_runs < least:
        return Verdict("invalid", (f"{n_runs} runs, a median needs {least}",))
    return Verdict("noisy" if noise else "valid", tuple(noise))


def _busy(by_cpu: float | None) -> list[str]:
    if by_cpu is None or by_cpu <= BUSY:
        return []
    return [f"the machine was busy: wall time is {by_cpu:.2f} times CPU time"]


def _unsteady(step: str, unsure: float) -> list[str]:
    if unsure <= most_uncertain(step):
        return []
    return [f"rounds of equal work differ: the median is known to within {unsure:.0%} only"]
