"""What a device sends in a round, in sentences: before, for its user to decide, and after, as a receipt."""

import math
from datetime import UTC, datetime

from edge_runtime.rounds.accountant import PrivacyStatement
from edge_runtime.rounds.ledger import Entry
from edge_runtime.rounds.participate import Intent, Sending
from edge_runtime.rounds.plan import RoundPlan

_OUTCOMES = {
    "prepared": "not sent yet",
    "counted": "sent and counted",
    "counted before": "sent again; it had been counted before",
    "closed": "sent, but the round was closed",
    "too late": "sent, but its adapter was too old",
    "refused": "sent, but the server refused it",
    "missed": "not sent in time",
}


def before(intent: Intent) -> list[str]:
    """Return what taking part means, a sentence or two in each line."""
    plan, statement = intent.plan, intent.statement
    noise = (
        f"adds random noise to each of its {plan.size:,} numbers (standard deviation {plan.sigma:g})"
        if plan.sigma
        else "adds NO noise"
    )
    read = "both shares" if plan.is_shared else "the upload"
    return [
        f"Round {plan.round} of {plan.name!r}, until {plan.deadline}.",
        f"This device trains a copy of the adapter on its {intent.device.n_events:,} events, in {plan.steps:,} steps. "
        f"It scales the change to a length of at most {plan.clip:g}, and {noise}.",
        *_sent(plan),
        _revealed(statement, read),
        f"Own account: {_times(intent.before)} in the last {intent.limit.days} days, with this one "
        f"{_epsilon(intent.epsilon)}; this device has {_limit(intent.limit.epsilon)}.",
    ]


def before_late(late: Entry, plan: RoundPlan) -> list[str]:
    """Return what it means to send the upload of an earlier round to this one."""
    return [
        f"Round {plan.round} of {plan.name!r}, until {plan.deadline}.",
        f"This device sends it the {plan.body_bytes:,} bytes that it prepared for the round {late.round}, which did "
        f"not count them, once to {plan.operators[0]}: the same bytes with the same token. Nothing is trained, and "
        "nothing more is revealed.",
    ]


def _revealed(statement: PrivacyStatement, read: str) -> str:
    """Return what taking part reveals, and to whom."""
    if math.isinf(statement.operator):
        return f"As there is no noise, whoever reads {read} may learn everything about the history."
    return (
        f"Whoever reads {read} learns at most {_epsilon(statement.operator)} about the history in "
        f"{_times(statement.participations)} within {statement.period_days} days, whoever reads published adapters at "
        f"most {_epsilon(statement.readers)} (delta {statement.delta:g})."
    )


def _sent(plan: RoundPlan) -> list[str]:
    """Return what is sent, and to whom."""
    sent = f"It sends {plan.body_bytes:,} bytes once to "
    rest = (
        "a random token of 16 bytes that is used once, and which adapter was trained. No item, no event and no "
        "identifier; but the server sees this device's address, as with every request."
    )
    if not plan.is_shared:
        return [f"{sent}{plan.operators[0]}: these numbers, {rest}"]
    return [
        f"{sent}{plan.operators[0]} and once to {plan.operators[1]}: these numbers in two shares, {rest}",
        "Each share alone is random and says nothing of the numbers. This protects as long as the two operators follow "
        "the protocol and do not put shares of single devices together; the noise protects in any case.",
    ]


def after(sending: Sending) -> str:
    """Return the receipt of an upload."""
    entry = sending.entry
    size = "" if entry.body is None else f"{len(entry.body):,} bytes, "
    when = datetime.fromtimestamp(entry.time, UTC)
    receipt = (
        f"Round {entry.round}, prepared {when:%Y-%m-%d %H:%M} UTC for {entry.operator}: {_OUTCOMES[sending.outcome]} "
        f"({size}sha256 {entry.digest})."
    )
    if entry.second is not None:
        receipt += f" Second share for {entry.second.operator}: sha256 {entry.second.digest}."
    return receipt if sending.problem is None else f"{receipt} {sending.problem}"


def _epsilon(value: float) -> str:
    return "epsilon without bound" if math.isinf(value) else f"epsilon {value:.3g}"


def _limit(epsilon: float) -> str:
    return "no limit" if math.isinf(epsilon) else f"the limit {epsilon:g}"


def _times(count: int) -> str:
    return f"{count} round" if count == 1 else f"{count} rounds"
