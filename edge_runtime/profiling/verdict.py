"""The verdict on a whole profile."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from edge_runtime.profiling.report import Outputs, Row, Verdict
from edge_runtime.profiling.rows import BUSY, WAITS, most_uncertain

MOST_OTHERS: Final = 0.25
"""Of all processors: half of a processor on a small machine, which a desktop at rest does not reach."""


def overall(
    rows: Sequence[Row], outputs: Sequence[Outputs], failures: Sequence[str], others: float | None = None
) -> Verdict:
    """Return the verdict: the worst of all rows and checks, with one reason of each kind.

    Args:
        rows: all rows.
        outputs: the checks of what was timed.
        failures: engines that failed.
        others: share of all processors that other processes used meanwhile, if known.
    """
    wrong = [*failures, *(_wrong(one) for one in outputs if not one.passed)]
    few = [f"{one.variant}, {one.step}: {'; '.join(one.verdict.reasons)}" for one in rows if _is_invalid(one)]
    if wrong or few:
        return Verdict("invalid", (*wrong, *few))
    noise = [*busy_reasons(others), *_noise(rows)]
    return Verdict("noisy" if noise else "valid", tuple(noise))


def busy_reasons(others: float | None) -> list[str]:
    """Return a reason if other processes used too large a share of all processors."""
    if others is None or others <= MOST_OTHERS:
        return []
    return [f"the machine was busy: other processes used {others:.0%} of its processors"]


def _noise(rows: Sequence[Row]) -> list[str]:
    """Return the worst case of each kind of disturbance, and how many rows have it."""
    worst: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        if row.wall_by_cpu is not None and row.wall_by_cpu > BUSY and row.step not in WAITS:
            worst["the machine was busy: wall time up to {:.2f} times CPU time"].append((row.wall_by_cpu, row.step))
        if row.uncertainty is not None and row.uncertainty > most_uncertain(row.step):
            worst["rounds of equal work differ: medians are known to within {:.0%} only"].append(
                (row.uncertainty, row.step)
            )
    return [
        f"{text.format(max(found)[0])} ({len(found)} of {len(rows)} rows, most of all {max(found)[1]!r})"
        for text, found in worst.items()
    ]


def _is_invalid(row: Row) -> bool:
    return row.verdict.state == "invalid"


def _wrong(check: Outputs) -> str:
    if not check.finite:
        return f"{check.variant}: a state is not finite"
    return (
        f"{check.variant}: its lists have {check.overlap:.4f} of the items of {check.against}, "
        f"expected at least {check.least:.4f}"
    )
