"""What the database has counted, over all processes."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select

from server.database.database import Database
from server.database.tables import HALTS, RECEIPTS, TRAFFIC
from server.receipts.counts import Outcome

UNKNOWN_AFTER_HOURS: Final = 24
"""How long after its download a device may still report; then it is unknown."""


@dataclass(frozen=True, slots=True)
class Split:
    """Where the devices of a release are, by counts only.

    Attributes:
        taken: devices that said that they took it.
        refused: devices that said that they refused it.
        waiting: estimate of those that may still report: recent downloads without a receipt.
        unknown: estimate of those that will not: older downloads without a receipt. Devices that do not report, which
            is the default, are among them. They never count as success.
    """

    taken: int
    refused: int
    waiting: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Hour:
    """Counters of one release in one hour since 1970."""

    hour: int
    fetched: int
    taken: int
    refused: int


async def outcome_of(database: Database, target: str, manifest: str) -> Outcome:
    """Return the sums of a release."""
    sums = (func.coalesce(func.sum(RECEIPTS.c[name]), 0) for name in ("fetched", "taken", "refused"))
    query = select(*sums).where(RECEIPTS.c.target == target, RECEIPTS.c.manifest == manifest)
    return Outcome(*(int(value) for value in (await database.rows(query))[0]))


async def unsettled(database: Database, target: str, manifest: str) -> Outcome:
    """Return the sums of a release without the receipts for which it was halted before."""
    total = await outcome_of(database, target, manifest)
    query = select(HALTS.c.taken, HALTS.c.refused).where(HALTS.c.target == target, HALTS.c.manifest == manifest)
    for taken, refused in await database.rows(query):
        return Outcome(total.fetched, total.taken - taken, total.refused - refused)
    return total


async def settle(database: Database, target: str, manifest: str) -> None:
    """Note the receipts of a release that is halted: they do not halt it again when an operator goes on with it."""
    total = await outcome_of(database, target, manifest)
    row = {"target": target, "manifest": manifest, "taken": total.taken, "refused": total.refused}
    await database.put(HALTS, row)


async def hours_of(database: Database, target: str, manifest: str, since: int) -> list[Hour]:
    """Return the counters of a release by hour, from an hour on."""
    columns = (RECEIPTS.c[name] for name in ("hour", "fetched", "taken", "refused"))
    query = select(*columns).where(
        RECEIPTS.c.target == target, RECEIPTS.c.manifest == manifest, RECEIPTS.c.hour >= since
    )
    return [Hour(*row) for row in await database.rows(query.order_by(RECEIPTS.c.hour))]


async def split_of(database: Database, target: str, manifest: str, hour: int) -> Split:
    """Return where the devices of a release are at an hour since 1970."""
    total = await outcome_of(database, target, manifest)
    recent = await hours_of(database, target, manifest, hour - UNKNOWN_AFTER_HOURS + 1)
    silent = max(total.fetched - total.receipts, 0)
    waiting = min(sum(one.fetched for one in recent), silent)
    return Split(total.taken, total.refused, waiting, silent - waiting)


async def traffic_since(database: Database, hour: int) -> dict[int, dict[str, int]]:
    """Return the counters of traffic by hour, from an hour on."""
    found: dict[int, dict[str, int]] = {}
    for at, what, count in await database.rows(select(TRAFFIC).where(TRAFFIC.c.hour >= hour).order_by(TRAFFIC.c.hour)):
        found.setdefault(at, {})[what] = int(count)
    return found
