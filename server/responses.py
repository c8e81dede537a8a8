"""Responses that Litestar lacks: files with ranges and validators (RFC 9110), and problem details (RFC 9457)."""

import logging
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.streaming import ASGIStreamingResponse

from server.blob import Body
from server.logs import Repeats
from server.ranges import requested_part

AnyRequest = Request[Any, Any, Any]

reading = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Decorator for handlers of GET and HEAD requests; the server omits the body for HEAD."""

log = logging.getLogger(__name__)
_repeats = Repeats()

PROBLEM_JSON: Final = "application/problem+json"
NO_STORE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Problem(msgspec.Struct, frozen=True):
    """Problem details (RFC 9457): ``status`` is the type of the problem, ``detail`` what went wrong and what to do."""

    type: str
    title: str
    status: int
    detail: str


class FileResponse(Response[None]):
    """Streamed response with a file, or the range that the request's headers select; 304 or 416 where they apply.

    Args:
        blob: the file.
        media_type: media type of the file.
        headers: additional headers; RFC 9110 requires them in a 304 response as well.
    """

    def __init__(self, blob: Body, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers=headers)
        self._blob = blob
        self._type = media_type
        self._extra = dict(headers)

    def to_asgi_response(self, *, request: AnyRequest, **_: Any) -> ASGIStreamingResponse:  # type: ignore[override]  # noqa: ANN401  # the framework passes more keywords than a response without body, cookies and encoders needs
        """Build the response for the request's headers."""
        blob, fields = self._blob, request.headers
        is_head = request.method == "HEAD"
        part = requested_part(
            blob.size,
            blob.etag,
            if_none_match=fields.get("if-none-match"),
            byte_range=None if is_head else fields.get("range"),  # ranges are defined for GET only
            if_range=fields.get("if-range"),
        )
        if part.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise HTTPException(
                detail=f"The file has {blob.size} bytes; the requested range is outside of it.",
                status_code=part.status,
                headers={"Content-Range": f"bytes */{blob.size}"},
            )
        headers = {"ETag": blob.etag, "Accept-Ranges": "bytes", **self._extra}
        if part.status == HTTPStatus.PARTIAL_CONTENT:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{blob.size}"
        if part.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(part.stop - part.start)
            headers["Content-Type"] = self._type
        return ASGIStreamingResponse(
            iterator=blob.pieces(part.start, part.stop),
            status_code=part.status,
            headers=headers,
            media_type=self._type,
            is_head_response=is_head,
        )


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """Return problem details (RFC 9457).

    Args:
        status: HTTP status, which is the type of the problem.
        detail: what went wrong and what to do.
        headers: additional headers.
    """
    body = Problem("about:blank", HTTPStatus(status).phrase, status, detail)
    return Response(
        msgspec.json.encode(body), status_code=status, media_type=PROBLEM_JSON, headers={**NO_STORE, **(headers or {})}
    )


def problems(**details: str) -> dict[int, ResponseSpec]:
    """Return the description of error responses; the keys are names of statuses, such as ``not_found``."""
    statuses = {HTTPStatus[name.upper()]: detail for name, detail in details.items()}
    return {
        int(status): ResponseSpec(Problem, generate_examples=False, description=detail, media_type=PROBLEM_JSON)
        for status, detail in statuses.items()
    }


def http_problem(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Handle requests that the framework refuses: unknown route, method not allowed, malformed request."""
    return problem(error.status_code, error.detail or HTTPStatus(error.status_code).phrase, error.headers)


def internal_error(_: AnyRequest, error: Exception) -> Response[bytes]:
    """Handle an unexpected error. The traceback is logged once a minute, but no address or header of the request."""
    left_out = _repeats.take(error)
    if left_out is not None:
        again = f"; so did {left_out:,} before it in the same way" if left_out else ""
        log.error("a request failed%s", again, exc_info=error)
    return problem(500, "Internal server error; the cause is in the server's log.")
