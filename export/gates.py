"""The gates of a verification: each one maps the evidence to failure messages, none if it passes.

To add a gate, write a function from :class:`Evidence` to a list of messages and append it to one of the two tuples.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from export.budget import budget_failure
from export.comparison import Comparison
from export.evidence import Evidence
from export.inferiority import Difference, Verdict, losses
from export.references import POPULARITY
from export.segments import ALL

METRICS: Final = ("ndcg@10", "recall@10")

MIN_STUDENT_OVERLAP: Final = 0.95
"""Least share of the student's top ten in the bundle's lists: rounding to int8 swaps neighbours (Beauty: 0.997)."""

MIN_LIST_USERS: Final = 20
"""Lists of fewer users are too few for a mean."""

_NAMES: Final = {"ndcg@10": "NDCG@10", "recall@10": "Recall@10"}

Gate = Callable[[Evidence], list[str]]


def engines_keep_their_tolerances(evidence: Evidence) -> list[str]:
    """Require that no installed engine fails its self-test, its ranking or the agreement with the first engine."""
    return [f"{one.engine} {one.precision}: {one.reason}" for one in evidence.engines if one.status == "failed"]


def some_engine_works(evidence: Evidence) -> list[str]:
    """Require at least one working engine."""
    if any(one.status == "ok" for one in evidence.engines):
        return []
    return [f"none of {[one.engine for one in evidence.engines]} could be verified on this machine; install one"]


def reasons_are_true(evidence: Evidence) -> list[str]:
    """Require that every fact that the sampled reasons cite is true."""
    reasons = evidence.reasons
    if reasons is None or reasons.n_true >= reasons.n_reasons:
        return []
    return [f"{reasons.n_reasons - reasons.n_true} of {reasons.n_reasons} reasons are not true"]


def sizes_are_within_budgets(evidence: Evidence) -> list[str]:
    """Require that every size is within its budget."""
    return [budget_failure(check, evidence.manifest.target) for check in evidence.budgets if not check.passed]


def figures_are_complete(evidence: Evidence) -> list[str]:
    """Require the metrics of every working engine, and the comparison with every run that was given."""
    missing = [
        f"{one.name}: {metric} is {value}, expected a number"
        for one in evidence.engines
        if one.status == "ok"
        for metric in METRICS
        for value in [one.figures.get("history_excluded", {}).get(metric)]
        if value is None or not math.isfinite(value)
    ]
    compared = {one.against for one in evidence.quality.compared if one.segment(ALL) is not None}
    return missing + [f"not compared with {run}" for run in evidence.runs if run not in compared]


def lists_are_those_of_the_student(evidence: Evidence) -> list[str]:
    """Require that the lists of every engine are nearly those of the float32 student."""
    return [
        f"{one.subject}: shows {part.overlap:.4f} of the top ten of {one.title} to {part.segment} "
        f"({part.n_users:,} users), expected at least {MIN_STUDENT_OVERLAP}"
        for one in evidence.quality.compared
        if one.kind == "student"
        for part in one.segments
        if part.n_users >= MIN_LIST_USERS and not part.overlap >= MIN_STUDENT_OVERLAP
    ]


def no_segment_ranks_worse(evidence: Evidence) -> list[str]:
    """Require that the bundle does not rank worse than its models, over all users and in every segment."""
    return _by_subject(loss for one in evidence.quality.compared for loss in _losses(one))


def ranks_better_than_popularity(evidence: Evidence) -> list[str]:
    """Require that the bundle does not rank worse than popularity over all users."""
    popular = [one for one in evidence.quality.baselines if one.against == POPULARITY]
    return _by_subject(loss for one in popular for loss in _losses(one, only=ALL))


def undecided(evidence: Evidence) -> list[str]:
    """Return what the users were too few to decide; this is no failure."""
    return _by_subject(
        (
            one.subject,
            f"against {one.title}, {part.segment} ({part.n_users:,} users): " + "; ".join(map(_amount, open_)),
        )
        for one in evidence.quality.compared
        for part in one.segments
        for open_ in [[found for found in part.metrics if found.verdict is Verdict.UNDECIDED]]
        if open_
    )


def _by_subject(found: Iterable[tuple[str, str]]) -> list[str]:
    """Return a message for each text, which names all its subjects: engines with equal rankings fail alike."""
    subjects: dict[str, list[str]] = {}
    for subject, text in found:
        subjects.setdefault(text, []).append(subject)
    return [f"{', '.join(names)}: {text}" for text, names in subjects.items()]


def _losses(comparison: Comparison, *, only: str | None = None) -> list[tuple[str, str]]:
    """Return subject and text of each segment that is worse."""
    kind = comparison.title if comparison.measured else f"the manifest's {comparison.against}"
    return [
        (
            comparison.subject,
            f"worse than {kind} for {part.segment} ({part.n_users:,} users): " + "; ".join(map(_amount, lost)),
        )
        for part in comparison.segments
        if only in (None, part.segment)
        for lost in [losses(part.metrics)]
        if lost
    ]


def _amount(found: Difference) -> str:
    """Return metric, difference, interval and margin."""
    return (
        f"{_NAMES[found.metric]} {found.ours:.4f}, not {found.theirs:.4f}: {found.difference:+.4f} "
        f"[{found.low:+.4f}, {found.high:+.4f}], margin {found.margin:.4f}"
    )


PARITY_GATES: tuple[Gate, ...] = (
    engines_keep_their_tolerances,
    some_engine_works,
    figures_are_complete,
    lists_are_those_of_the_student,
    no_segment_ranks_worse,
    ranks_better_than_popularity,
    reasons_are_true,
)
BUDGET_GATES: tuple[Gate, ...] = (sizes_are_within_budgets,)


def failures(gates: Sequence[Gate], evidence: Evidence) -> list[str]:
    """Return the messages of all gates, in order."""
    return [message for gate in gates for message in gate(evidence)]
