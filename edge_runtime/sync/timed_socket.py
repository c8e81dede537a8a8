"""A socket whose waits have an end, one by one and all together."""

import io
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class TimeLimit:
    """How long a socket may wait now: the whole answer has an end, and so has each silence."""

    def __init__(self, idle_s: float, clock: Callable[[], float]) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self._end = 0.0

    def start(self, within_s: float) -> None:
        """Let an answer begin that has to be here as a whole after ``within_s`` seconds."""
        self._end = self._clock() + within_s

    def left_s(self) -> float:
        """Return the seconds that the next wait may last.

        Raises:
            TimeoutError: there are none.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("the answer took too long as a whole")
        return min(left, self._idle_s)


class _TimedReader(io.RawIOBase):
    """Reads a socket under a time limit: a timeout of the socket alone would let a trickle go on for ever."""

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
    """The three methods of a socket that ``http.client`` uses."""

    def __init__(self, sock: socket.socket, limit: TimeLimit) -> None:
        self._sock = sock
        self._limit = limit

    def makefile(self, *_: object) -> io.BufferedReader:
        """Return a buffered reader under the limit."""
        return io.BufferedReader(_TimedReader(self._sock, self._limit), 64 << 10)

    def sendall(self, data: bytes) -> None:
        """Send all of it under the limit."""
        self._sock.settimeout(self._limit.left_s())
        self._sock.sendall(data)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
