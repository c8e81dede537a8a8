"""HTTP for a device: the standard library alone, bounded in time, no redirect, no proxy, no cookie.

A transport moves bytes and judges none of them. Tests give another one with the same two methods.
"""

import http.client
import ipaddress
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from edge_runtime import __version__
from edge_runtime.errors import ServerUnreachableError, UnprotectedError
from edge_runtime.sync.address import Address, parse_address
from edge_runtime.sync.timed_socket import TimedSocket, TimeLimit

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
            ServerUnreachableError: the connection broke, time is up, or the body is not framed as HTTP asks.
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
        url: its address, perhaps with a path in front of all others; see :func:`parse_address`.
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
        address = parse_address(url)
        self.url = address.url
        self.is_protected = address.scheme == "https" or address.is_this_machine
        if not self.is_protected and not insecure:
            raise UnprotectedError(unprotected(self.url))
        self._prefix = address.prefix
        self._limit = TimeLimit(idle_s, clock)
        self._connection = _connection(address, self._limit, insecure=insecure)

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
            piece = self._response.read1(n_bytes)
            # The library takes a chunk's size as the server wrote it, below zero as well, and then reads without bound.
            if len(piece) > n_bytes:
                raise http.client.UnknownTransferEncoding
            return piece


def _connection(address: Address, limit: TimeLimit, *, insecure: bool) -> http.client.HTTPConnection:
    """Return a connection whose socket is timed from the moment that it is open."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            found = self.sock.getpeername()[0]
            if not insecure and not ipaddress.ip_address(found).is_loopback:  # whatever the name promised
                self.close()
                raise UnprotectedError(unprotected(f"{address.host} is {found}"))
            self.sock = TimedSocket(self.sock, limit)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = TimedSocket(self.sock, limit)

    if address.scheme == "https":
        return Secure(address.host, address.port, timeout=CONNECT_S, context=ssl.create_default_context())
    return Plain(address.host, address.port, timeout=CONNECT_S)


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
