"""Requests to one server with limits on bytes and time, whatever the server sends."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from edge_runtime.errors import ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync.download import check_encoding
from edge_runtime.sync.transport import Response, Transport

Result = TypeVar("Result")
_MAX_SKIPPED: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Timeouts and delays between retries.

    Attributes:
        manifest_s: seconds for the whole manifest, all attempts together.
        grace_s: seconds for a file, independent of its size.
        min_bytes_per_s: download rate, in bytes per second, below which a file is abandoned.
        pauses_s: delays before each retry of a file; the number of retries without progress is their number.
        manifest_pauses_s: the same for the manifest; short, because the user may be waiting.
        session_s: seconds for everything of a sync but the files of a bundle, which add their own.
        session_bytes: bytes for everything of a sync but the files of a bundle, which add a multiple of theirs.
    """

    manifest_s: float = 30.0
    grace_s: float = 60.0
    min_bytes_per_s: int = 4096
    pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    manifest_pauses_s: tuple[float, ...] = (0.5,)
    session_s: float = 300.0
    session_bytes: int = 32 << 20

    def file_s(self, n_bytes: int) -> float:
        """Return the timeout of a file in seconds, all attempts together."""
        return self.grace_s + n_bytes / self.min_bytes_per_s


class Session:
    """Requests to one server, limited all together: any number of small answers would take for ever otherwise.

    Args:
        transport: sends the requests.
        seconds: when the session ends, in seconds from its first request; see :meth:`allow`.
        n_bytes: bytes of response bodies that it may receive.
        clock: monotonic clock, in seconds.
        sleep: waits.

    Attributes:
        requests: number of requests sent so far.
        fetched_bytes: bytes of response bodies received so far.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        seconds: float,
        n_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self._seconds = seconds
        self._end: float | None = None
        self._max_bytes = n_bytes
        self.requests = 0
        self.fetched_bytes = 0

    def allow(self, seconds: float, n_bytes: int) -> None:
        """Extend the limits, for a file whose length is known from a manifest.

        The file has its seconds however long this device has worked since the last request.
        """
        now = self._clock()
        self._end = max(self._end or now, now) + seconds
        self._max_bytes += n_bytes

    def end_after(self, seconds: float) -> float:
        """Return the deadline ``seconds`` from now, or the session's if that is earlier, on this session's clock."""
        now = self._clock()
        if self._end is None:
            self._end = now + self._seconds
        return min(now + seconds, self._end)

    def get(self, path: str, headers: dict[str, str], end: float) -> AbstractContextManager[Response]:
        """Send one GET request; the whole response must arrive by ``end``.

        Raises:
            ServerUnreachableError: no response, or the deadline has passed.
        """
        self._check_time(path, end)
        self.requests += 1
        return self._transport.get(path, headers, within_s=end - self._clock())

    def read(self, response: Response, n_bytes: int) -> bytes:
        """Read up to ``n_bytes`` of a body; empty at its end.

        Raises:
            ServerUnreachableError: the connection broke, or the session's time is up.
            UpdateRefusedError: the response has more bytes than requested, or the session has had too many.
        """
        piece = response.read(n_bytes)
        if self._end is not None:
            self._check_time("the rest", self._end)
        self.fetched_bytes += len(piece)
        if self.fetched_bytes > self._max_bytes:
            raise UpdateRefusedError(
                f"the server sent more than {self._max_bytes:,} bytes in this sync, too many for what was requested. "
                "The bundle in use is unchanged."
            )
        if len(piece) > n_bytes:
            raise UpdateRefusedError(f"the server sent {len(piece)} bytes, expected at most {n_bytes}.")
        return piece

    def body(self, response: Response, limit: int) -> bytes:
        """Return a whole body of at most ``limit`` bytes.

        Raises:
            ServerUnreachableError: the body ended early.
            UpdateRefusedError: the body is longer than ``limit``, or has a content encoding.
        """
        check_encoding(response.header("Content-Encoding"), "the response")
        body = bytearray()
        while len(body) <= limit and (piece := self.read(response, limit + 1 - len(body))):
            body += piece
        if len(body) > limit:
            raise UpdateRefusedError(f"the server sent more than {limit} bytes, too many for this request.")
        length = response.header("Content-Length")
        if length is not None and length != str(len(body)):
            raise ServerUnreachableError(f"the response ended after {len(body)} of {length[:20]} bytes. Sync again.")
        return bytes(body)

    def skip(self, response: Response) -> None:
        """Read a short body that is not needed, because the next request could not use the connection otherwise.

        Nothing is lost if that fails: the next request opens a connection of its own.
        """
        length = response.header("Content-Length") or ""
        if not (length.isascii() and length.isdecimal()) or len(length) > 4 or int(length) > _MAX_SKIPPED:
            return
        left = int(length)
        with suppress(ServerUnreachableError):
            while left > 0 and (piece := self.read(response, left)):
                left -= len(piece)

    def with_retries(
        self, attempt: Callable[[], Result], progress: Callable[[], int], pauses_s: Sequence[float], end: float
    ) -> Result:
        """Call ``attempt`` until it succeeds, retrying after a lost connection.

        Args:
            attempt: one attempt.
            progress: returns a number that grows with progress; an attempt with progress resets the count of failures.
            pauses_s: delay before each retry.
            end: deadline, on this session's clock.

        Raises:
            ServerUnreachableError: no retries are left, or the deadline would pass.
        """
        failures = 0
        while True:
            before = progress()
            try:
                return attempt()
            except ServerUnreachableError:
                failures = 1 if progress() > before else failures + 1
                if failures > len(pauses_s) or self._clock() + pauses_s[failures - 1] >= end:
                    raise
                self._sleep(pauses_s[failures - 1])

    def _check_time(self, what: str, end: float) -> None:
        if self._clock() >= end:
            raise ServerUnreachableError(
                f"the time for {what} is up. Nothing is lost: downloaded data is kept, and the bundle in use is "
                "unchanged. Sync again."
            )
