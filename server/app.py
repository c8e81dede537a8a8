"""The ASGI application: releases for devices and the web demo for browsers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException

from edge_runtime.paths import AnyPath
from server.releases.repository import RepositoryStore, is_repository
from server.releases.routes import ReleaseController, healthz
from server.releases.service import Releases, ReleaseStore
from server.responses import http_problem, internal_error
from server.web.routes import WebController
from server.web.service import WebFiles

log = logging.getLogger(__name__)


def create_app(root: AnyPath, web: AnyPath | None, *, watch_s: float = 1.0) -> Litestar:
    """Return the application; it reads its folders at start-up, and again every ``watch_s`` seconds.

    Args:
        root: a repository of signed releases, or a folder of bundle folders.
        web: folder of the built web demo; None for a page that explains how to build it.
        watch_s: seconds between refreshes of the folders.

    Raises:
        OSError: at start-up, if ``root`` cannot be read.
    """
    return application(releases_in(Path(root)), WebFiles(None if web is None else Path(web)), watch_s=watch_s)


def releases_in(root: Path) -> Releases:
    """Return the index of a repository of signed releases, or of a folder of bundle folders."""
    return RepositoryStore(root) if is_repository(root) else ReleaseStore(root)


def application(releases: Releases, web: WebFiles, *, watch_s: float) -> Litestar:
    """Return the application for two services, to which the caller keeps access."""

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        await asyncio.to_thread(releases.refresh)
        await asyncio.to_thread(web.refresh)
        task = asyncio.create_task(_watch((releases.refresh, web.refresh), watch_s))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            releases.close()
            web.close()

    return Litestar(
        route_handlers=[ReleaseController, WebController, healthz],
        dependencies={
            "releases": Provide(lambda: releases, sync_to_thread=False),
            "web": Provide(lambda: web, sync_to_thread=False),
        },
        exception_handlers={HTTPException: http_problem, Exception: internal_error},
        lifespan=[lifespan],
        openapi_config=None,
        logging_config=None,
    )


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
                    is_expected = isinstance(error, OSError)
                    log.warning("could not look for changes: %s", cause, exc_info=None if is_expected else error)
