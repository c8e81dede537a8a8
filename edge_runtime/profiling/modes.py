"""How much a profile measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal

from edge_runtime.profiling.steps import LIST, STEPS

ModeName = Literal["quick", "normal", "sustained"]


@dataclass(frozen=True, slots=True)
class Mode:
    """How much is measured.

    Attributes:
        histories: at most, each once in every round.
        observed: of these, recorded event by event.
        rounds: at least; every round opens all variants anew.
        runs: of each step, at least.
        seconds: of all rounds, at least.
        starts: processes of their own for each variant that is started.
        all_start: whether all variants are started, or the first of each bundle only.
        prompts: of the language model.
    """

    histories: int
    observed: int
    rounds: int
    runs: int
    seconds: float
    starts: int
    all_start: bool
    prompts: int

    def rounds_for(self, n_histories: int) -> int:
        """Return the least number of rounds with so many histories each."""
        return max(self.rounds, ceil(self.runs / (STEPS[LIST].turns * n_histories)))


MODES: Final[Mapping[ModeName, Mode]] = {
    "quick": Mode(24, 11, 12, 130, 0, 11, False, 11),
    "normal": Mode(32, 28, 24, 662, 10, 11, True, 32),
    "sustained": Mode(32, 28, 24, 662, 60, 11, True, 32),
}
"""``quick`` is enough for a p95 and the others for a p99; ``sustained`` lasts a minute, in which a device gets warm."""
