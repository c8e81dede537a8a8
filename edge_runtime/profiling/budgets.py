"""Compares a profile with the budgets of the bundle's target that only a running device can check."""

from collections.abc import Sequence
from typing import Final

from edge_runtime.bundle.manifest import Manifest
from edge_runtime.profiling.report import BudgetCheck, Memory, Row
from edge_runtime.profiling.steps import LIST

PEAK_MEMORY: Final = "peak_memory_bytes"
LATENCY: Final = "p95_us"


def budget_checks(
    manifest: Manifest, variant: str, rows: Sequence[Row], memory: Sequence[Memory]
) -> tuple[BudgetCheck, ...]:
    """Return the checks of one variant, the bundle's first usable engine; budgets that the manifest lacks are left out.

    A disturbed run may show that a budget is kept, never that it is exceeded.
    """
    checks = []
    allowed = manifest.budgets.get(PEAK_MEMORY)
    peak = next((one.peak for one in memory if one.variant == variant), None)
    if allowed is not None and peak is not None:
        checks.append(BudgetCheck(PEAK_MEMORY, peak, allowed, peak <= allowed))
    allowed = manifest.budgets.get(LATENCY)
    row = next((one for one in rows if (one.step, one.variant) == (LIST, variant)), None)
    if allowed is not None and row is not None and row.wall_ms.p95 is not None:
        actual = 1000 * row.wall_ms.p95
        is_disturbed = row.verdict.state != "valid" and actual > allowed
        note = "the run was disturbed: measure again on a quiet machine" if is_disturbed else None
        checks.append(BudgetCheck(LATENCY, actual, allowed, None if is_disturbed else actual <= allowed, note))
    return tuple(checks)
