"""What operators see: sums and counts, and nothing about any device."""

import time
from collections.abc import Mapping
from typing import Final

import msgspec

from edge_runtime.bundle.release import Wave, open_share
from edge_runtime.version import __version__
from server.database.database import Database
from server.halting.service import Halting
from server.halting.threshold import CONFIDENCE, MIN_RECEIPTS
from server.metrics.instruments import seconds_left
from server.receipts.counts import HOUR_S
from server.receipts.totals import UNKNOWN_AFTER_HOURS, Hour, Split, hours_of, split_of, traffic_since
from server.releases.service import Release, Releases
from server.rounds.ledger import Ledger
from server.rounds.state import RoundState, read_state

HOURS: Final = 48
"""How many hours the page shows."""
SHOWN_ROUNDS: Final = 12
"""How many rounds the page shows."""


class Status(msgspec.Struct, frozen=True):
    """The server.

    Attributes:
        version: its version.
        now: seconds since 1970.
        problems: what an operator has to do, by folder, target or role.
        timestamp_expires_s: seconds until the timestamp expires; None if the releases are not signed.
    """

    version: str
    now: int
    problems: dict[str, str]
    timestamp_expires_s: float | None


class Schedule(msgspec.Struct, frozen=True):
    """The signed schedule of a rollout, and what halts it."""

    start: str
    hours: float
    rings: tuple[float, ...]
    max_refused: float


class RolloutState(msgspec.Struct, frozen=True):
    """A release on offer, and how its rollout is going.

    Attributes:
        target: the target.
        name: name of the bundle.
        release: number of the release.
        manifest: sha256 of the final manifest.
        bytes: size of all files.
        deltas: number of earlier releases from which a delta leads to it.
        stage: ``open``, ``halted``, or ``halted: needs keys``.
        open: the share of the devices that may take it now.
        schedule: the signed schedule; None for everyone at once.
        devices: where the devices are; ``waiting`` and ``unknown`` are estimates from downloads without a receipt.
        hours: counters of the last hours that have any.
    """

    target: str
    name: str
    release: int
    manifest: str
    bytes: int
    deltas: int
    stage: str
    open: float
    schedule: Schedule | None
    devices: Split
    hours: list[Hour]


class Rollouts(msgspec.Struct, frozen=True):
    """All rollouts, and the constants of the rules by which they are judged."""

    min_receipts: int
    confidence: float
    unknown_after_hours: int
    hour: int
    rollouts: list[RolloutState]


class TrafficHour(msgspec.Struct, frozen=True):
    """Counters of one hour since 1970, such as ``requests``, ``checks``, ``bytes`` and ``status 404``."""

    hour: int
    counts: dict[str, int]


class Traffic(msgspec.Struct, frozen=True):
    """Traffic of the last hours that had any, over all processes."""

    hour: int
    hours: list[TrafficHour]


class Rounds(msgspec.Struct, frozen=True):
    """The newest rounds, in counts, the newest first."""

    rounds: list[RoundState]


class Figures:
    """Reads the figures."""

    def __init__(self, releases: Releases, database: Database, halting: Halting) -> None:
        self._releases, self._database, self._halting = releases, database, halting
        self._ledger = Ledger(database)

    def status(self, problems: Mapping[str, str]) -> Status:
        """Return the state of the server."""
        timestamp = self._releases.view.metadata.get("timestamp.json")
        return Status(__version__, int(time.time()), dict(problems), seconds_left(timestamp))

    async def rollouts(self) -> Rollouts:
        """Return all releases on offer."""
        states = [await self._state(target, release) for target, release in self._releases.view.channels.items()]
        return Rollouts(MIN_RECEIPTS, CONFIDENCE, UNKNOWN_AFTER_HOURS, _hour(), states)

    async def traffic(self) -> Traffic:
        """Return the traffic of the last :data:`HOURS` hours."""
        found = await traffic_since(self._database, _hour() - HOURS + 1)
        return Traffic(_hour(), [TrafficHour(hour, counts) for hour, counts in found.items()])

    async def rounds(self) -> Rounds:
        """Return the newest :data:`SHOWN_ROUNDS` rounds."""
        found = (await self._ledger.rounds())[:SHOWN_ROUNDS]
        return Rounds([await read_state(self._ledger, one) for one in found])

    async def _state(self, target: str, release: Release) -> RolloutState:
        manifest, document = release.manifest, release.document
        wave = document.wave if document else None
        return RolloutState(
            target=target,
            name=manifest.name,
            release=manifest.release,
            manifest=release.sha256,
            bytes=manifest.bundle_bytes,
            deltas=len(document.deltas) if document else 0,
            stage=self._halting.stage(target, release),
            open=open_share(document, release.sha256, release.rollout, time.time()) if document else 1.0,
            schedule=None if wave is None else _schedule(wave),
            devices=await split_of(self._database, target, release.sha256, _hour()),
            hours=await hours_of(self._database, target, release.sha256, _hour() - HOURS + 1),
        )


def _schedule(wave: Wave) -> Schedule:
    return Schedule(wave.start, wave.hours, wave.rings, wave.max_refused)


def _hour() -> int:
    return int(time.time() // HOUR_S)
