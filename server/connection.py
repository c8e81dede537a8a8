"""Limits on a connection: size and duration of a request, and time in which the client must read the response.

uvicorn has no such limits: a request head of a hundred megabytes would be collected in memory while all other requests
wait, and a silent connection would stay open for ever.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_MALFORMED: Final = b"400 Bad Request"
_TOO_LATE: Final = b"408 Request Timeout"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """Limits of one connection.

    Attributes:
        head_bytes: maximum size of the head of a request.
        request_bytes: maximum size of a request, head and body; the largest bodies are updates of a round, 64 KiB.
        request_s: maximum seconds from the opened connection, or the first byte after a response, to the end of the
            request.
        stalled_s: maximum seconds in which the client reads nothing of a response. A device itself abandons downloads
            below 4 KiB per second.
    """

    head_bytes: int = 64 << 10
    request_bytes: int = 128 << 10
    request_s: float = 10.0
    stalled_s: float = 120.0


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with :class:`RequestLimits`; a connection that exceeds a limit is closed."""

    def __init__(self, *, limits: RequestLimits, **options: Any) -> None:  # noqa: ANN401 - passed on to uvicorn
        super().__init__(**options)
        self._limits = limits
        self._request_bytes = 0  # bytes received of the current, incomplete request
        self._head_bytes = 0
        self._is_too_large = False
        self._ignores_input = False
        self._request_timer: asyncio.TimerHandle | None = None
        self._stalled_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer of the first request."""
        super().connection_made(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self._cancel_request_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, or refuse a request that is too large."""
        if self._ignores_input:
            return
        self._request_bytes += len(data)
        super().data_received(data)
        if self._is_too_large or self._request_bytes > self._limits.request_bytes:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Start the timer of the request, unless the connection has started it."""
        super().on_message_begin()
        self._is_too_large = False
        self._head_bytes = 0
        if self._request_timer is None:
            self._wait_for_request()

    def on_url(self, url: bytes) -> None:
        """Store a piece of the URL if the head is within the limit."""
        if self._fits_in_head(len(url)):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header if the head is within the limit."""
        if self._fits_in_head(len(name) + len(value)):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application, unless the head is too large."""
        if not self._is_too_large:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Cancel the timer of the request."""
        self._request_bytes = 0
        self._cancel_request_timer()
        if not self._is_too_large:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Start the timer in which the client must read some of the response."""
        super().pause_writing()
        self._stalled_timer = self.loop.call_later(self._limits.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel that timer."""
        super().resume_writing()
        if self._stalled_timer is not None:
            self._stalled_timer.cancel()
            self._stalled_timer = None

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request, without a body: it may be a HEAD request."""
        self._refuse(_MALFORMED)

    def _fits_in_head(self, n_bytes: int) -> bool:
        self._head_bytes += n_bytes
        self._is_too_large = self._is_too_large or self._head_bytes > self._limits.head_bytes
        return not self._is_too_large

    def _unsupported_upgrade_warning(self) -> None:
        """Handle a request to upgrade the protocol as plain HTTP, and ignore everything after it."""
        self._ignores_input = True
        if self._is_responding():
            self.cycle.keep_alive = False

    def _is_responding(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait_for_request(self) -> None:
        self._request_timer = self.loop.call_later(self._limits.request_s, self._refuse, _TOO_LATE)

    def _cancel_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _refuse(self, status: bytes) -> None:
        """Close the connection, with an error status if a request was received and no response has begun."""
        self._ignores_input = True
        if self.transport.is_closing():
            return
        if self._is_responding():
            self.transport.abort()
            return
        if self._request_bytes or self._is_too_large:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()
