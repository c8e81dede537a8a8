"""A device's part in a round: whether it takes part, the upload that it prepares, and how the upload is sent once.

Transport, training and time are passed in. The order is: check the plan against this device's own limit, train, clip,
round, add noise, note the upload in the state file, send it. Nothing is sent that is not noted.
"""

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import RoundError, ServerUnreachableError
from edge_runtime.rounds.accountant import PrivacyStatement, epsilon_of, mu_of, privacy_statement
from edge_runtime.rounds.ledger import Entry, Outcome, RoundLedger, Second
from edge_runtime.rounds.noise import discrete_gaussian
from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.shares import split
from edge_runtime.rounds.update import TOKEN_BYTES, Update, Vector, decode, encode, quantized, saturated

DAY_S: Final = 86_400
_ANSWERS: Final[dict[int, Outcome]] = {
    202: "counted",
    200: "counted before",
    404: "closed",
    409: "closed",
    410: "too late",
    413: "refused",
    422: "refused",
}
"""The final answers of a server; after any other the same bytes are sent again later."""

ROUNDING: Final = 1.0 + 1e-9
"""By what an epsilon may exceed the limit: a plan for exactly the limit does so by a rounding error."""
NOT_COUNTED: Final = 409
"""The answer that an update is not in a closed round, whose tokens the server still has; after 404 it may be in it."""

Train = Callable[[RoundPlan, "Adapter"], Vector]
"""Returns by how much training has changed B: the first rows of it, ``[at most rank, dim]``."""
Send = Callable[[str, str, bytes], int]
"""Sends bytes to an operator's address and a path below it, and returns the status of the answer."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """The adapter from which a device trains: ``a`` ``[dim, rank]`` and ``b`` ``[rank, dim]``, of the bundle."""

    a: NDArray[np.float32]
    b: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Device:
    """What a plan is compared with.

    Attributes:
        name: name of the bundle in use.
        base: SHA-256 of its manifest.
        adapter_sha256: SHA-256 of its adapter.
        n_events: number of events in the history.
        model: digest of what an adapter belongs to: updates of one model mean nothing to another.
    """

    name: str
    base: str
    adapter_sha256: str
    n_events: int
    model: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a device reveals to operators at most, whatever plans say: their key must not decide it alone.

    Attributes:
        epsilon: of all participations in ``days``, against the operator.
        delta: the delta of it.
        days: the period.
    """

    epsilon: float = 8.0
    delta: float = 1e-6
    days: int = 365


@dataclass(frozen=True, slots=True)
class Intent:
    """What a device is about to do, for its user to read.

    Attributes:
        plan: the plan.
        device: this device.
        statement: what taking part reveals, by the plan.
        before: participations in the period of the limit.
        epsilon: what all of them and this one reveal to the operator.
        limit: this device's own limit.
        n_noted: participations that were noted when the limit was checked.
    """

    plan: RoundPlan
    device: Device
    statement: PrivacyStatement
    before: int
    epsilon: float
    limit: Limit
    n_noted: int


@dataclass(frozen=True, slots=True)
class Sending:
    """An attempt to send an upload.

    Attributes:
        entry: the upload, as it was noted.
        outcome: the final answer; ``prepared`` if the same bytes are sent again later.
        problem: why there is no final answer.
    """

    entry: Entry
    outcome: Outcome
    problem: str | None = None


def intended(plan: RoundPlan, device: Device, ledger: RoundLedger, now: float, limit: Limit) -> Intent:
    """Return what taking part would mean.

    Raises:
        RoundError: this device does not take part; the message says why.
    """
    n_noted = ledger.n_participations()  # before all else: what is noted from here on is not in the account below
    noted = ledger.entry(plan.round)  # first: a device that took the release which came of the round fits it no longer
    if noted is not None and noted.outcome != "training":
        raise RoundError(f"this device has taken part in the round {plan.round} already.")
    _check_fit(plan, device, now)
    if device.n_events < plan.min_events:
        events = f"{device.n_events:,} event{'' if device.n_events == 1 else 's'}"
        raise RoundError(f"the history {ledger.path} has {events}, and the plan needs {plan.min_events}.")
    recent = [entry for entry in ledger.since(now - plan.period_days * DAY_S) if entry.loss > 0.0]
    if len(recent) >= plan.participations:
        raise RoundError(
            f"this device has taken part {len(recent)} times in {plan.period_days} days, and the plan permits "
            f"{plan.participations}."
        )
    earlier = ledger.since(now - limit.days * DAY_S)
    loss = math.fsum(entry.loss for entry in earlier) + loss_of(plan)
    epsilon = epsilon_of(limit.delta, math.sqrt(loss))
    if not epsilon <= limit.epsilon * ROUNDING:  # a limit that is no number permits nothing
        if math.isinf(epsilon):
            raise RoundError(
                f"the round {plan.round} or an earlier one adds no noise, so that its operator could learn everything; "
                f"this device's limit is epsilon {limit.epsilon:g}. Only --max-epsilon inf permits that."
            )
        raise RoundError(
            f"taking part would reveal epsilon {epsilon:.3g} to the operator, with all rounds of {limit.days} days; "
            f"this device's limit is {limit.epsilon:g}. Raise it (--max-epsilon), or wait."
        )
    return Intent(plan, device, privacy_statement(plan), len(earlier), epsilon, limit, n_noted)


def uncounted(plan: RoundPlan, device: Device, ledger: RoundLedger, now: float) -> Entry | None:
    """Return the upload of an earlier round that this one takes, or None.

    The earlier round certainly did not count it, it has the same terms and trained the same model, and this plan takes
    late updates if its adapter is another one.
    """
    if plan.is_shared or ledger.entry(plan.round) is not None:
        return None
    _check_fit(plan, device, now)
    late = ledger.uncounted(_terms(plan, device))
    if late is None or late.body is None:
        return None
    is_late = decode(late.body, plan).adapter_sha256 != plan.adapter_sha256
    return None if is_late and plan.max_staleness == 0 else late


def moved(late: Entry, plan: RoundPlan, ledger: RoundLedger, now: float) -> None:
    """Note that the upload of an earlier round is sent to this one: the same bytes, which reveal nothing more.

    Raises:
        RoundError: it was forgotten meanwhile.
    """
    fresh = Entry(
        round=plan.round,
        time=int(now),
        loss=0.0,
        operator=plan.operators[0],
        deadline=int(plan.deadline_time()),
        retry_after_s=plan.retry_after_s,
        digest=late.digest,
        body=late.body,
        outcome="prepared",
    )
    if not ledger.move(late, fresh):
        raise RoundError("the history was forgotten meanwhile. Nothing was sent.")


def _terms(plan: RoundPlan, device: Device) -> str:
    """Return what two rounds have in common whose updates can be added up; see ``terms_of`` of the server."""
    numbers = (plan.rank, plan.dim, plan.bits, plan.scale, plan.clip, plan.sigma)
    return " ".join(map(str, (plan.name, plan.target, plan.part, *numbers, plan.operators[0], device.model)))


def loss_of(plan: RoundPlan) -> float:
    """Return the square of the signal-to-noise ratio of one participation against the operator."""
    return mu_of(2.0 * plan.clip, plan.sigma) ** 2


def contribution(vector: Vector, plan: RoundPlan) -> bytes:
    """Return the upload of :func:`noisy_update` for a single operator."""
    return encode(noisy_update(vector, plan), plan)


def noisy_update(vector: Vector, plan: RoundPlan) -> Update:
    """Return a trained update as it may leave the device, with fresh noise and a fresh token.

    Args:
        vector: ``[at most rank, dim]``; missing rows are 0. Values that are not finite give an upload of noise only.
        plan: the plan.

    Raises:
        RoundError: the vector has another shape.
    """
    if vector.ndim != 2 or len(vector) > plan.rank or vector.shape[1] != plan.dim:
        raise RoundError(
            f"training returned an update {list(vector.shape)}, expected at most {plan.rank} rows of {plan.dim}."
        )
    whole = np.zeros((plan.rank, plan.dim))
    whole[: len(vector)] = vector
    values = quantized(whole.reshape(-1), plan)
    if plan.sigma > 0.0:
        variance = math.ceil((Fraction(plan.sigma) * plan.scale) ** 2)
        values = values + discrete_gaussian(variance, plan.size)
    return Update(os.urandom(TOKEN_BYTES), plan.adapter_sha256, saturated(values, plan))


def prepared(intent: Intent, adapter: Adapter, train: Train, ledger: RoundLedger, now: float) -> Entry:
    """Train, and note the upload.

    Raises:
        RoundError: the adapter has other sizes than the plan, training failed, or the user had the history forgotten
            meanwhile.
        StateError: the upload could not be noted; nothing may be sent.
    """
    plan = intent.plan
    rows, dim = adapter.b.shape
    if rows < plan.rank or dim != plan.dim:
        raise RoundError(
            f"the plan trains {plan.rank} rows of {plan.dim} numbers, but the adapter in use has {rows} of {dim}."
        )
    begun = Entry(
        round=plan.round,
        time=int(now),
        loss=loss_of(plan),
        operator=plan.operators[0],
        deadline=int(plan.deadline_time()),
        retry_after_s=plan.retry_after_s,
    )
    ledger.begin(begun)
    update, second = noisy_update(train(plan, adapter), plan), None
    if plan.is_shared:
        body, other = split(update, plan)
        second = Second(plan.operators[1], hashlib.sha256(other).hexdigest(), other)
    else:
        body = encode(update, plan)
    noted = replace(begun, digest=hashlib.sha256(body).hexdigest(), body=body, outcome="prepared", second=second)
    entry = ledger.prepare(noted, intent.n_noted, _terms(plan, intent.device))
    if entry is None:
        raise RoundError("the history was forgotten during the training. Nothing was sent.")
    if entry.outcome == "training":
        raise RoundError("this device took part in another round during the training. Nothing was sent; try again.")
    return entry


def send_pending(ledger: RoundLedger, send: Send, now: float) -> list[Sending]:
    """Send all uploads that have no final answer and are due; return what became of them.

    What was forgotten, or answered to another process, after this one has begun is not sent.
    """
    sendings = (_sent(entry, ledger, send, now) for entry in ledger.pending())
    return [sending for sending in sendings if sending is not None]


def _sent(entry: Entry, ledger: RoundLedger, send: Send, now: float) -> Sending | None:
    if now >= entry.deadline:
        never_tried = entry.retry_at == 0  # what was tried may have been counted
        ledger.settle(entry, "missed", keep=never_tried)
        return Sending(entry, "missed", "the round closed before the server answered")
    if now < entry.retry_at <= now + entry.retry_after_s:  # a later one is of a clock that was set back since
        return Sending(entry, "prepared", "the server is tried again later")
    # Before: a device that is stopped must not try without end.
    if not ledger.postpone(entry, now + entry.retry_after_s):
        return None
    outcome: Outcome = "counted"
    status = 0
    for operator, body in _left(entry):
        try:
            status = send(operator, f"/v1/rounds/{entry.round}/updates", body)
        except ServerUnreachableError as error:
            return Sending(entry, "prepared", str(error))
        answer = _ANSWERS.get(status)
        if answer is None:
            return Sending(entry, "prepared", f"the server answered with status {status}")
        outcome = answer
        if outcome not in ("counted", "counted before"):
            break  # the other share would be of no use: operators leave out what only one of them has
        if entry.second is not None and body is entry.body and not ledger.counted_first(entry):
            return Sending(entry, "missed", "the history was forgotten before the second share was sent")
    ledger.settle(entry, outcome, keep=status == NOT_COUNTED)
    return Sending(replace(entry, outcome=outcome), outcome)


def _left(entry: Entry) -> list[tuple[str, bytes]]:
    """Return what is left to send: the operators' addresses and their uploads, in order."""
    uploads = [(entry.operator, entry.body)]
    if entry.second is not None:
        uploads.append((entry.second.operator, entry.second.body))
    return [(operator, body) for operator, body in uploads if body is not None]


def _check_fit(plan: RoundPlan, device: Device, now: float) -> None:
    """Check that the round is open, and for this device.

    Raises:
        RoundError: it is not.
    """
    if now >= plan.deadline_time():
        raise RoundError(f"the round {plan.round} is over: it was open until {plan.deadline}.")
    if now < plan.opens_time():
        raise RoundError(f"the round {plan.round} is not open yet: it opens at {plan.opens}.")
    if plan.name != device.name or plan.base != device.base or plan.adapter_sha256 != device.adapter_sha256:
        raise RoundError(
            f"the round {plan.round} trains the adapter of another release than the one in use here. "
            "After the next sync there may be a newer round."
        )
