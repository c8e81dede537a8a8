"""Compares the sizes of a bundle with the budgets of its target."""

from collections import defaultdict
from dataclasses import dataclass

from edge_runtime.bundle.manifest import Manifest
from edge_runtime.probe.target import Budgets
from export.errors import BudgetError

RANKING, BUNDLE = "ranking_bytes", "bundle_bytes"
PEAK_MEMORY, P95 = "peak_memory_bytes", "p95_us"
_PART = "part:"

_ADVICE = {
    RANKING: "Distil with shorter codes or fewer of them, or give this target a larger `ranking_bytes`.",
    BUNDLE: "Leave out what the bundle has of a language model, pictures or engines, or raise `bundle_bytes`.",
    "language_model": "Choose a smaller model or quantization, or none.",
    "pictures": "Lower `side_pixels`, `quality` or `bytes` of the target's pictures.",
    "items": "Shorten titles and facts in the catalogue.",
}


@dataclass(frozen=True, slots=True)
class BudgetCheck:
    """One budget: the actual and the allowed size in bytes."""

    name: str
    actual: int
    allowed: int

    @property
    def passed(self) -> bool:
        """Whether the size is within the budget."""
        return self.actual <= self.allowed


def manifest_budgets(budgets: Budgets, n_items: int, *, transitions: int = 0) -> dict[str, int]:
    """Return the limits as stored in a manifest: those of SPEC section 2.

    Args:
        budgets: of the target.
        n_items: number of items.
        transitions: bytes that the target allows for transitions, in addition to the other files for ranking.
    """
    limits = {RANKING: budgets.ranking_limit(n_items) + transitions, BUNDLE: budgets.bundle_bytes}
    if budgets.peak_memory_bytes is not None:
        limits[PEAK_MEMORY] = budgets.peak_memory_bytes
    if budgets.p95_ms is not None:
        limits[P95] = round(1000 * budgets.p95_ms)
    return limits | {f"{_PART}{role}": limit for role, limit in sorted(budgets.parts.items())}


def bytes_by_role(manifest: Manifest) -> dict[str, int]:
    """Return the bytes of each part of a bundle by role, in descending order."""
    sizes: dict[str, int] = defaultdict(int)
    for entry in manifest.files:
        sizes[entry.role] += entry.bytes
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))


def check_each_budget(manifest: Manifest) -> list[BudgetCheck]:
    """Return the check of each size in the manifest; budgets that this version does not support are skipped."""
    sizes = bytes_by_role(manifest)
    checks = []
    for name, allowed in manifest.budgets.items():
        if name == RANKING:
            checks.append(BudgetCheck(name, manifest.ranking_bytes, allowed))
        elif name == BUNDLE:
            checks.append(BudgetCheck(name, manifest.bundle_bytes, allowed))
        elif name.startswith(_PART):
            checks.append(BudgetCheck(name, sizes.get(name.removeprefix(_PART), 0), allowed))
    return checks


def check_budgets(manifest: Manifest) -> None:
    """Check all budgets in the manifest.

    Raises:
        BudgetError: some budgets are exceeded; the message has the excess of each and what to do.
    """
    exceeded = [budget_failure(check, manifest.target) for check in check_each_budget(manifest) if not check.passed]
    if exceeded:
        raise BudgetError("\n".join([*exceeded, _largest_files(manifest)]))


def _largest_files(manifest: Manifest) -> str:
    largest = sorted(manifest.files, key=lambda one: -one.bytes)[:3]
    return "The largest files are " + ", ".join(f"{one.name} ({one.bytes:,} bytes)" for one in largest) + "."


def budget_failure(check: BudgetCheck, target: str) -> str:
    """Return the message for an exceeded budget: by how much, and what to do."""
    advice = _ADVICE.get(check.name.removeprefix(_PART), f"Raise `{check.name}` in the target.")
    over = check.actual - check.allowed
    return (
        f"{target}: {check.name} is {check.actual:,} bytes, {over:,} over the {check.allowed:,} that the target "
        f"allows. {advice}"
    )
