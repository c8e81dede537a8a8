"""The application: releases for devices, the web demo for people."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from litestar import Litestar
from litestar.di import Provide
from litestar.exceptions import HTTPException

from edge_runtime.paths import AnyPath
from server.answers import http_problem, unforeseen_problem
from server.releases.routes import ReleaseController, healthz
from server.releases.service import ReleaseStore
from server.web.routes import WebController
from server.web.service import WebFiles

log = logging.getLogger(__name__)


def create_app(root: AnyPath, web: AnyPath | None, *, watch_s: float = 1.0) -> Litestar:
    """Return the application; it reads its folders when it starts, and again every ``watch_s`` seconds.

    Args:
        root: the folder of bundle folders.
        web: the folder of the built web demo, or None for a page that says how to build it.
        watch_s: how soon a new release is noticed.

    Raises:
        OSError: at start-up, when ``root`` cannot be read.
    """
    return application(ReleaseStore(Path(root)), WebFiles(None if web is None else Path(web)), watch_s=watch_s)


def application(releases: ReleaseStore, web: WebFiles, *, watch_s: float) -> Litestar:
    """Return the application over two services, which a caller may want to hold as well."""

    @asynccontextmanager
    async def watching(_: Litestar) -> AsyncIterator[None]:
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
        exception_handlers={HTTPException: http_problem, Exception: unforeseen_problem},
        lifespan=[watching],
        openapi_config=None,
        logging_config=None,
    )


async def _watch(looks: tuple[Callable[[], None], ...], watch_s: float) -> None:
    """Look again and again; a look that fails, for whatever reason, leaves what is on offer as it is."""
    said: set[str] = set()
    while True:
        await asyncio.sleep(watch_s)
        for look in looks:
            try:
                await asyncio.to_thread(look)
            except Exception as error:  # a server that no longer looks serves old releases for ever
                cause = f"{type(error).__name__}: {error}"
                if cause not in said:  # once each: the same trouble comes back every second
                    said.add(cause)
                    foreseen = isinstance(error, OSError)
                    log.warning("could not look for changes: %s", cause, exc_info=None if foreseen else error)
