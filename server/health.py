"""Health, readiness and metrics of the server, for its operators' tools."""

from collections.abc import Iterator
from typing import Final

import msgspec
from litestar import MediaType, Response
from litestar.di import NamedDependency
from litestar.exceptions import ServiceUnavailableException
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.metrics.instruments import exposition, seconds_left
from server.operations import Operations
from server.releases.routes import SAFE
from server.releases.service import Releases
from server.responses import NO_STORE, problems, reading

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Health(msgspec.Struct, frozen=True):
    """``status`` is ``ok``, or ``degraded`` if there are problems.

    Attributes:
        status: whether an operator has something to do.
        channels: number of releases on offer.
        problems: reasons by refused folder or target, by ``repository``, by ``timestamp``, or by ``rollout TARGET``.
    """

    status: str
    channels: int
    problems: dict[str, str]


class Ready(msgspec.Struct, frozen=True):
    """``ready`` is true: requests can be sent here."""

    ready: bool


class Monitor:
    """What health and metrics report."""

    def __init__(self, releases: Releases, operations: Operations | None) -> None:
        self._releases, self._operations = releases, operations

    def health(self) -> Health:
        """Return refused folders, rollouts that should be halted, and an expired timestamp."""
        view = self._releases.view
        found = dict(view.problems)
        left = seconds_left(self.timestamp())
        if left is not None and left <= 0:
            found["timestamp"] = (
                "The timestamp has expired, so that devices accept no update. "
                "Renew it: `pocketrec release expire REPO timestamp`"
            )
        if self._operations is not None:
            found |= {f"rollout {target}": why for target, why in self._operations.halting.problems.items()}
        return Health("degraded" if found else "ok", len(view.channels), found)

    async def is_ready(self) -> bool:
        """Return whether the database answers."""
        if self._operations is None:
            return True
        try:
            await self._operations.database.rows(text("SELECT 1"))
        except (SQLAlchemyError, OSError):
            return False
        return True

    def releases(self) -> int:
        """Return the number of releases on offer."""
        return len(self._releases.view.channels)

    def timestamp(self) -> bytes | None:
        """Return the signed timestamp."""
        return self._releases.view.metadata.get("timestamp.json")

    def rollouts(self) -> Iterator[tuple[str, str]]:
        """Yield target and stage of every rollout."""
        if self._operations is not None:
            for target, release in self._releases.view.channels.items():
                yield target, self._operations.halting.stage(target, release)


@reading("/healthz", tags=["health"])
async def healthz(monitor: NamedDependency[Monitor]) -> Response[Health]:
    """Report what an operator has to look at. The status is always 200, because everything else is served."""
    return Response(monitor.health(), headers={**NO_STORE, **SAFE})


@reading("/readyz", tags=["health"], responses=problems(service_unavailable="The database does not answer."))
async def readyz(monitor: NamedDependency[Monitor]) -> Response[Ready]:
    """Report whether requests can be sent here."""
    if not await monitor.is_ready():
        raise ServiceUnavailableException("The database does not answer; the server keeps trying.")
    return Response(Ready(True), headers=NO_STORE)


@reading("/metrics", media_type=MediaType.TEXT, tags=["health"])
async def metrics(monitor: NamedDependency[Monitor]) -> Response[bytes]:
    """Return the metrics in Prometheus' text format. Keep this route from the public in the proxy in front."""
    return Response(exposition(monitor), media_type=_TEXT, headers=NO_STORE)
