"""HTTP for a device: the standard library alone, bounded in time, no redirect, no proxy, no cookie.

A transport moves bytes and judges none of them. Tests give another one with the same two methods.
"""

import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from edge_runtime import __version__
from edge_runtime.errors import ServerUnreachableError, UnprotectedError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CONNECT_S: Final = 10.0
IDLE_S: Final = 20.0


class Answer(Protocol):
    """The answer to one request."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    def header(self, name: str) -> str | None:
        """Return a header, or None."""
        ...

    def read(self, n_bytes: int) -> bytes:
        """Return some of the body, at most ``n_bytes``; nothing at its end.

        Raises:
            ServerUnreachableError: the connection broke, or time is up.
        """
        ...


class Transport(Protocol):
    """Something that answers GET requests."""

    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> AbstractContextManager[Answer]:
        """Ask for ``path``, relative to the server's address; the whole answer must end in ``within_s`` seconds.

        Raises:
            ServerUnreachableError: there is no answer.
        """
        ...


class HttpTransport:
    """One server over http or https, one connection kept open between requests.

    Attributes:
        url: its address, without a slash at the end.
        is_protected: nobody on the way can change what comes.

    Args:
        url: its address, perhaps with a path in front of all others.
        insecure: accept plain http to another machine: whoever is on the way can exchange the release.
        idle_s: the longest silence of the server, in seconds.
        clock: seconds that only grow.

    Raises:
        ValueError: ``url`` is no http or https address.
        UnprotectedError: it is plain http to another machine, and not ``insecure``.
    """

    def __init__(
        self,
        url: str,
        *,
        insecure: bool = False,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"found {url!r}, expected an address such as http://127.0.0.1:8000")
        if parts.query or parts.fragment or parts.username or parts.password:
            raise ValueError(f"found {url!r}, expected an address without user, query or fragment")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.is_protected = parts.scheme == "https" or _is_this_machine(parts.hostname)
        if not self.is_protected and not insecure:
            raise UnprotectedError(unprotected(self.url))
        self._prefix = parts.path.rstrip("/")
        self._limit = _TimeLimit(idle_s, clock)
        self._connection = _connection(parts.scheme, parts.hostname, parts.port, self._limit, insecure=insecure)

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> Iterator[Answer]:
        """Ask for ``path``; see :class:`Transport`."""
        self._limit.start(within_s)
        with _network_errors(self.url):
            response = self._ask(self._prefix + path, {"User-Agent": f"pocketrec/{__version__}", **headers})
        try:
            yield _HttpAnswer(response, self.url)
        finally:
            if response.length == 0 or response.isclosed():
                response.close()
            else:  # an unread rest would be taken for the next answer
                response.close()
                self._connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        is_reused = self._connection.sock is not None
        try:
            return self._ask_once(path, headers)
        except (ConnectionError, http.client.BadStatusLine):
            if not is_reused:
                raise
            return self._ask_once(path, headers)  # the server had closed the idle connection, which is its right

    def _ask_once(self, path: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        try:
            self._connection.request("GET", path, headers=dict(headers))
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise


class _HttpAnswer:
    def __init__(self, response: http.client.HTTPResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    def read(self, n_bytes: int) -> bytes:
        with _network_errors(self._url):
            return self._response.read1(n_bytes)


class _TimeLimit:
    """How long a socket may wait now: the whole answer has an end, and so has each silence."""

    def __init__(self, idle_s: float, clock: Callable[[], float]) -> None:
        self._idle_s = idle_s
        self._clock = clock
        self._end = 0.0

    def start(self, within_s: float) -> None:
        self._end = self._clock() + within_s

    def left_s(self) -> float:
        left = self._end - self._clock()
        if left <= 0:
            raise TimeoutError("the answer took too long as a whole")
        return min(left, self._idle_s)


class _TimedReader(io.RawIOBase):
    """Reads a socket under a time limit: a timeout of the socket alone would let a trickle go on for ever."""

    def __init__(self, sock: socket.socket, limit: _TimeLimit) -> None:
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


class _TimedSocket:
    """The three methods of a socket that ``http.client`` uses."""

    def __init__(self, sock: socket.socket, limit: _TimeLimit) -> None:
        self._sock = sock
        self._limit = limit

    def makefile(self, *_: object) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._limit), 64 << 10)

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(self._limit.left_s())
        self._sock.sendall(data)

    def close(self) -> None:
        self._sock.close()


def _is_this_machine(host: str) -> bool:
    return host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


def _connection(
    scheme: str, host: str, port: int | None, limit: _TimeLimit, *, insecure: bool
) -> http.client.HTTPConnection:
    """Return a connection whose socket is timed from the moment that it is open."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            address = self.sock.getpeername()[0]
            if not insecure and not ipaddress.ip_address(address).is_loopback:  # whatever the name promised
                self.close()
                raise UnprotectedError(unprotected(f"{host} is {address}"))
            self.sock = _TimedSocket(self.sock, limit)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = _TimedSocket(self.sock, limit)

    if scheme == "https":
        return Secure(host, port, timeout=CONNECT_S, context=ssl.create_default_context())
    return Plain(host, port, timeout=CONNECT_S)


def unprotected(place: str) -> str:
    """Return why plain http is not used, and what to do."""
    return (
        f"{place}: plain http to another machine is not used, because anybody on the way could exchange the release: "
        "releases are not signed yet. Use an https address; on a network that you trust, add --insecure (in code: "
        "`HttpTransport(url, insecure=True)`)."
    )


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Say in one kind of error all that can go wrong between two machines."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise ServerUnreachableError(
            f"{url}: {_reason(error)}. Nothing is lost: what was fetched is kept, and the device works on what it "
            "has. Check the address and the network, and sync again."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"no answer in time ({error})"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused, perhaps no server runs there"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"the answer is not HTTP ({type(error).__name__})"
