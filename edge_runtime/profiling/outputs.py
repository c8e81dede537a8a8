"""Checks what was timed: a fast wrong list is worth nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_runtime.engines.candidates import MIN_TRANSITIONS_OVERLAP
from edge_runtime.engines.protocol import Floats
from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.report import Outputs
from edge_runtime.profiling.variants import Instance, Variant, engine_variants


@dataclass(slots=True)
class OutputCheck:
    """Compares the lists of one variant with expected ones.

    Attributes:
        variant: the variant.
        against: what the expected lists come from.
        least: least mean overlap.
        expected: by history.
    """

    variant: str
    against: str
    least: float
    expected: dict[Ids, frozenset[str]]
    overlaps: list[float] = field(default_factory=list)
    finite: bool = True

    def add_list(self, history: Ids, items: Sequence[str]) -> None:
        """Compare one list."""
        expected = self.expected[history]
        self.overlaps.append(len(expected.intersection(items)) / len(expected) if expected else 1.0)

    def add_state(self, state: Floats) -> None:
        """Check one state of the encoder."""
        self.finite = self.finite and bool(np.isfinite(state).all())

    def result(self) -> Outputs:
        """Return the entry of the report; it fails without lists."""
        overlap = sum(self.overlaps) / len(self.overlaps) if self.overlaps else 0.0
        passed = self.finite and bool(self.overlaps) and overlap >= self.least
        return Outputs(self.variant, self.against, len(self.overlaps), overlap, self.least, self.finite, passed)


def output_check(variant: Variant, histories: Sequence[Ids]) -> OutputCheck:
    """Return a check against the engine of the bundle that needs no library, or else one instance that is not timed.

    Every instance has reproduced the golden vectors when it opened.
    """
    others = [one for one in engine_variants(variant.folder) if one.engine and one.engine.engine == "reference"]
    judge = Instance.open(others[0] if others else variant, None)
    try:
        expected = {one: frozenset(judge.recommend(one)) for one in histories}
    finally:
        judge.close()
    allowed = [one.engine.min_overlap for one in (variant, judge.variant) if one.engine is not None]
    least = min(allowed, default=MIN_TRANSITIONS_OVERLAP)
    return OutputCheck(variant.name, f"{judge.variant.asked}, not timed", least, expected)
