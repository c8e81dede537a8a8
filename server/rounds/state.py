"""Rounds as operators see them: counts and sums, and nothing about any device."""

from datetime import UTC, datetime

from msgspec import Struct

from edge_runtime.rounds.accountant import privacy_statement
from edge_runtime.rounds.plan import RoundPlan
from server.rounds.folding import WEIGHT_UNIT, staleness_weight
from server.rounds.ledger import Ledger, Round, State

STALENESS = "staleness "


class Late(Struct, frozen=True):
    """How many updates were late by a number of adapters, and the weight of each."""

    staleness: int
    updates: int
    weight: float


class Privacy(Struct, frozen=True):
    """What taking part reveals of a device's whole history in some days, for one delta; None stands for no bound.

    Attributes:
        delta: the delta.
        operator: epsilon against who reads the uploads: only the device's own noise counts.
        readers: epsilon against who reads published adapters only: the noise of the smallest allowed sum counts.
        participations: how often a device takes part at most.
        period_days: in how many days.
    """

    delta: float
    operator: float | None
    readers: float | None
    participations: int
    period_days: int


class RoundState(Struct, frozen=True, kw_only=True):
    """A round.

    Attributes:
        round: its id.
        target: the target.
        state: where it is.
        opened: when it was opened.
        deadline: when it closes.
        closed: when it was closed.
        updates: number of updates in the sum.
        needed: number without which nothing is published.
        max_updates: number at which it closes.
        mean_weight: mean weight of an update.
        carried_over: number of updates that come from rounds before.
        clipped: number of updates whose norm exceeded what an honest device can send, and was scaled down.
        late: the updates by staleness.
        privacy: what taking part reveals.
        note: what happened, in a sentence.
    """

    round: str
    target: str
    state: State
    opened: str
    deadline: str
    closed: str | None
    updates: int
    needed: int
    max_updates: int
    mean_weight: float | None
    carried_over: int
    clipped: int
    late: list[Late]
    privacy: Privacy
    note: str


async def read_states(ledger: Ledger, target: str | None = None) -> list[RoundState]:
    """Return all rounds, or those of a target, the newest first."""
    return [await read_state(ledger, found) for found in await ledger.rounds(target)]


async def read_state(ledger: Ledger, found: Round) -> RoundState:
    """Return a round with its counters."""
    counts, plan = await ledger.counts(found.id), found.plan
    late = sorted((int(what.removeprefix(STALENESS)), n) for what, n in counts.items() if what.startswith(STALENESS))
    return RoundState(
        round=found.id,
        target=plan.target,
        state=found.state,
        opened=_moment(found.opened),
        deadline=plan.deadline,
        closed=None if found.closed is None else _moment(found.closed),
        updates=found.updates,
        needed=found.needed,
        max_updates=plan.max_updates,
        mean_weight=found.weight / (WEIGHT_UNIT * found.updates) if found.updates else None,
        carried_over=counts.get("carried over", 0),
        clipped=counts.get("clipped", 0),
        late=[Late(staleness, n, staleness_weight(staleness) / WEIGHT_UNIT) for staleness, n in late],
        privacy=privacy_of(plan),
        note=found.note,
    )


def privacy_of(plan: RoundPlan) -> Privacy:
    """Return both statements of privacy of a plan."""
    stated = privacy_statement(plan)
    operator, readers = (None if one == float("inf") else one for one in (stated.operator, stated.readers))
    return Privacy(stated.delta, operator, readers, stated.participations, stated.period_days)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
