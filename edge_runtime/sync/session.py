"""Requests to one server, counted and bounded: nothing that the network says lifts a bound in bytes or in time."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from edge_runtime.errors import ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync.download import check_encoding
from edge_runtime.sync.transport import Answer, Transport

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a device bears with a server.

    Attributes:
        manifest_s: for the whole manifest.
        grace_s: for a file, whatever its size.
        slowest: bytes a second below which a file is given up.
        pauses_s: waits between attempts at a file that brought nothing; as many further attempts are made.
        manifest_pauses_s: the same for the manifest; few, because a person may be waiting for the verdict.
    """

    manifest_s: float = 30.0
    grace_s: float = 60.0
    slowest: int = 4096
    pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    manifest_pauses_s: tuple[float, ...] = (0.5,)

    def for_file(self, n_bytes: int) -> float:
        """Return the seconds that a file may take, all attempts together."""
        return self.grace_s + n_bytes / self.slowest


class Session:
    """Requests to one server.

    Attributes:
        requests: sent so far.
        fetched_bytes: of bodies, received so far.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._sleep = sleep
        self.requests = 0
        self.fetched_bytes = 0

    def end_after(self, seconds: float) -> float:
        """Return the moment, on this session's clock, that lies so far ahead."""
        return self._clock() + seconds

    def get(self, path: str, headers: dict[str, str], end: float) -> AbstractContextManager[Answer]:
        """Ask once; the whole answer has to be here by ``end``.

        Raises:
            ServerUnreachableError: there is no answer, or the time is up.
        """
        self.requests += 1
        return self._transport.get(path, headers, within_s=end - self._clock())

    def read(self, answer: Answer, n_bytes: int) -> bytes:
        """Return some of a body, at most ``n_bytes``; nothing at its end.

        Raises:
            ServerUnreachableError: the connection broke.
            UpdateRefusedError: more came than was asked for.
        """
        piece = answer.read(n_bytes)
        self.fetched_bytes += len(piece)
        if len(piece) > n_bytes:
            raise UpdateRefusedError(f"the server sent {len(piece)} bytes where at most {n_bytes} were asked for.")
        return piece

    def body(self, answer: Answer, limit: int) -> bytes:
        """Return a whole body of unknown content, of at most ``limit`` bytes.

        Raises:
            ServerUnreachableError: it ended early.
            UpdateRefusedError: it is longer, or encoded.
        """
        check_encoding(answer.header("Content-Encoding"), "what was asked for")
        body = bytearray()
        while len(body) <= limit and (piece := self.read(answer, limit + 1 - len(body))):
            body += piece
        if len(body) > limit:
            raise UpdateRefusedError(f"the server sent more than {limit} bytes, too many for what was asked.")
        length = answer.header("Content-Length")
        if length is not None and length != str(len(body)):
            raise ServerUnreachableError(f"the answer ended after {len(body)} of {length[:20]} bytes. Sync again.")
        return bytes(body)

    def patiently(
        self, attempt: Callable[[], Result], progress: Callable[[], int], pauses_s: Sequence[float], end: float
    ) -> Result:
        """Try again after a break; attempts that made ``progress`` grow do not count, but time does."""
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
