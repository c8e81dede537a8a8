"""Holds a bundle against the budgets of its target."""

from collections import defaultdict
from dataclasses import dataclass

from edge_runtime.bundle.manifest import Manifest
from export.errors import BudgetError
from export.target import Budgets

RANKING, BUNDLE = "ranking_bytes", "bundle_bytes"
_PART = "part:"

_ADVICE = {
    RANKING: "Distil with shorter codes or fewer of them, or give this target a larger `ranking_bytes`.",
    BUNDLE: "Leave out the language model (--no-language-model) or pictures, or raise `bundle_bytes`.",
    "language_model": "Choose a smaller model or quantization, or --no-language-model.",
    "pictures": "Lower `side_pixels`, `quality` or `bytes` of the target's pictures.",
    "items": "Shorten titles and facts in the catalogue.",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One budget: what was found, and what is allowed, in bytes."""

    name: str
    found: int
    allowed: int

    @property
    def kept(self) -> bool:
        """Return whether the budget holds."""
        return self.found <= self.allowed


def manifest_budgets(budgets: Budgets, n_items: int) -> dict[str, int]:
    """Return the limits as a manifest holds them: ``ranking_bytes``, ``bundle_bytes`` and one ``part:{role}`` each."""
    limits = {RANKING: budgets.ranking_limit(n_items), BUNDLE: budgets.bundle_bytes}
    return limits | {f"{_PART}{role}": limit for role, limit in sorted(budgets.parts.items())}


def bytes_by_role(manifest: Manifest) -> dict[str, int]:
    """Return the bytes of each part of a bundle, by role, the largest first."""
    sizes: dict[str, int] = defaultdict(int)
    for entry in manifest.files:
        sizes[entry.role] += entry.bytes
    return dict(sorted(sizes.items(), key=lambda pair: -pair[1]))


def budget_lines(manifest: Manifest) -> list[Line]:
    """Return each budget of the manifest with what was found; those that this version does not know are left out."""
    sizes = bytes_by_role(manifest)
    lines = []
    for name, allowed in manifest.budgets.items():
        if name == RANKING:
            lines.append(Line(name, manifest.ranking_bytes, allowed))
        elif name == BUNDLE:
            lines.append(Line(name, manifest.bundle_bytes, allowed))
        elif name.startswith(_PART):
            lines.append(Line(name, sizes.get(name.removeprefix(_PART), 0), allowed))
    return lines


def budget_complaints(manifest: Manifest) -> list[str]:
    """Return a sentence for each broken budget: by how much, and what to do."""
    return [_complaint(line, manifest.target) for line in budget_lines(manifest) if not line.kept]


def check_budgets(manifest: Manifest) -> None:
    """Hold a bundle against the budgets in its manifest.

    Raises:
        BudgetError: which are broken, by how much, and what to do.
    """
    broken = budget_complaints(manifest)
    if broken:
        raise BudgetError("\n".join(broken))


def _complaint(line: Line, target: str) -> str:
    advice = _ADVICE.get(line.name.removeprefix(_PART), f"Raise `{line.name}` in the target.")
    over = line.found - line.allowed
    return (
        f"{target}: {line.name} is {line.found:,} bytes, {over:,} over the {line.allowed:,} that the target allows. "
        f"{advice}"
    )
