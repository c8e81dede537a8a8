"""A socket with a timeout for each wait and a deadline for the whole response."""

import io
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class TimeLimit:
    """Time that a socket may wait: at most ``idle_s`` seconds at a time, and up to a deadline in total."""

    def __init__(self, idle_s: float, clock: Callable[[], float]) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self._end = 0.0

    def start(self, within_s: float) -> None:
        """Set the deadline of a response to ``within_s`` seconds from now."""
        self._end = self._clock() + within_s

    def left_s(self) -> float:
        """Return the maximum duration of the next wait in seconds.

        Raises:
            TimeoutError: the deadline has passed.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("the response took too long in total")
        return min(left, self._idle_s)


class _TimedReader(io.RawIOBase):
    """Reads a socket under a time limit; the socket's own timeout would let a slow trickle continue for ever."""

    def __init__(self, sock: socket.socket, limit: TimeLimit) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        self._sock.settimeout(self._limit.left_s())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class TimedSocket:
    """The three methods of a socket that ``http.client`` uses; what is sent is appended to ``sent``.

    Args:
        sock: the socket.
        limit: the time limit.
        sent: gets what is sent.
        hide: returns what is sent without secrets.
    """

    def __init__(
        self, sock: socket.socket, limit: TimeLimit, sent: list[bytes], hide: Callable[[bytes], bytes] = bytes
    ) -> None:
        self._sock = sock
        self._hide = hide
        self._limit = limit
        self._sent = sent

    def makefile(self, *_: object) -> io.BufferedReader:
        """Return a buffered reader that enforces the time limit."""
        return io.BufferedReader(_TimedReader(self._sock, self._limit), 64 << 10)

    def sendall(self, data: bytes) -> None:
        """Send all data within the time limit."""
        self._sock.settimeout(self._limit.left_s())
        self._sent.append(self._hide(bytes(data)))
        self._sock.sendall(data)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
