"""Routes for operators, behind a key, and the page that reads them, which is public and empty without one."""

from functools import cache
from pathlib import Path
from typing import Any, Final

from litestar import Controller, Response, get
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from server.described import OPERATOR_KEY
from server.health import Monitor
from server.operators.figures import Figures, Rollouts, Rounds, Status, Traffic
from server.operators.keys import OperatorKeys
from server.responses import NO_STORE, problems, reading

AnyConnection = ASGIConnection[Any, Any, Any, Any]

_PAGE: Final = Path(__file__).with_name("page")
_FILES: Final = {
    "": ("ops.html", "text/html; charset=utf-8"),
    "ops.css": ("ops.css", "text/css; charset=utf-8"),
    "ops.js": ("ops.js", "text/javascript; charset=utf-8"),
}
_PAGE_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def has_key(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """Let a request with a valid key pass.

    Raises:
        NotAuthorizedException: there is none, or it is not valid.
    """
    keys: OperatorKeys = connection.app.state.operator_keys
    scheme, _space, secret = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not await keys.accepts(secret.strip()):
        raise NotAuthorizedException(
            "This needs a key of `pocketrec operator-keys add`, sent as `Authorization: Bearer KEY`.",
            headers={"WWW-Authenticate": "Bearer"},
        )


class OperatorController(Controller):
    """Figures for operators."""

    path = "/v1/operators"
    guards = [has_key]  # noqa: RUF012 - the framework's way
    security = [{OPERATOR_KEY: []}]  # noqa: RUF012 - the framework's way
    tags = ["operators"]  # noqa: RUF012 - the framework's way

    @get("/status", responses=problems(unauthorized="No valid key."))
    async def status(self, figures: NamedDependency[Figures], monitor: NamedDependency[Monitor]) -> Response[Status]:
        """Return version, problems and the age of the timestamp."""
        return Response(figures.status(monitor.health().problems), headers=NO_STORE)

    @get("/rollouts", responses=problems(unauthorized="No valid key."))
    async def rollouts(self, figures: NamedDependency[Figures]) -> Response[Rollouts]:
        """Return the releases on offer, and how their rollouts are going."""
        return Response(await figures.rollouts(), headers=NO_STORE)

    @get("/counters", responses=problems(unauthorized="No valid key."))
    async def counters(self, figures: NamedDependency[Figures]) -> Response[Traffic]:
        """Return requests, update checks, bytes and errors by hour."""
        return Response(await figures.traffic(), headers=NO_STORE)

    @get("/rounds", responses=problems(unauthorized="No valid key."))
    async def rounds(self, figures: NamedDependency[Figures]) -> Response[Rounds]:
        """Return the newest rounds: updates, weights and privacy, in sums only."""
        return Response(await figures.rounds(), headers=NO_STORE)


@reading(["/ops", "/ops/{name:str}"], include_in_schema=False)
async def page(name: FromPath[str] = "") -> Response[bytes]:
    """Return a file of the operator's page."""
    if name not in _FILES:
        raise NotFoundException("The operator's page is at /ops.")
    file, media_type = _FILES[name]
    return Response(_content(file), media_type=media_type, headers=_PAGE_HEADERS)


@cache
def _content(name: str) -> bytes:
    return (_PAGE / name).read_bytes()
