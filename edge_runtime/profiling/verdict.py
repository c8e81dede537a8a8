"""The verdict on a whole profile."""

from collections.abc import Sequence
from typing import Final

from edge_runtime.profiling.precision import WAITS, WIDEST, decisive, most_uncertain, width
from edge_runtime.profiling.report import Outputs, Ratio, Row, Verdict
from edge_runtime.profiling.rows import BUSY

MOST_OTHERS: Final = 0.2
"""Of all processors: a desktop at rest does not reach it, and one busy process on four processors does."""


def overall(
    rows: Sequence[Row],
    outputs: Sequence[Outputs],
    failures: Sequence[str],
    others: float | None = None,
    compared: Sequence[Ratio] = (),
) -> Verdict:
    """Return the verdict: the worst of all rows and checks, with one reason of each kind.

    Args:
        rows: all rows.
        outputs: the checks of what was timed.
        failures: engines that failed.
        others: share of all processors that other processes used meanwhile, if known.
        compared: the ratios of two bundles, which are then judged instead of the medians of the rows.
    """
    wrong = [*failures, *(_wrong(one) for one in outputs if not one.passed)]
    few = [f"{one.variant}, {one.step}: {'; '.join(one.verdict.reasons)}" for one in rows if _is_invalid(one)]
    if wrong or few:
        return Verdict("invalid", (*wrong, *few))
    differing = _wide(compared) if compared else _uncertain(rows)
    noise = [*busy_reasons(others), *_busy(rows), *differing]
    return Verdict("noisy" if noise else "valid", tuple(noise))


def busy_reasons(others: float | None) -> list[str]:
    """Return a reason if other processes used too large a share of all processors."""
    if others is None or others <= MOST_OTHERS:
        return []
    return [f"the machine was busy: other processes used {others:.0%} of its processors"]


def notes(rows: Sequence[Row], compared: Sequence[Ratio]) -> list[str]:
    """Return what a reader of a comparison should know about its times, which the verdict is not about."""
    return [f"{reason}. The ratios are of pairs, and known better" for reason in _uncertain(rows)] if compared else []


def _busy(rows: Sequence[Row]) -> list[str]:
    """Return how long work had to wait, at worst."""
    found = [
        (row.wall_by_cpu, row.step)
        for row in rows
        if row.wall_by_cpu is not None and row.wall_by_cpu > BUSY and row.step not in WAITS
    ]
    return _worst("the machine was busy: wall time up to {:.2f} times CPU time", found, f"{len(rows)} rows")


def _uncertain(rows: Sequence[Row]) -> list[str]:
    """Return how little is known about the median of a row, at worst."""
    found = [
        (row.uncertainty, row.step)
        for row in rows
        if row.uncertainty is not None and row.uncertainty > most_uncertain(row.step)
    ]
    return _worst("rounds of equal work differ: medians are known to within {:.0%} only", found, f"{len(rows)} rows")


def _wide(compared: Sequence[Ratio]) -> list[str]:
    """Return how wide the interval of a ratio is, at worst."""
    ratios = decisive(compared)
    found = [(width(one), one.step) for one in ratios if width(one) > WIDEST]
    return _worst("intervals of ratios are up to {:.0%} wide", found, f"{len(ratios)} ratios")


def _worst(text: str, found: Sequence[tuple[float, str]], among: str) -> list[str]:
    """Return a reason with the largest value, and how many there are; none if there are none."""
    if not found:
        return []
    value, step = max(found)
    return [f"{text.format(value)} ({len(found)} of {among}, most of all {step!r})"]


def _is_invalid(row: Row) -> bool:
    return row.verdict.state == "invalid"


def _wrong(check: Outputs) -> str:
    if not check.finite:
        return f"{check.variant}: a state is not finite"
    return (
        f"{check.variant}: its lists have {check.overlap:.4f} of the items of {check.against}, "
        f"expected at least {check.least:.4f}"
    )
