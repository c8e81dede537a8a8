"""Compares a profile with the budgets of the bundle's target that only a running device can check."""

from collections.abc import Sequence
from typing import Final

from edge_runtime.bundle.manifest import Manifest
from edge_runtime.profiling.report import BudgetCheck, Memory, Row
from edge_runtime.profiling.steps import LIST

PEAK_MEMORY: Final = "peak_memory_bytes"
LATENCY: Final = "p95_us"
_DISTURBED: Final = "the run was disturbed: measure again on a quiet machine"


def budget_checks(
    manifest: Manifest, variant: str, rows: Sequence[Row], memory: Sequence[Memory], machine: str, *, busy: bool
) -> tuple[BudgetCheck, ...]:
    """Return the checks of one variant, the bundle's first usable engine; budgets that the manifest lacks are left out.

    Other machines than those of the target decide nothing. A disturbed run may show that the latency is kept, never
    that it is exceeded.

    Args:
        manifest: of the bundle.
        variant: name of the variant.
        rows: of the profile.
        memory: of the profile.
        machine: name of this machine's processor.
        busy: whether other processes used too much of it.
    """
    elsewhere = None
    if manifest.machines and machine not in manifest.machines:
        elsewhere = f"the budget is for {', '.join(manifest.machines)}, and this machine is {machine}"
    peak = next((one.peak for one in memory if one.variant == variant), None)
    row = next((one for one in rows if (one.step, one.variant) == (LIST, variant)), None)
    p95_us = None if row is None or row.wall_ms.p95 is None else 1000 * row.wall_ms.p95
    disturbed = _DISTURBED if busy or (row is not None and row.verdict.state != "valid") else None
    found = (
        _check(manifest, PEAK_MEMORY, peak, elsewhere, None),
        _check(manifest, LATENCY, p95_us, elsewhere, disturbed),
    )
    return tuple(one for one in found if one is not None)


def _check(
    manifest: Manifest, name: str, actual: float | None, elsewhere: str | None, disturbed: str | None
) -> BudgetCheck | None:
    allowed = manifest.budgets.get(name)
    if allowed is None or actual is None:
        return None
    is_kept = actual <= allowed
    note = elsewhere or (None if is_kept else disturbed)
    return BudgetCheck(name, actual, allowed, is_kept if note is None else None, note)
