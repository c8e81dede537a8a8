"""The gates of a verification: each one maps the evidence to failure messages, none if it passes.

To add a gate, write a function from :class:`Evidence` to a list of messages and append it to one of the two tuples.
"""

from collections.abc import Callable, Sequence

from export.budget import budget_failure
from export.evidence import Evidence

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


PARITY_GATES: tuple[Gate, ...] = (engines_keep_their_tolerances, some_engine_works, reasons_are_true)
BUDGET_GATES: tuple[Gate, ...] = (sizes_are_within_budgets,)


def failures(gates: Sequence[Gate], evidence: Evidence) -> list[str]:
    """Return the messages of all gates, in order."""
    return [message for gate in gates for message in gate(evidence)]
