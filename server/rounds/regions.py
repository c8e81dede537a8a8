"""Hands the exact sum of a region's round over, and adds those of other regions to a round.

Regions have rounds of their own, with the same adapter and terms. The file is JSON with integers, so that whatever adds
files up, such as the Flower app in ``deploy/flower``, keeps them exact.
"""

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from msgspec import Meta, Struct

from edge_runtime.errors import BundleError
from edge_runtime.rounds.plan import RoundPlan
from server.database.tables import ROUND_SHARDS
from server.errors import RoundStateError
from server.rounds.folding import WEIGHT_UNIT, Sum
from server.rounds.ledger import Ledger, Round, State, add_counts, change, closing, lock_rounds, terms_of

MAX_BYTES: Final = 1 << 22
_INT64: Final = Meta(ge=-(1 << 63), le=(1 << 63) - 1)
_MARK: Final = "of "
"""Counter of a round: how many updates come from the round of another region."""
_ROUNDING: Final = 1e-9
"""By how much the norm of a sum may exceed its bound, as both are computed in floating point."""
Count = Annotated[int, Meta(ge=1, le=1 << 40)]


class RegionSum(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The sum of one or several regions.

    Attributes:
        regions: ids of their rounds, with the number of updates of each.
        terms: SHA-256 of what gives an update its meaning.
        weight: sum of the weights in 1,024ths.
        merged: number of rounds in the sum.
        values: the sum, times the weights.
    """

    regions: Annotated[dict[Annotated[str, Meta(pattern=r"\A[a-z0-9]{26}\Z")], Count], Meta(min_length=1)]
    terms: str
    weight: Count
    merged: Count
    values: list[Annotated[int, _INT64]]


def read_region_sum(path: Path) -> RegionSum:
    """Read the file of one or several regions.

    Raises:
        BundleError: it is no such file.
    """
    with path.open("rb") as stream:
        data = stream.read(MAX_BYTES + 1)
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"found more than {MAX_BYTES:,} bytes")
        return msgspec.json.decode(data, type=RegionSum)
    except (ValueError, msgspec.MsgspecError) as error:
        raise BundleError(f"{path}: {error}. Expected a file of `pocketrec rounds export-sum`.") from error


async def export_sum(ledger: Ledger, round_id: str) -> RegionSum:
    """Return the sum of a closed round, which cannot be published here any more; repeated, it returns the same.

    Raises:
        RoundStateError: the round is open, has no updates, or was published.
    """
    found, total = await ledger.one(round_id), await ledger.total(round_id)
    if found.state not in (State.CLOSED, State.SHORT, State.HANDED) or total is None:
        raise RoundStateError(f"round {round_id} is {found.state.value}, expected one that is closed. {found.note}")
    async with ledger.database.engine.connect() as connection:
        await ledger.database.begin_writing(connection)
        now = (await lock_rounds(connection, [round_id]))[round_id]
        if now.state is not found.state:
            raise RoundStateError(f"round {round_id} is {now.state.value} since a moment. Repeat the command.")
        if now.state is not State.HANDED:
            await change(connection, round_id, state=State.HANDED.value, note=f"{now.note} Its sum was handed over.")
        await connection.commit()
    return RegionSum(
        regions={found.id: found.updates},
        terms=_digest(found),
        weight=found.weight,
        merged=found.merged,
        values=np.frombuffer(total.to_bytes(), "<i8").tolist(),
    )


async def add_sum(ledger: Ledger, round_id: str, other: RegionSum) -> Round:
    """Add the sums of other regions to a closed round, once; return the round.

    Raises:
        RoundStateError: the round cannot take them, or has some of them already.
    """
    await ledger.one(round_id)
    connection = await ledger.database.durable()
    try:
        await ledger.database.begin_writing(connection)
        found = (await lock_rounds(connection, [round_id]))[round_id]
        known = {name.removeprefix(_MARK) for name in await ledger.counts(round_id) if name.startswith(_MARK)}
        if not other.regions.keys() <= known:
            _check(found, other, known)
            updates = found.updates + sum(other.regions.values())
            name = hashlib.sha256(",".join(sorted(other.regions)).encode()).hexdigest()[:16]
            sums = Sum(np.array(other.values, np.int64)).to_bytes()
            await ledger.database.put_in(connection, ROUND_SHARDS, {"round": round_id, "shard": name, "sums": sums})
            counts = {f"{_MARK}{region}": number for region, number in other.regions.items()}
            await add_counts(ledger.database, connection, round_id, counts)
            merged = replace(found, merged=found.merged + other.merged)
            columns = closing(merged, updates, found.closed or 0, f"with {len(other.regions)} more regions,")
            columns |= {"updates": updates, "weight": found.weight + other.weight, "merged": merged.merged}
            await change(connection, round_id, **columns)
            await connection.commit()
    finally:
        await connection.close()
    return await ledger.one(round_id)


def _check(found: Round, other: RegionSum, known: set[str]) -> None:
    if found.state not in (State.CLOSED, State.SHORT) or found.share:
        raise RoundStateError(f"round {found.id} is {found.state.value}, expected one that is closed. {found.note}")
    if other.terms != _digest(found) or len(other.values) != found.plan.size:
        raise RoundStateError(f"round {found.id}: the sum is of another adapter, or of other terms.")
    twice = sorted(other.regions.keys() & (known | {found.id}))
    if twice:
        raise RoundStateError(f"round {found.id} has the updates of {', '.join(twice)} already.")
    _check_size(found.plan, other)


def _check_size(plan: RoundPlan, other: RegionSum) -> None:
    """Check that so many updates can have the sum; nothing else bounds what another region hands over.

    Raises:
        RoundStateError: they cannot.
    """
    n_updates, n_regions = sum(other.regions.values()), len(other.regions)
    if other.merged < n_regions or other.weight > WEIGHT_UNIT * n_updates:
        raise RoundStateError(
            f"round {plan.round}: found {other.merged} rounds and the weight {other.weight} for {n_updates:,} updates "
            f"of {n_regions} regions, expected at least {n_regions} and at most {WEIGHT_UNIT * n_updates}. The file is "
            "damaged, or no `pocketrec rounds export-sum` wrote it."
        )
    norm, limit = math.sqrt(sum(value * value for value in other.values)), other.weight * plan.norm_limit * plan.scale
    if norm > limit * (1.0 + _ROUNDING):
        raise RoundStateError(
            f"round {plan.round}: the sum of {n_updates:,} updates has the norm {norm:.4g}, expected at most "
            f"{limit:.4g}: longer updates are scaled down before they are added. The file is damaged, or no "
            "`pocketrec rounds export-sum` wrote it."
        )


def _digest(found: Round) -> str:
    return hashlib.sha256(msgspec.json.encode(terms_of(found.plan))).hexdigest()
