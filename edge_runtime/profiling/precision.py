"""How well figures must be known: the times of one bundle by their medians, a comparison by its ratios.

Other virtual machines on the same cores change the speed of a shared machine by a third from one ten seconds to the
next, even if it is at rest itself. This changes the times of both bundles alike and leaves their ratio as it is, so a
comparison is valid without times that hold.
"""

from collections.abc import Sequence
from typing import Final

from edge_runtime.profiling.report import Ratio
from edge_runtime.profiling.steps import OBSERVE

WAITS: Final = frozenset({OBSERVE})
"""Steps that wait for the disk, so that their wall time may exceed their CPU time."""

MOST_UNCERTAIN: Final = 0.1
"""Of the median time, as a share: runs on a quiet core stay below 0.05, disturbed ones reach 0.2 to 0.5."""

MOST_UNCERTAIN_WAIT: Final = 0.25
"""Of a step that waits for the disk: 0.1 to 0.15 where nobody else writes, above 1 where somebody does."""

WIDEST: Final = 0.1
"""Of the interval of a ratio, by the ratio: equal bundles have 0.01 to 0.1 in twelve rounds."""


def most_uncertain(step: str) -> float:
    """Return how uncertain the median of a step may be in a valid row."""
    return MOST_UNCERTAIN_WAIT if step in WAITS else MOST_UNCERTAIN


def decisive(ratios: Sequence[Ratio]) -> list[Ratio]:
    """Return the ratios of CPU times; those of wall times where the platform has no such clock."""
    return [one for one in ratios if one.clock == "thread CPU"] or list(ratios)


def width(ratio: Ratio) -> float:
    """Return how wide the interval of a ratio is, as a share of the ratio."""
    return (ratio.high - ratio.low) / ratio.median
