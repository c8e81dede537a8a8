"""What needs the database: receipts, counters, halting, rounds. One object for the application's lifetime."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

from server.database.database import Database
from server.halting.service import Halter, Halting, check_quietly
from server.receipts.counts import Counts
from server.receipts.limit import TokenBucket
from server.receipts.service import Receipts
from server.releases.service import Releases
from server.rounds.intake import Intake

log = logging.getLogger(__name__)

FLUSH_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Operations:
    """Services over one database."""

    database: Database
    counts: Counts
    receipts: Receipts
    halting: Halting
    intake: Intake

    @classmethod
    def over(
        cls,
        releases: Releases,
        database: Database,
        *,
        halter: Halter | None = None,
        repository: str = "REPO",
        bucket: TokenBucket | None = None,
    ) -> Self:
        """Return the services.

        Args:
            releases: what is on offer.
            database: a database with current tables.
            halter: signs halts; None without keys.
            repository: how commands for the operator name the repository.
            bucket: bounds the rate of receipts; None for the default.
        """
        counts = Counts(database)
        halting = Halting(releases, database, halter, repository)
        return cls(database, counts, Receipts(releases, counts, bucket), halting, Intake(database))

    async def step(self) -> None:
        """Write the counters, halt what has to be halted, and close the rounds whose time is over."""
        await self.receipts.flush()
        await check_quietly(self.halting)
        await self.intake.refresh_quietly()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Do a step every second, and write the counters at the end."""
        task = asyncio.create_task(self._run())
        try:
            async with self.intake.running():
                yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.receipts.flush()
            await self.database.close()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.step()
            except Exception:  # if the loop ended, nothing would be counted or halted any more
                log.exception("cannot write the counters, or look at the rollouts and rounds")
