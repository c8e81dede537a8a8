"""Combines the sums of two operators, each of whom has one share of each update.

Which updates count is agreed on by tokens: an update whose other share never arrived is left out of both sums. Each
operator adds up once, over the tokens that both have, and deletes the shares. So nobody can get the sums over two sets
that differ by one device. The files that operators exchange are parsed within bounds that the plan gives.
"""

import hashlib
import math
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from edge_runtime.errors import BundleError
from edge_runtime.rounds.plan import RoundPlan, dump_plan
from edge_runtime.rounds.shares import Residues, reduced, signed
from server.database.tables import ROUND_SHARDS, ROUND_SHARES
from server.errors import RoundStateError
from server.rounds.folding import WEIGHT_UNIT, Sum
from server.rounds.ledger import Ledger, Round, State, change, lock_rounds

TIMES: Final = 8.0
"""Standard deviations by which the norm of the noise in a sum may exceed its expectation."""
_COMBINED: Final = "combined"
Hex = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Answer = TypeVar("Answer")
File = TypeVar("File", bound="Tokens | ShareSum")


class Tokens(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The digests of the tokens whose shares an operator has, in order, and of the plan."""

    round: str
    plan: Hex
    share: int
    tokens: list[Hex]


class ShareSum(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The sum of an operator's shares modulo ``2 ** wire_bits``, their number, and the digest of their tokens.

    Values from ``2 ** 63`` on are written as negative ones.
    """

    round: str
    plan: Hex
    share: int
    updates: int
    tokens: Hex
    values: list[Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]]


def read_file(path: Path, kind: type[File], plan: RoundPlan) -> File:
    """Read a file of the other operator.

    Raises:
        BundleError: it is too large, no such file, or of another plan.
    """
    limit = 4096 + (68 * plan.max_updates if kind is Tokens else 24 * plan.size)
    with path.open("rb") as stream:
        data = stream.read(limit + 1)
    try:
        if len(data) > limit:
            raise ValueError(f"found more than {limit:,} bytes")
        found = msgspec.json.decode(data, type=kind)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BundleError(f"{path}: {error}. Expected the other operator's file for round {plan.round}.") from error
    if (found.round, found.plan) != (plan.round, _digest(plan)):
        raise BundleError(f"{path}: it is of another plan than round {plan.round}. Both operators need the same file.")
    return found


async def read_tokens(ledger: Ledger, round_id: str) -> Tokens:
    """Return the tokens of a closed round whose shares are here.

    Raises:
        RoundStateError: it has not been closed, has no shares, or was added up.
    """
    found = _in_shares(await ledger.one(round_id))
    query = select(ROUND_SHARES.c.sha256).where(ROUND_SHARES.c.round == round_id).order_by(ROUND_SHARES.c.sha256)
    digests = [bytes(digest).hex() for (digest,) in await ledger.database.rows(query)]
    return Tokens(round=round_id, plan=_digest(found.plan), share=found.share, tokens=digests)


async def add_shares(ledger: Ledger, round_id: str, other: Tokens) -> ShareSum:
    """Return the sum over the tokens that both operators have, once; a repeated call returns the same one.

    Args:
        ledger: the second operator's.
        round_id: the round.
        other: the first operator's tokens.

    Raises:
        RoundStateError: they are too few, or were others before.
    """
    found = await ledger.one(round_id)
    if found.outcome is not None and found.share == 2:
        return msgspec.json.decode(found.outcome, type=ShareSum)
    _in_shares(found, 2)
    _check_other(other, 1)

    async def work(connection: AsyncConnection) -> ShareSum:
        result = await _added_up(connection, found, other.tokens)
        note = f"Added up {result.updates:,} shares, which the other operator has, too."
        await change(connection, round_id, state=State.ADDED.value, note=note, outcome=msgspec.json.encode(result))
        return result

    return await _locked(ledger, found, work)


async def combine(ledger: Ledger, round_id: str, tokens: Tokens, other: ShareSum) -> Round:
    """Add both sums to the sum of the updates, as if there had been one operator; return the round, ready to publish.

    Args:
        ledger: the first operator's.
        round_id: the round.
        tokens: the second operator's tokens.
        other: the second operator's sum.

    Raises:
        RoundStateError: the operators have added up different updates, too few, or more than honest devices can send.
    """
    found = await ledger.one(round_id)
    if found.state is State.CLOSED and found.share == 1:
        return found
    _in_shares(found, 1)
    _check_other(tokens, 2)
    _check_other(other, 2)

    async def work(connection: AsyncConnection) -> None:
        ours = await _added_up(connection, found, tokens.tokens)
        if (ours.updates, ours.tokens) != (other.updates, other.tokens) or len(other.values) != found.plan.size:
            raise RoundStateError(
                f"round {round_id}: the other operator has added up {other.updates:,} other updates than the "
                f"{ours.updates:,} here. Exchange the files of `pocketrec rounds tokens` again."
            )
        total = signed(reduced(_residues(ours) + _residues(other), found.plan), found.plan)
        _check_norm(found.plan, total, ours.updates)
        sums = Sum.zero(found.plan.size)
        sums.add(total, WEIGHT_UNIT)
        row = {"round": round_id, "shard": _COMBINED, "sums": sums.to_bytes()}
        await ledger.database.put_in(connection, ROUND_SHARDS, row)
        weight = WEIGHT_UNIT * ours.updates
        note = f"Combined {ours.updates:,} updates of two operators."
        columns = {"state": State.CLOSED.value, "note": note, "updates": ours.updates, "weight": weight}
        await change(connection, round_id, **columns)

    await _locked(ledger, found, work)
    return await ledger.one(round_id)


async def _added_up(connection: AsyncConnection, found: Round, theirs: Iterable[str]) -> ShareSum:
    """Add up the shares of the tokens that both have, and delete all shares of the round."""
    wanted, digests = {bytes.fromhex(token) for token in theirs}, hashlib.sha256()
    total, n_updates = np.zeros(found.plan.size, np.uint64), 0
    query = select(ROUND_SHARES.c.sha256, ROUND_SHARES.c.share).where(ROUND_SHARES.c.round == found.id)
    rows = await connection.stream(query.order_by(ROUND_SHARES.c.sha256))
    async for digest, share in rows:
        if bytes(digest) in wanted:
            total += np.frombuffer(share, "<u8")
            digests.update(bytes(digest))
            n_updates += 1
    if n_updates < found.needed:
        raise RoundStateError(
            f"round {found.id}: {n_updates:,} updates have reached both operators, expected at least {found.needed:,}. "
            "Their sum is not formed; delete the shares with `pocketrec rounds close --drop`."
        )
    await connection.execute(delete(ROUND_SHARES).where(ROUND_SHARES.c.round == found.id))
    return ShareSum(
        round=found.id,
        plan=_digest(found.plan),
        share=found.share,
        updates=n_updates,
        tokens=digests.hexdigest(),
        values=reduced(total, found.plan).view(np.int64).tolist(),
    )


def _check_norm(plan: RoundPlan, total: "np.ndarray[tuple[int, ...], np.dtype[np.int64]]", n_updates: int) -> None:
    """Check that honest devices can have sent the sum; this is all that bounds a malicious one.

    Raises:
        RoundStateError: they cannot.
    """
    norm = math.sqrt(sum(int(value) ** 2 for value in total)) / plan.scale
    limit = n_updates * plan.clip + plan.sigma * math.sqrt(n_updates) * (math.sqrt(plan.size) + TIMES)
    if norm > limit:
        raise RoundStateError(
            f"round {plan.round}: the sum of {n_updates:,} updates has the norm {norm:.4g}, expected at most "
            f"{limit:.4g}: a device has sent what no honest one sends, or a sum is damaged. Nothing tells which. Drop "
            "the round with `pocketrec rounds close --drop`."
        )


async def _locked(ledger: Ledger, found: Round, work: "Callable[[AsyncConnection], Awaitable[Answer]]") -> "Answer":
    """Do work in one transaction while the round is locked, if it has not changed since it was read."""
    connection = await ledger.database.durable()
    try:
        await ledger.database.begin_writing(connection)
        now = (await lock_rounds(connection, [found.id]))[found.id]
        if now.state is not found.state:
            raise RoundStateError(f"round {found.id} is {now.state.value} since a moment. Repeat the command.")
        answer = await work(connection)
        await connection.commit()
    finally:
        await connection.close()
    return answer


def _in_shares(found: Round, share: int | None = None) -> Round:
    if found.share == 0 or share not in (None, found.share):
        whose = "a share" if share is None else f"share {share}"
        raise RoundStateError(f"round {found.id}: this server does not collect {whose} of each update.")
    if found.state is not State.APART:
        raise RoundStateError(f"round {found.id} is {found.state.value}, expected one that is closed. {found.note}")
    return found


def _check_other(other: Tokens | ShareSum, share: int) -> None:
    if other.share != share:
        raise RoundStateError(f"found the file of operator {other.share}, expected that of operator {share}.")


def _residues(one: ShareSum) -> Residues:
    return np.array(one.values, np.int64).view(np.uint64)


def _digest(plan: RoundPlan) -> str:
    return hashlib.sha256(dump_plan(plan)).hexdigest()
