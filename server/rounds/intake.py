"""Takes updates in: checks them, and counts many in one transaction (group commit) before it answers.

An update's values are dropped as soon as they are in the sum. Token and sum commit together, so that an update that was
answered is in the sum, whatever crashes afterwards, and one that is sent again is in it once.
"""

import asyncio
import hashlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from edge_runtime.errors import RoundError
from edge_runtime.rounds.shares import decode_share
from edge_runtime.rounds.update import decode
from server.database.database import Database
from server.database.tables import ROUND_SHARDS, ROUND_SHARES
from server.receipts.limit import TokenBucket
from server.rounds.folding import Integers, Sum, clipped_again, staleness_weight
from server.rounds.ledger import (
    Ledger,
    Round,
    State,
    add_counts,
    add_tokens,
    change,
    closing,
    counted_tokens,
    lock_rounds,
)

log = logging.getLogger(__name__)

UPDATES_A_SECOND: Final = 20_000.0
BURST: Final = 40_000.0
MOST_WAITING: Final = 512
"""Updates in memory that are not counted yet; each has at most 256 KiB of integers."""
LOOK_S: Final = 0.1
"""How often rounds are looked for at most when updates name unknown ones; otherwise they are read every second."""
FORGET_S: Final = 3600
"""How often old tokens are deleted."""
GROUP: Final = 256
"""Updates in one transaction."""


class Verdict(Enum):
    """What became of an update."""

    COUNTED = "counted"
    BEFORE = "counted before"
    NO_ROUND = "no such round"
    CLOSED = "closed"
    STALE = "stale"
    OTHER_ADAPTER = "other adapter"
    MALFORMED = "malformed"
    LIMITED = "limited"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an update, why, and after how many seconds the device may try again."""

    verdict: Verdict
    why: str = ""
    retry_after_s: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A checked update that waits for its transaction."""

    round_id: str
    digest: bytes
    adapter: str
    values: Integers
    was_clipped: bool
    answer: "asyncio.Future[Answer]"


@dataclass(slots=True)
class _Shard:
    """The partial sum of this process for a round, as it was committed."""

    name: str
    sums: Sum


class Intake:
    """Counts the updates that reach this process.

    Args:
        database: where sums and tokens are.
        bucket: bounds the rate of updates; None for the default.
        clock: returns the seconds since 1970.
    """

    def __init__(
        self, database: Database, bucket: TokenBucket | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.ledger = Ledger(database)
        self._database, self._clock = database, clock
        self._bucket = bucket or TokenBucket(UPDATES_A_SECOND, BURST)
        self._rounds: Mapping[str, Round] = {}
        self._adapters: Mapping[tuple[str, str], int] = {}
        self._queue: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._connection: AsyncConnection | None = None
        self._shards: dict[str, _Shard] = {}
        self._is_counting = asyncio.Lock()
        self._is_looking = asyncio.Lock()
        self._looked = -LOOK_S
        self._is_failing = False
        self._forgot = 0

    async def accept(self, round_id: str, body: bytes) -> Answer:
        """Count an update of a device, and return what became of it once that is durable."""
        found = self._rounds.get(round_id) or await self._just_opened(round_id)
        if found is None:
            return Answer(Verdict.NO_ROUND, "There is no round of this id.")
        if not self._bucket.take() or len(self._queue) >= MOST_WAITING:
            return Answer(Verdict.LIMITED, "Too many updates at once; try again later.", found.plan.retry_after_s)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            waiting = _checked(found, body, answer)
        except RoundError as error:
            return Answer(Verdict.MALFORMED, str(error))
        self._queue.append(waiting)
        self._arrived.set()
        return await answer

    def largest_body(self, round_id: str) -> int | None:
        """Return how many bytes an update of a round has; None if there is no such round."""
        found = self._rounds.get(round_id)
        return None if found is None else found.plan.body_bytes

    async def _just_opened(self, round_id: str) -> Round | None:
        """Return a round that was opened since the last refresh, or None; a device would not ask for it again."""
        async with self._is_looking:
            if round_id not in self._rounds and time.monotonic() - self._looked >= LOOK_S:
                self._looked = time.monotonic()
                await self.refresh_quietly()
        return self._rounds.get(round_id)

    async def refresh(self) -> None:
        """Read the rounds again, and close those whose time is over.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        now = int(self._clock())
        self._adapters = await self.ledger.adapters()
        found = await self.ledger.recent(now)
        for one in found:
            if one.state is State.OPEN and now >= one.deadline:
                await self.ledger.close(one.id, now, "at its deadline")
        if now - self._forgot >= FORGET_S:
            await self.ledger.forget_tokens(now)
            self._forgot = now
        self._rounds = {one.id: one for one in found}

    async def refresh_quietly(self) -> None:
        """Do the same, if the database answers; it is logged once if it does not."""
        try:
            await self.refresh()
        except (SQLAlchemyError, OSError) as error:
            log.debug("cannot read the rounds: %s", error)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count updates while the block runs; those that wait at its end are counted, too."""
        await self.refresh_quietly()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            while self._queue:
                await self._count_group()
            async with self._is_counting:
                await self._disconnect()

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._queue:
                await asyncio.shield(asyncio.ensure_future(self._count_group()))

    async def _count_group(self) -> None:
        """Count the updates that have waited longest, and answer them."""
        async with self._is_counting:
            group, self._queue = self._queue[:GROUP], self._queue[GROUP:]
            answers = await self._answers(group)
        for one, answer in zip(group, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(answer)

    async def _answers(self, group: Sequence[_Waiting]) -> list[Answer]:
        try:
            answers = await self._commit(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, devices come back, and the next group is tried
            if not self._is_failing:
                log.error("cannot count updates, and will try again: %s", error)
            self._is_failing = True
            # What was committed is known to the database alone now: new sums start from zero.
            self._shards.clear()
            await self._disconnect()
            why = "The database does not answer; try again later."
            return [Answer(Verdict.FAILED, why, self._retry_after_s(one.round_id)) for one in group]
        self._is_failing = False
        return answers

    def _retry_after_s(self, round_id: str) -> int:
        found = self._rounds.get(round_id)
        return 60 if found is None else found.plan.retry_after_s

    async def _commit(self, group: Sequence[_Waiting]) -> list[Answer]:
        if self._connection is None:
            self._connection = await self._database.durable()
        connection = self._connection
        await self._database.begin_writing(connection)
        rounds = await lock_rounds(connection, {one.round_id for one in group})
        tokens: dict[str, list[bytes]] = {}
        for one in group:
            tokens.setdefault(one.round_id, []).append(one.digest)
        transaction = _Transaction(rounds, self._adapters, await counted_tokens(connection, tokens), int(self._clock()))
        answers = [transaction.judge(one) for one in group]
        await add_tokens(connection, transaction.new_tokens)
        whole = {name: new for name, new in transaction.new.items() if not rounds[name].share}
        shards = {round_id: self._sum_up(rounds[round_id], new) for round_id, new in whole.items()}
        await self._keep_shares(connection, transaction)
        for round_id, shard in shards.items():
            row = {"round": round_id, "shard": shard.name, "sums": shard.sums.to_bytes()}
            await self._database.put_in(connection, ROUND_SHARDS, row)
        for round_id in transaction.new:
            await add_counts(self._database, connection, round_id, transaction.counts[round_id])
            await change(connection, round_id, **transaction.changes(round_id))
        await connection.commit()
        self._shards |= shards
        return answers

    @staticmethod
    async def _keep_shares(connection: AsyncConnection, transaction: "_Transaction") -> None:
        """Insert new shares: which of them count is known when the other operator's tokens are."""
        rows = [
            {"round": round_id, "sha256": one.digest, "share": one.values.astype("<i8").tobytes()}
            for round_id, new in transaction.new.items()
            if transaction.rounds[round_id].share
            for one, _ in sorted(new, key=lambda pair: pair[0].digest)
        ]
        if rows:
            await connection.execute(insert(ROUND_SHARES), rows)

    def _sum_up(self, found: Round, new: Sequence[tuple[_Waiting, int]]) -> _Shard:
        """Return the partial sum of this process with new updates and their weights."""
        shard = self._shards.get(found.id) or _Shard(secrets.token_hex(8), Sum.zero(found.plan.size))
        sums = shard.sums.copy()
        for one, weight in new:
            sums.add(one.values, weight)
        return _Shard(shard.name, sums)

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, OSError):
                await connection.close()


def _checked(found: Round, body: bytes, answer: "asyncio.Future[Answer]") -> _Waiting:
    """Return an update that waits, or a share, which is random and cannot be clipped.

    Raises:
        RoundError: the bytes are neither.
    """
    if found.share:
        share = decode_share(body, found.share, found.plan)
        digest = hashlib.sha256(share.token).digest()
        return _Waiting(found.id, digest, share.adapter_sha256, share.values.view(np.int64), False, answer)
    update = decode(body, found.plan)
    values, was_clipped = clipped_again(update.values, found.plan)
    digest = hashlib.sha256(update.token).digest()
    return _Waiting(found.id, digest, update.adapter_sha256, values, was_clipped, answer)


class _Transaction:
    """Decides for the updates of one group, while their rounds are locked.

    Args:
        rounds: the rounds by id.
        adapters: numbers of adapters by target and SHA-256.
        before: rounds and digests of tokens that were counted before.
        now: seconds since 1970.

    Attributes:
        rounds: the rounds.
        new: updates to add to each round, with their weights.
        counts: what to count beside the sums.
        new_tokens: rounds and digests of the tokens of the updates to add.
    """

    def __init__(
        self,
        rounds: Mapping[str, Round],
        adapters: Mapping[tuple[str, str], int],
        before: set[tuple[str, bytes]],
        now: int,
    ) -> None:
        self.rounds, self._adapters, self._before, self._now = rounds, adapters, before, now
        self._n_updates = {name: one.updates for name, one in rounds.items()}
        self.new: dict[str, list[tuple[_Waiting, int]]] = {}
        self.counts: dict[str, Counter[str]] = {}
        self.new_tokens: set[tuple[str, bytes]] = set()

    def judge(self, one: _Waiting) -> Answer:
        """Return what becomes of an update, and note it to be added if it counts."""
        key, found = (one.round_id, one.digest), self.rounds.get(one.round_id)
        if key in self._before or key in self.new_tokens:
            return Answer(Verdict.BEFORE)
        if found is None:
            return Answer(Verdict.NO_ROUND, "There is no round of this id.")
        plan, number = found.plan, self._adapters.get((found.plan.target, one.adapter))
        is_full = self._n_updates[found.id] >= plan.max_updates
        if found.state is not State.OPEN or is_full or self._now >= found.deadline:
            return Answer(Verdict.CLOSED, "The round is closed. Take part in the next one.")
        staleness = None if number is None else found.adapter - number
        if staleness is None or staleness < 0:
            return Answer(Verdict.OTHER_ADAPTER, "The update is of an adapter that no plan has named. Sync first.")
        if staleness > plan.max_staleness:
            why = f"The update is {staleness} adapters late, and the plan allows {plan.max_staleness}. Sync first."
            return Answer(Verdict.STALE, why)
        self._add(one, staleness)
        return Answer(Verdict.COUNTED)

    def changes(self, round_id: str) -> dict[str, object]:
        """Return the columns of a round that change with its new updates; a full round closes."""
        found, n_updates = self.rounds[round_id], self._n_updates[round_id]
        weight = sum(weight for _, weight in self.new[round_id])
        columns: dict[str, object] = {"updates": n_updates, "weight": found.weight + weight}
        if n_updates >= found.plan.max_updates:
            columns |= closing(found, n_updates, self._now, "as it was full")
        return columns

    def _add(self, one: _Waiting, staleness: int) -> None:
        self.new_tokens.add((one.round_id, one.digest))
        self.new.setdefault(one.round_id, []).append((one, staleness_weight(staleness)))
        self._n_updates[one.round_id] += 1
        counts = self.counts.setdefault(one.round_id, Counter())
        counts[f"staleness {staleness}"] += 1
        counts["clipped"] += one.was_clipped
