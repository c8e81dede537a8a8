"""First starts: processes of their own, one after the other, variants in random order."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from edge_runtime.profiling import child_process
from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.limits import Peaks, encoder_work, opening_work, scoring_work
from edge_runtime.profiling.report import Memory, Phase, Row
from edge_runtime.profiling.rows import limit_of, single_row
from edge_runtime.profiling.statistics import median
from edge_runtime.profiling.variants import Variant

IMPORT, OPEN, FIRST_INFERENCE, FIRST_LIST = "import", "open", "first inference", "first list"

_PHASES: dict[str, Phase] = {
    IMPORT: "open",
    OPEN: "open",
    FIRST_INFERENCE: "first inference",
    FIRST_LIST: "first inference",
}


@dataclass(slots=True)
class Starts:
    """Times ``[wall, CPU]`` by phase, and resident bytes, of all starts of one variant."""

    times: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    memory: list[dict[str, int]] = field(default_factory=list)


def measure(variants: Sequence[Variant], history: Ids, n_starts: int, seed: int) -> dict[str, Starts]:
    """Start every variant ``n_starts`` times.

    Raises:
        ProfileError: a start failed.
    """
    found = {one.name: Starts() for one in variants}
    random = Random(seed)  # noqa: S311 - no secret
    for _ in range(n_starts):
        for variant in random.sample(list(variants), len(variants)):
            request = {
                "bundle": str(variant.folder.path.absolute()),
                "engine": None if variant.engine is None else variant.folder.manifest.engines.index(variant.engine),
                "history": history,
            }
            answer = child_process.run("profiling.cold", request)
            for phase, times in answer["times"].items():
                found[variant.name].times[phase].append(times)
            found[variant.name].memory.append(answer["memory"])
    return found


def rows(variant: Variant, starts: Starts, history: Ids, peaks: Peaks) -> list[Row]:
    """Return the rows of the phases of a start."""
    manifest = variant.folder.manifest
    scoring = scoring_work(manifest)
    encoder = None if variant.engine is None else encoder_work(variant.folder, variant.engine, len(history))
    works = {
        OPEN: opening_work(manifest),
        FIRST_INFERENCE: encoder,
        FIRST_LIST: scoring if encoder is None else scoring + encoder,
    }
    reasons = {IMPORT: "the work of the interpreter and the libraries"}
    return [
        single_row(
            _PHASES[step],
            step,
            variant.name,
            times,
            limit_of(peaks, works.get(step), median([one[0] for one in times])),
            reasons.get(step),
        )
        for step, times in starts.times.items()
    ]


def memory(variant: Variant, starts: Starts) -> Memory:
    """Return the memory of a variant."""
    sizes = {key: round(median([one[key] for one in starts.memory])) for key in ("started", "opened", "peak")}
    return Memory(variant.name, len(starts.memory), sizes["started"], sizes["opened"], sizes["peak"])
