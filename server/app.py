"""The ASGI application: releases for devices and the web demo for browsers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ControllerRouterHandler

from edge_runtime.paths import AnyPath
from server.database.database import Database
from server.described import cors_for, openapi
from server.errors import StorageError
from server.health import Monitor, healthz, metrics, readyz
from server.metrics.observer import Observer
from server.objects import Objects, Place
from server.operations import Operations
from server.operators.figures import Figures
from server.operators.keys import OperatorKeys
from server.operators.routes import OperatorController, page
from server.receipts.routes import receive
from server.releases.object_repository import ObjectContents
from server.releases.repository import RepositoryStore, is_repository
from server.releases.routes import ReleaseController
from server.releases.service import Releases, ReleaseStore
from server.responses import http_problem, internal_error
from server.rounds.routes import upload
from server.web.routes import WebController
from server.web.service import WebFiles

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppOptions:
    """How the application behaves.

    Attributes:
        watch_s: seconds between refreshes of the folders.
        allow_origins: origins of pages elsewhere that may read releases.
    """

    watch_s: float = 1.0
    allow_origins: tuple[str, ...] = ()


def create_app(
    root: AnyPath, web: AnyPath | None, *, watch_s: float = 1.0, database_url: str | None = None
) -> Litestar:
    """Return the application; it reads its folders at start-up, and again every ``watch_s`` seconds.

    Args:
        root: a repository of signed releases, or a folder of bundle folders.
        web: folder of the built web demo; None for a page that explains how to build it.
        watch_s: seconds between refreshes of the folders.
        database_url: a database with current tables (:func:`server.database.database.migrate`), for receipts and the
            operator's page; None to do without.

    Raises:
        OSError: at start-up, if ``root`` cannot be read.
    """
    releases = releases_in(Path(root))
    operations = None if database_url is None else Operations.over(releases, Database(database_url))
    files = WebFiles(None if web is None else Path(web))
    return application(releases, files, operations, AppOptions(watch_s=watch_s))


def releases_in(root: Place) -> Releases:
    """Return the index of a repository of signed releases, or of a folder of bundle folders.

    Raises:
        StorageError: there is no repository at a URL, or its storage does not answer.
    """
    if isinstance(root, str):
        return RepositoryStore(ObjectContents(Objects(root)))
    return RepositoryStore(root) if is_repository(root) else ReleaseStore(root)


def application(releases: Releases, web: WebFiles, operations: Operations | None, options: AppOptions) -> Litestar:
    """Return the application for its services, to which the caller keeps access."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await asyncio.to_thread(releases.refresh)
        await asyncio.to_thread(web.refresh)
        task = asyncio.create_task(_watch((releases.refresh, web.refresh), options.watch_s))
        try:
            async with operations.running() if operations else nullcontext():
                yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            releases.close()
            web.close()

    services = {"releases": releases, "web": web, "monitor": Monitor(releases, operations)}
    handlers: list[ControllerRouterHandler] = [ReleaseController, WebController, healthz, readyz, metrics]
    if operations is not None:
        figures = Figures(releases, operations.database, operations.halting)
        services |= {"receipts": operations.receipts, "intake": operations.intake, "figures": figures}
        handlers += [receive, upload, OperatorController, page]
    observer = Observer(operations.counts, operations.receipts) if operations else Observer(None, None)
    return Litestar(
        route_handlers=handlers,
        dependencies={name: _provide(service) for name, service in services.items()},
        exception_handlers={HTTPException: http_problem, Exception: internal_error},
        before_send=[observer],
        cors_config=cors_for(options.allow_origins),
        lifespan=[lifespan],
        openapi_config=openapi(),
        state=State({"operator_keys": OperatorKeys(operations.database)} if operations else {}),
        logging_config=None,
    )


def _provide(service: object) -> Provide:
    return Provide(lambda: service, sync_to_thread=False)


async def _watch(refreshes: tuple[Callable[[], None], ...], watch_s: float) -> None:
    """Call the refresh functions periodically; a failing one leaves the offered files unchanged."""
    logged: set[str] = set()
    while True:
        await asyncio.sleep(watch_s)
        for refresh in refreshes:
            try:
                await asyncio.to_thread(refresh)
            except Exception as error:  # if the loop ended, the server would serve old releases for ever
                cause = f"{type(error).__name__}: {error}"
                if cause not in logged:  # only once: the same error recurs at every refresh
                    logged.add(cause)
                    is_expected = isinstance(error, OSError | StorageError)
                    log.warning("could not look for changes: %s", cause, exc_info=None if is_expected else error)
