"""Rows of the steady state, with their limits."""

from collections.abc import Sequence

from edge_runtime.profiling.histories import Ids
from edge_runtime.profiling.limits import Peaks, Work, encoder_work, scoring_work
from edge_runtime.profiling.precision import WIDEST, decisive, most_uncertain, width
from edge_runtime.profiling.report import Row
from edge_runtime.profiling.rows import limit_of, ratios, repeated_row
from edge_runtime.profiling.statistics import median, round_levels, uncertainty
from edge_runtime.profiling.steady import SteadyState
from edge_runtime.profiling.steps import ENCODE, LIST, OBSERVE, SCORE, STEPS
from edge_runtime.profiling.variants import Variant
from edge_runtime.profiling.verdict import busy_reasons

OTHER_THREADS = 1.25
"""CPU time of the process by that of the measuring thread, above which CPU times are no measure of the work."""


def rows(variants: Sequence[Variant], state: SteadyState, histories: Sequence[Ids], peaks: Peaks) -> list[Row]:
    """Return a row for each step and variant."""
    length = median([len(one) for one in histories])
    works = {one.name: _works(one, length) for one in variants}
    return [
        repeated_row(
            "observe to list" if step == OBSERVE else "steady",
            step,
            variant.name,
            samples,
            limit_of(peaks, works[variant.name][step], median(samples.all_wall())),
        )
        for variant in variants
        for step in STEPS
        if (samples := state.samples.get((step, variant.name))) is not None
    ]


def is_sure(variants: Sequence[Variant], state: SteadyState, seed: int, *, compared: bool) -> bool:
    """Return whether ratios, or else medians, are known well enough for a valid profile.

    Args:
        variants: that were measured.
        state: their times so far.
        seed: of the bootstrap.
        compared: whether the ratios of two bundles are asked for. Times on a machine that is busy are remarks anyway.
    """
    if compared:
        found = decisive(ratios(state.samples, [one.name for one in variants], seed))
        return all(width(one) <= WIDEST for one in found)
    return bool(busy_reasons(state.others)) or all(
        uncertainty(round_levels(samples.wall)) <= most_uncertain(step) for (step, _), samples in state.samples.items()
    )


def notes(state: SteadyState) -> list[str]:
    """Return what a reader should know about how the rounds ran."""
    if state.other_threads <= OTHER_THREADS:
        return []
    return [
        f"the process used {state.other_threads:.2f} times the CPU time of the measuring thread: an engine works on "
        "several threads, so CPU times leave out a part of the work; compare wall times"
    ]


def _works(variant: Variant, length: float) -> dict[str, Work]:
    scoring = scoring_work(variant.folder.manifest)
    encoder = Work(0, 0) if variant.engine is None else encoder_work(variant.folder, variant.engine, length)
    ranked = encoder + scoring
    return {ENCODE: encoder, SCORE: scoring, LIST: ranked, OBSERVE: ranked + Work(0, 0, flushes=1)}
