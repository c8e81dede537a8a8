"""Watches the rollouts on offer, and halts those that too many devices refuse.

Receipts come from anyone, so halting is all that they can cause: it holds a release back, changes nothing on any
device, and an operator can go on with one command.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from edge_runtime.errors import PocketRecError
from server.database.database import Database
from server.halting.threshold import is_exceeded
from server.receipts.totals import settle, unsettled
from server.releases.service import Release, Releases

log = logging.getLogger(__name__)

RETRY_S: Final = 60.0
"""How long a halt that could not be signed waits for the next try."""


class Halter(Protocol):
    """Signs halts; see :class:`server.halting.signing.Signing`."""

    def halt(self, target: str, manifest: str) -> bool:
        """Halt a rollout; return False if there was nothing to halt."""
        ...


class Stage(StrEnum):
    """What became of a rollout."""

    OPEN = "open"
    HALTED = "halted"
    NEEDS_KEYS = "halted: needs keys"


@dataclass(frozen=True, slots=True)
class State:
    """A rollout that passed its threshold; ``why`` says what is missing if it could not be halted."""

    manifest: str
    stage: Stage
    why: str = ""
    retry_at: float = 0.0


class Halting:
    """Decides for all targets; ``halter`` is None where the server has no keys."""

    def __init__(self, releases: Releases, database: Database, halter: Halter | None, repository: str) -> None:
        self._releases, self._database, self._halter = releases, database, halter
        self._repository = repository
        self._states: dict[str, State] = {}

    def stage(self, target: str, release: Release) -> Stage:
        """Return what became of the rollout of a release on offer."""
        if release.rollout is not None and release.rollout.halted:
            return Stage.HALTED
        state = self._states.get(target)
        return state.stage if state is not None and state.manifest == release.sha256 else Stage.OPEN

    @property
    def problems(self) -> Mapping[str, str]:
        """Rollouts that should be halted and are not, with what to do, by target."""
        channels = self._releases.view.channels
        return {
            target: state.why
            for target, state in self._states.items()
            if state.why and target in channels and self.stage(target, channels[target]) is Stage.NEEDS_KEYS
        }

    async def check(self) -> None:
        """Halt what has passed its threshold since the last call.

        Raises:
            SQLAlchemyError: the database does not answer.
        """
        for target, release in self._releases.view.channels.items():
            if not self._is_due(target, release) or not await self._is_exceeded(target, release):
                continue
            if release.rollout is not None and release.rollout.halted:
                await settle(self._database, target, release.sha256)
            else:
                await self._halt(target, release)

    def _is_due(self, target: str, release: Release) -> bool:
        if release.document is None or release.document.wave is None:
            return False
        state = self._states.get(target)
        return state is None or state.manifest != release.sha256 or time.monotonic() >= state.retry_at

    async def _is_exceeded(self, target: str, release: Release) -> bool:
        wave = release.document.wave if release.document else None
        if wave is None:
            return False
        outcome = await unsettled(self._database, target, release.sha256)
        return is_exceeded(outcome.taken, outcome.refused, wave.max_refused)

    async def _halt(self, target: str, release: Release) -> None:
        command = f"pocketrec release promote {self._repository} --target {target} --halt"
        if self._halter is None:
            why = f"{target}: too many devices refuse release {release.manifest.release}. Halt it: `{command}`"
            self._report(target, release.sha256, why)
            return
        try:
            if await asyncio.to_thread(self._halter.halt, target, release.sha256):
                log.error("%s: halted release %d, which too many devices refuse", target, release.manifest.release)
        except (PocketRecError, OSError) as error:
            self._report(target, release.sha256, f"{target}: cannot halt the rollout: {error} By hand: `{command}`")

    def _report(self, target: str, manifest: str, why: str) -> None:
        before = self._states.get(target)
        if before is None or before.why != why:
            log.error(why)
        self._states[target] = State(manifest, Stage.NEEDS_KEYS, why, time.monotonic() + RETRY_S)


async def check_quietly(halting: Halting) -> None:
    """Check, if the database answers; the counters that are written beside it say so if it does not."""
    try:
        await halting.check()
    except (SQLAlchemyError, OSError) as error:
        log.debug("cannot read the counters: %s", error)
