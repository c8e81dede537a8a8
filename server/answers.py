"""Answers that Litestar does not have: a part of a file with its validators, and an error as RFC 9457 asks for it."""

import logging
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import HttpMethod, Request, Response, route
from litestar.exceptions import HTTPException
from litestar.response.streaming import ASGIStreamingResponse

from server.blob import Blob
from server.ranges import wanted_part

AnyRequest = Request[Any, Any, Any]

reading = partial(route, http_method=[HttpMethod.GET, HttpMethod.HEAD])
"""Decorates what answers GET; HEAD is the same without the body, which the server leaves out."""

log = logging.getLogger(__name__)


class FileAnswer(Response[None]):
    """A file, or the part of it that the request's headers ask for, streamed; 304 or 416 where they apply.

    Args:
        blob: the file.
        media_type: its type.
        headers: further headers; they go with the 304 as well, as the standard wants.
    """

    def __init__(self, blob: Blob, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers=headers)
        self._blob = blob
        self._type = media_type
        self._extra = dict(headers)

    def to_asgi_response(self, *, request: AnyRequest, **_: Any) -> ASGIStreamingResponse:  # type: ignore[override]  # noqa: ANN401  # the framework passes more keywords than an answer without body, cookies and encoders needs
        """Resolve the answer against the request's headers."""
        blob, asked = self._blob, request.headers
        is_head = request.method == "HEAD"
        want = wanted_part(
            blob.size,
            blob.etag,
            if_none_match=asked.get("if-none-match"),
            byte_range=None if is_head else asked.get("range"),  # a range is defined for GET alone
            if_range=asked.get("if-range"),
        )
        if want.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise HTTPException(
                detail=f"The file has {blob.size} bytes; none of the range is in it.",
                status_code=want.status,
                headers={"Content-Range": f"bytes */{blob.size}"},
            )
        headers = {"ETag": blob.etag, "Accept-Ranges": "bytes", **self._extra}
        if want.status == HTTPStatus.PARTIAL_CONTENT:
            headers["Content-Range"] = f"bytes {want.start}-{want.stop - 1}/{blob.size}"
        if want.status != HTTPStatus.NOT_MODIFIED:
            headers["Content-Length"] = str(want.stop - want.start)
            headers["Content-Type"] = self._type
        return ASGIStreamingResponse(
            iterator=blob.pieces(want.start, want.stop),
            status_code=want.status,
            headers=headers,
            media_type=self._type,
            is_head_response=is_head,
        )


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response[bytes]:
    """Return problem details, RFC 9457: the status says what kind, ``detail`` what to do."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
    )


def http_problem(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Answer what the framework refuses: no such route, method not allowed, malformed request."""
    return problem(error.status_code, error.detail or HTTPStatus(error.status_code).phrase, error.headers)


def unforeseen_problem(_: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer a bug. The log gets the traceback and nothing of the request: no address, no header."""
    log.error("a request failed", exc_info=error)
    return problem(500, "The server failed on this request; its log says why.")
