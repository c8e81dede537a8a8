"""One connection within bounds: a request has a largest size and a longest time, and an answer must be taken.

uvicorn's parser has neither: a head of a hundred megabytes is gathered in memory while everybody else waits, and a
connection that says nothing stays for ever.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_TOO_LATE: Final = b"408 Request Timeout"
_TOO_LARGE: Final = b"431 Request Header Fields Too Large"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """What one client may ask of the server's patience.

    Attributes:
        request_bytes: of one request, head and body: no request of a device or a page has a body.
        request_s: from the opened connection, or the first byte after an answer, to the end of the request.
        stalled_s: in which a client takes nothing of its answer. A device gives up below 4 KiB a second by itself.
    """

    request_bytes: int = 64 << 10
    request_s: float = 10.0
    stalled_s: float = 120.0


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, closed where it breaks a limit."""

    def __init__(self, *, limits: RequestLimits, **of_uvicorn: Any) -> None:  # noqa: ANN401 - passed on as it comes
        super().__init__(**of_uvicorn)
        self._limits = limits
        self._request_bytes = 0  # received of the request that is not complete yet
        self._head_bytes = 0
        self._is_too_large = False
        self._is_deaf = False
        self._request_timer: asyncio.TimerHandle | None = None
        self._stalled_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._cancel_request_timer()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, unless the request has become too large."""
        if self._is_deaf:
            return
        self._request_bytes += len(data)
        super().data_received(data)
        if self._is_too_large or self._request_bytes > self._limits.request_bytes:
            self._refuse(_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin the time of a request, if it has not begun with the connection."""
        super().on_message_begin()
        self._is_too_large = False
        self._head_bytes = 0
        if self._request_timer is None:
            self._wait_for_request()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header while all of them are within the limit."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self._limits.request_bytes:
            self._is_too_large = True
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application, unless the head is refused."""
        if not self._is_too_large:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End the time of a request."""
        self._request_bytes = 0
        self._cancel_request_timer()
        if not self._is_too_large:
            super().on_message_complete()

    def pause_writing(self) -> None:
        """Begin the time in which the client must take something of its answer."""
        super().pause_writing()
        self._stalled_timer = self.loop.call_later(self._limits.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """End that time."""
        super().resume_writing()
        if self._stalled_timer is not None:
            self._stalled_timer.cancel()
            self._stalled_timer = None

    def _unsupported_upgrade_warning(self) -> None:
        """Answer a request for another protocol as the plain one that it is, and nothing behind it."""
        self._is_deaf = True
        if self._is_answering():
            self.cycle.keep_alive = False

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait_for_request(self) -> None:
        self._request_timer = self.loop.call_later(self._limits.request_s, self._refuse, _TOO_LATE)

    def _cancel_request_timer(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _refuse(self, status: bytes) -> None:
        """Say why, if the client has asked and no other answer has begun; close the connection."""
        self._is_deaf = True
        if self.transport.is_closing():
            return
        if self._is_answering():
            self.transport.abort()
            return
        if self._request_bytes:
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        self.transport.close()
