"""The rounds in the database: opening, counting, closing, carrying over.

A transaction that changes a round, its sums or its tokens locks the round's row first. So each update is in exactly one
sum, no update comes after the close, and a round never has more than ``max_updates``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from edge_runtime.rounds.plan import RoundPlan, dump_plan, parse_plan
from server.database.database import Database
from server.database.tables import ROUND_ADAPTERS, ROUND_COUNTS, ROUND_SHARDS, ROUND_SHARES, ROUND_TOKENS, ROUNDS
from server.errors import RoundStateError
from server.rounds.folding import Sum

LATE_S: Final = 24 * 3600
"""How long after its close a round's tokens are kept, for devices that did not get the answer."""


class State(StrEnum):
    """Where a round is."""

    OPEN = "open"
    CLOSED = "closed"
    APART = "in two shares"
    ADDED = "added up"
    HANDED = "handed over"
    SHORT = "short"
    CARRIED = "carried over"
    DROPPED = "dropped"
    PUBLISHED = "published"
    KEPT = "not published"


@dataclass(frozen=True, slots=True)
class Round:
    """A round.

    Attributes:
        plan: its signed plan.
        adapter: number of the plan's adapter among those of the target.
        state: where it is.
        opened: when it was opened, in seconds since 1970.
        deadline: when it closes.
        closed: when it was closed; None while it is open.
        updates: number of updates in the sum.
        weight: sum of their weights in 1,024ths.
        merged: number of rounds whose updates are in the sum: this one, and those that were carried over to it.
        note: what happened, in a sentence.
        outcome: JSON of what was tried and published; None before that.
        share: which share of an update this operator gets, 1 or 2; 0 for whole updates.
    """

    plan: RoundPlan
    adapter: int
    state: State
    opened: int
    deadline: int
    closed: int | None
    updates: int
    weight: int
    merged: int
    note: str
    outcome: bytes | None
    share: int = 0

    @property
    def id(self) -> str:
        """The id of the round."""
        return self.plan.round

    @property
    def needed(self) -> int:
        """Updates without which nothing is published.

        A device may be in the sum once for each merged round. Then it moves the sum as many times further, and so many
        times the updates keep what the privacy statement says of readers of the adapter.
        """
        return self.merged * self.plan.min_updates

    def can_take_over(self, other: RoundPlan) -> bool:
        """Return whether updates of another round mean the same here, so that the sums can be added."""
        return terms_of(self.plan) == terms_of(other)


def terms_of(plan: RoundPlan) -> tuple[object, ...]:
    """Return what gives an update its meaning, and its privacy; another adapter would give it another meaning."""
    sizes = (plan.part, plan.rank, plan.dim, plan.bits, plan.scale, plan.clip, plan.sigma, plan.is_shared)
    return (plan.target, plan.name, plan.adapter_sha256, *sizes)


class Ledger:
    """The rounds of one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def rounds(self, target: str | None = None) -> list[Round]:
        """Return all rounds, or those of a target, the newest first."""
        query = select(ROUNDS).order_by(ROUNDS.c.opened.desc(), ROUNDS.c.round)
        if target is not None:
            query = query.where(ROUNDS.c.target == target)
        return [_round(row) for row in await self.database.rows(query)]

    async def recent(self, now: int) -> list[Round]:
        """Return the rounds that are open, or were closed so recently that their tokens are kept."""
        is_recent = or_(ROUNDS.c.state == State.OPEN.value, ROUNDS.c.closed >= now - LATE_S)
        return [_round(row) for row in await self.database.rows(select(ROUNDS).where(is_recent))]

    async def one(self, round_id: str) -> Round:
        """Return a round.

        Raises:
            RoundStateError: there is none.
        """
        for row in await self.database.rows(select(ROUNDS).where(ROUNDS.c.round == round_id)):
            return _round(row)
        raise RoundStateError(f"found no round {round_id!r}. List them with `pocketrec rounds status`.")

    async def adapters(self) -> dict[tuple[str, str], int]:
        """Return the number of each adapter by target and SHA-256."""
        rows = await self.database.rows(select(ROUND_ADAPTERS))
        return {(target, sha256): number for target, sha256, number in rows}

    async def counts(self, round_id: str) -> dict[str, int]:
        """Return what was counted beside the sum, such as ``staleness 1`` and ``clipped``."""
        query = select(ROUND_COUNTS.c.what, ROUND_COUNTS.c.count).where(ROUND_COUNTS.c.round == round_id)
        return {what: int(count) for what, count in await self.database.rows(query.order_by(ROUND_COUNTS.c.what))}

    async def total(self, round_id: str) -> Sum | None:
        """Return the exact sum over all partial sums; None without an update."""
        total: Sum | None = None
        query = select(ROUND_SHARDS.c.sums).where(ROUND_SHARDS.c.round == round_id)
        for (data,) in await self.database.rows(query):
            part = Sum.from_bytes(data)
            if total is None:
                total = part
            else:
                total.merge(part)
        return total

    async def open(self, plan: RoundPlan, now: int, share: int = 0) -> list[Round]:
        """Open a round, and carry over to it the rounds of its target that were too small.

        It may be called again for a round that is open already. With two operators, ``share`` says which one this is.

        Returns:
            the rounds that were carried over, or dropped because their updates do not fit this plan.

        Raises:
            RoundStateError: another round of the target is open.
        """
        async with self.database.engine.connect() as connection:
            await self.database.begin_writing(connection)
            rows = await connection.execute(_locked(ROUNDS.c.target == plan.target))
            before = [_round(row) for row in rows.all()]
            _check_opening(plan, before)
            if all(one.id != plan.round for one in before):
                await connection.execute(insert(ROUNDS), [{**await self._row(connection, plan, now), "share": share}])
            settled = [one for one in before if one.state is State.SHORT]
            opened = _round((await connection.execute(select(ROUNDS).where(ROUNDS.c.round == plan.round))).one())
            for one in settled:
                opened = await self._settle(connection, one, opened)
            await connection.commit()
        return [await self.one(one.id) for one in settled]

    async def close(self, round_id: str, now: int, why: str) -> Round:
        """Close a round: no further update is counted.

        Raises:
            RoundStateError: there is no such round.
        """
        await self.one(round_id)
        async with self.database.engine.connect() as connection:
            await self.database.begin_writing(connection)
            found = _round((await connection.execute(_locked(ROUNDS.c.round == round_id))).one())
            if found.state is State.OPEN:
                await change(connection, round_id, **closing(found, found.updates, now, why))
            await connection.commit()
        return await self.one(round_id)

    async def drop(self, round_id: str, now: int, why: str) -> Round:
        """Close a round, and delete its sums."""
        found = await self.close(round_id, now, why)
        async with self.database.engine.connect() as connection:
            await self.database.begin_writing(connection)
            found = _round((await connection.execute(_locked(ROUNDS.c.round == round_id))).one())
            if found.state in (State.CLOSED, State.SHORT, State.KEPT, State.APART):
                await connection.execute(delete(ROUND_SHARES).where(ROUND_SHARES.c.round == round_id))
                await connection.execute(delete(ROUND_SHARDS).where(ROUND_SHARDS.c.round == round_id))
                await change(connection, round_id, state=State.DROPPED.value, note=f"{found.note} Dropped by hand.")
            await connection.commit()
        return await self.one(round_id)

    async def finish(self, round_id: str, state: State, note: str, outcome: bytes) -> None:
        """Record what became of a closed round."""
        statement = update(ROUNDS).where(ROUNDS.c.round == round_id)
        await self.database.execute(statement.values(state=state.value, note=note, outcome=outcome))

    async def forget_tokens(self, now: int) -> None:
        """Delete the tokens of rounds that were closed long ago."""
        old = select(ROUNDS.c.round).where(ROUNDS.c.closed < now - LATE_S)
        await self.database.execute(delete(ROUND_TOKENS).where(ROUND_TOKENS.c.round.in_(old)))

    async def _row(self, connection: AsyncConnection, plan: RoundPlan, now: int) -> dict[str, object]:
        return {
            "round": plan.round,
            "target": plan.target,
            "plan": dump_plan(plan),
            "adapter": await self._number(connection, plan.target, plan.adapter_sha256),
            "state": State.OPEN.value,
            "opened": now,
            "deadline": int(plan.deadline_time()),
            "updates": 0,
            "weight": 0,
            "merged": 1,
            "note": "",
        }

    async def _number(self, connection: AsyncConnection, target: str, sha256: str) -> int:
        """Return the number of an adapter, after numbering it if it is new."""
        query = select(ROUND_ADAPTERS.c.sha256, ROUND_ADAPTERS.c.number).where(ROUND_ADAPTERS.c.target == target)
        known = {name: int(number) for name, number in (await connection.execute(query)).all()}
        if sha256 not in known:
            known[sha256] = max(known.values(), default=0) + 1
            row = {"target": target, "sha256": sha256, "number": known[sha256]}
            await connection.execute(insert(ROUND_ADAPTERS), [row])
        return known[sha256]

    async def _settle(self, connection: AsyncConnection, short: Round, opened: Round) -> Round:
        """Move the sums of a round that was too small to another, or drop them; return the other as it is then."""
        if not opened.can_take_over(short.plan) or opened.updates + short.updates > opened.plan.max_updates:
            why = f"{short.note} Dropped: round {opened.id} has another adapter or other terms."
            await change(connection, short.id, state=State.DROPPED.value, note=why)
            await connection.execute(delete(ROUND_SHARDS).where(ROUND_SHARDS.c.round == short.id))
            return opened
        moved = update(ROUND_SHARDS).where(ROUND_SHARDS.c.round == short.id).values(round=opened.id)
        await connection.execute(moved)
        counts = {**await _counted(connection, short.id), "carried over": short.updates}
        await add_counts(self.database, connection, opened.id, counts)
        await change(
            connection, short.id, state=State.CARRIED.value, note=f"{short.note} Carried over to round {opened.id}."
        )
        columns = ("updates", "weight", "merged")
        await change(connection, opened.id, **{name: getattr(opened, name) + getattr(short, name) for name in columns})
        return _round((await connection.execute(select(ROUNDS).where(ROUNDS.c.round == opened.id))).one())


async def lock_rounds(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, Round]:
    """Lock rounds until the transaction ends, and return them by id."""
    found = await connection.execute(_locked(ROUNDS.c.round.in_(sorted(ids))))
    return {row.round: _round(row) for row in found.all()}


async def counted_tokens(connection: AsyncConnection, tokens: Mapping[str, Sequence[bytes]]) -> set[tuple[str, bytes]]:
    """Return which of the tokens (digests by round) were counted before."""
    found: set[tuple[str, bytes]] = set()
    for round_id, digests in tokens.items():
        query = select(ROUND_TOKENS.c.sha256).where(
            ROUND_TOKENS.c.round == round_id, ROUND_TOKENS.c.sha256.in_(digests)
        )
        found |= {(round_id, bytes(digest)) for (digest,) in (await connection.execute(query)).all()}
    return found


async def add_tokens(connection: AsyncConnection, tokens: Iterable[tuple[str, bytes]]) -> None:
    """Insert tokens, in an order that does not tell in which they came."""
    rows = [{"round": round_id, "sha256": digest} for round_id, digest in sorted(tokens)]
    if rows:
        await connection.execute(insert(ROUND_TOKENS), rows)


async def add_counts(database: Database, connection: AsyncConnection, round_id: str, counts: Mapping[str, int]) -> None:
    """Add to the counters of a round."""
    rows = [{"round": round_id, "what": what, "count": count} for what, count in sorted(counts.items()) if count]
    await database.add(connection, ROUND_COUNTS, rows)


async def change(connection: AsyncConnection, round_id: str, **values: Any) -> None:  # noqa: ANN401 - of any column
    """Change columns of a locked round."""
    names: dict[str, Any] = {name: bindparam(f"new_{name}") for name in values}
    statement = update(ROUNDS).where(ROUNDS.c.round == bindparam("changed")).values(names)
    new = {f"new_{name}": value for name, value in values.items()}
    await connection.execute(statement, {"changed": round_id, **new})


def closing(found: Round, updates: int, now: int, why: str) -> dict[str, object]:
    """Return the columns of a round that closes with a number of updates."""
    if found.share:
        note = f"Closed {why} with {updates:,} shares, which wait for those of the other operator."
        return {"state": State.APART.value, "closed": now, "note": note}
    if updates >= found.needed:
        return {"state": State.CLOSED.value, "closed": now, "note": f"Closed {why} with {updates:,} updates."}
    note = f"Closed {why} with {updates:,} updates, fewer than {found.needed:,}."
    if updates == 0:
        return {"state": State.DROPPED.value, "closed": now, "note": note}
    return {"state": State.SHORT.value, "closed": now, "note": note}


def _check_opening(plan: RoundPlan, before: Sequence[Round]) -> None:
    for one in before:
        if one.id == plan.round and one.plan != plan:
            raise RoundStateError(f"found another plan for round {plan.round}. Make a new plan.")
        if one.id == plan.round and one.state is not State.OPEN:
            raise RoundStateError(
                f"round {plan.round} was opened before, and is over ({one.state.value}). Make a new plan."
            )
        if one.id != plan.round and one.state is State.OPEN:
            raise RoundStateError(
                f"{plan.target}: round {one.id} is open until {one.plan.deadline}. "
                f"Close it first with `pocketrec rounds close`."
            )


async def _counted(connection: AsyncConnection, round_id: str) -> dict[str, int]:
    query = select(ROUND_COUNTS.c.what, ROUND_COUNTS.c.count).where(ROUND_COUNTS.c.round == round_id)
    return {what: int(count) for what, count in (await connection.execute(query)).all()}


def _locked(condition: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's expressions
    return select(ROUNDS).where(condition).order_by(ROUNDS.c.round).with_for_update()


@lru_cache(maxsize=256)
def _plan(data: bytes, target: str) -> RoundPlan:
    return parse_plan(data, target)


def _round(row: Any) -> Round:  # noqa: ANN401 - a row of the table
    return Round(
        plan=_plan(bytes(row.plan), row.target),
        adapter=row.adapter,
        state=State(row.state),
        opened=row.opened,
        deadline=row.deadline,
        closed=row.closed,
        updates=row.updates,
        weight=row.weight,
        merged=row.merged,
        note=row.note,
        outcome=None if row.outcome is None else bytes(row.outcome),
        share=row.share,
    )
