"""Counters in memory, which go to the database once a second: a flood of requests is no flood of transactions.

What was counted since the last write is lost if the process is killed. Lost receipts count as unknown, never as
success.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete

from server.database.database import Database
from server.database.tables import RECEIPTS, TRAFFIC

HOUR_S: Final = 3600
KEPT_HOURS: Final = 400 * 24
"""How long counters are kept: a little over a year."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How often the manifest of a release was fetched, taken and refused."""

    fetched: int = 0
    taken: int = 0
    refused: int = 0

    @property
    def receipts(self) -> int:
        """Number of devices that said something."""
        return self.taken + self.refused


class Counts:
    """Counters of this process since the last :meth:`flush`.

    Args:
        database: where they are added up over all processes.
        clock: returns the seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        self._receipts: Counter[tuple[str, str, int, str]] = Counter()
        self._traffic: Counter[tuple[int, str]] = Counter()
        self._cleaned = 0

    def hour(self) -> int:
        """Return the current hour since 1970."""
        return int(self._clock() // HOUR_S)

    def count_release(self, target: str, manifest: str, what: str) -> None:
        """Count that a release was ``fetched``, ``taken`` or ``refused``."""
        self._receipts[target, manifest, self.hour(), what] += 1

    def count_traffic(self, what: str, number: int = 1) -> None:
        """Count requests or bytes."""
        self._traffic[self.hour(), what] += number

    async def flush(self) -> None:
        """Add the counters to the database; they are kept for the next time if that fails.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        receipts, self._receipts = self._receipts, Counter()
        traffic, self._traffic = self._traffic, Counter()
        try:
            async with self._database.engine.begin() as connection:
                await self._database.add(connection, RECEIPTS, _receipt_rows(receipts))
                rows = [{"hour": hour, "what": what, "count": n} for (hour, what), n in sorted(traffic.items())]
                await self._database.add(connection, TRAFFIC, rows)
                if self._cleaned != self.hour():
                    oldest = self.hour() - KEPT_HOURS
                    await connection.execute(delete(RECEIPTS).where(RECEIPTS.c.hour < oldest))
                    await connection.execute(delete(TRAFFIC).where(TRAFFIC.c.hour < oldest))
        except BaseException:  # also when the server stops meanwhile
            self._receipts.update(receipts)
            self._traffic.update(traffic)
            raise
        self._cleaned = self.hour()


def _receipt_rows(receipts: Counter[tuple[str, str, int, str]]) -> list[dict[str, object]]:
    rows: dict[tuple[str, str, int], dict[str, object]] = {}
    for (target, manifest, hour, what), number in sorted(receipts.items()):
        empty = {"target": target, "manifest": manifest, "hour": hour, "fetched": 0, "taken": 0, "refused": 0}
        rows.setdefault((target, manifest, hour), empty)[what] = number
    return list(rows.values())
