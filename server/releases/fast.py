"""Answers update checks before the framework: they are most of the requests, and come from memory.

The answers are those of :class:`server.releases.routes.ReleaseController`, header for header.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from server.releases.routes import IMMUTABLE, NO_SUCH_FILE, TIMESTAMP, TIMESTAMP_NAME
from server.releases.service import Releases
from server.responses import PROBLEM_JSON, problem

PREFIX: Final = "/v1/metadata/"
Observe = Callable[[Message, Scope], Awaitable[None]]
_Answer = tuple[dict[str, Any], dict[str, Any]]


class MetadataFirst:
    """An application in front of another, which answers everything but signed metadata.

    Args:
        app: the other one.
        releases: what is on offer.
        observe: called for each message that is sent here.
    """

    def __init__(self, app: ASGIApp, releases: Releases, observe: Observe) -> None:
        self._app, self._releases, self._observe = app, releases, observe
        self._metadata: Mapping[str, bytes] = {}
        self._answers: dict[str, _Answer] = {}
        missing = problem(404, NO_SUCH_FILE)
        self._missing = _answer(404, missing.content, missing.headers, PROBLEM_JSON)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if not self._is_for_us(scope):
            await self._app(scope, receive, send)
            return
        metadata = self._releases.view.metadata
        if metadata is not self._metadata:
            self._metadata = metadata
            self._answers = {name: _signed(name, data) for name, data in metadata.items()}
        for message in self._answers.get(scope["path"][len(PREFIX) :], self._missing):
            await self._observe(message, scope)  # type: ignore[arg-type]
            await send(message)  # type: ignore[arg-type]

    def _is_for_us(self, scope: Scope) -> bool:
        return (
            scope["type"] == ScopeType.HTTP
            and scope["path"].startswith(PREFIX)
            and scope["method"] == "GET"
            and bool(self._releases.view.metadata)
            and not any(name == b"origin" for name, _ in scope["headers"])  # pages of other origins get more headers
        )


def _signed(name: str, data: bytes) -> _Answer:
    return _answer(200, data, TIMESTAMP if name == TIMESTAMP_NAME else IMMUTABLE, "application/json")


def _answer(status: int, body: bytes, headers: Mapping[str, str], media_type: str) -> _Answer:
    """Return the two messages of an answer."""
    fields = {"content-type": media_type, **{name.lower(): value for name, value in headers.items()}}
    encoded = [(name.encode(), value.encode()) for name, value in fields.items()]
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [*encoded, (b"content-length", str(len(body)).encode())],
    }
    return start, {"type": "http.response.body", "body": body, "more_body": False}
