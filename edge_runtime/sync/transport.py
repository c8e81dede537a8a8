"""HTTP client for a device: standard library only, with time limits, through a proxy, without redirects or cookies.

A transport does not verify the bytes that it receives. Tests substitute another implementation of the protocol.
"""

import http
import http.client
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from edge_runtime.address import Address, is_loopback, parse_address
from edge_runtime.errors import ServerUnreachableError, UnprotectedError
from edge_runtime.sync.proxy import Proxy, proxy_for
from edge_runtime.sync.timed_socket import TimedSocket, TimeLimit
from edge_runtime.version import __version__

CONNECT_S: Final = 10.0
IDLE_S: Final = 20.0


class Response(Protocol):
    """Response to one request."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    def header(self, name: str) -> str | None:
        """Return a header, or None."""
        ...

    def read(self, n_bytes: int) -> bytes:
        """Read up to ``n_bytes`` of the body; empty at its end.

        Raises:
            ServerUnreachableError: the connection broke, the time is up, or the body is not framed as HTTP requires.
        """
        ...


class Transport(Protocol):
    """Interface for GET requests."""

    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> AbstractContextManager[Response]:
        """Request ``path``, relative to the server's address; the response must be complete in ``within_s`` seconds.

        Raises:
            ServerUnreachableError: there is no response.
        """
        ...


class InvalidHeaderLine(http.client.HTTPException):
    """A line between the headers of a response is not a header."""


class HttpTransport:
    """Transport over http or https that keeps one connection open between requests.

    Attributes:
        url: address of the server, without a trailing slash.
        is_protected: whether responses cannot be changed in transit.
        sent: all requests so far, byte for byte but for the password of a proxy.

    Args:
        url: address of the server, optionally with a path prefix; see :func:`parse_address`.
        insecure: allow plain http to another machine, where a release can be replaced in transit.
        proxy: the proxy; see :func:`edge_runtime.sync.proxy.proxy_for`.
        idle_s: maximum wait for data, in seconds.
        clock: monotonic clock, in seconds.

    Raises:
        ValueError: ``url`` is not an http or https address, or ``proxy`` is not one.
        UnprotectedError: plain http to another machine without ``insecure``.
    """

    def __init__(
        self,
        url: str,
        *,
        insecure: bool = False,
        proxy: str | None = None,
        idle_s: float = IDLE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        address = parse_address(url)
        self.url = address.url
        self._proxy = proxy_for(address, proxy)
        self.is_protected = address.scheme == "https" or (address.is_this_machine and self._proxy is None)
        if not self.is_protected and not insecure:
            raise UnprotectedError(_unprotected(self.url))
        # A proxy of plain http is asked for the whole address.
        self._passes_on = self._proxy if address.scheme == "http" else None
        self._prefix = address.url if self._passes_on else address.prefix
        self.sent: list[bytes] = []
        self._limit = TimeLimit(idle_s, clock)
        self._connection = _connection(address, self._proxy, self._limit, self.sent, insecure=insecure)

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> Iterator[Response]:
        """Request ``path``; see :class:`Transport`."""
        self._limit.start(within_s)
        with _network_errors(self.url):
            response = self._request(self._prefix + path, {"User-Agent": f"pocketrec/{__version__}", **headers})
        try:
            yield _HttpResponse(response, self.url)
        finally:
            if response.length == 0 or response.isclosed():
                response.close()
            else:  # unread bytes would be taken for the next response
                response.close()
                self._connection.close()

    def post(self, path: str, body: bytes, *, within_s: float, content_type: str = "application/json") -> int:
        """Send a body to ``path`` and return the status; the response's body is not read.

        Raises:
            ServerUnreachableError: there is no response.
        """
        self._limit.start(within_s)
        headers = {"User-Agent": f"pocketrec/{__version__}", "Content-Type": content_type}
        with _network_errors(self.url):
            response = self._request(self._prefix + path, headers, method="POST", body=body)
            status = response.status
        response.close()
        self._connection.close()
        return status

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _request(
        self, path: str, headers: Mapping[str, str], *, method: str = "GET", body: bytes | None = None
    ) -> http.client.HTTPResponse:
        is_reused = self._connection.sock is not None
        try:
            return self._request_once(path, headers, method, body)
        except (ConnectionError, http.client.BadStatusLine):
            if not is_reused:
                raise
            return self._request_once(path, headers, method, body)  # the server may close an idle connection

    def _request_once(
        self, path: str, headers: Mapping[str, str], method: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        try:
            extra = self._passes_on.headers if self._passes_on else {}
            self._connection.request(method, path, body, headers={**headers, **extra})
            response = self._connection.getresponse()
            if self._passes_on and response.status == http.HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
                self._passes_on.check(response.status)
            if response.headers.defects:
                # http.client ends the headers at such a line, and would then wait for a body of unknown length.
                raise InvalidHeaderLine
            return response
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise


class _HttpResponse:
    def __init__(self, response: http.client.HTTPResponse, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status

    def header(self, name: str) -> str | None:
        return self._response.headers.get(name)

    def read(self, n_bytes: int) -> bytes:
        with _network_errors(self._url):
            piece = self._response.read1(n_bytes)
            # http.client accepts a negative chunk size, and then reads without limit.
            if len(piece) > n_bytes:
                raise http.client.UnknownTransferEncoding
            return piece


def _connection(
    address: Address, proxy: Proxy | None, limit: TimeLimit, sent: list[bytes], *, insecure: bool
) -> http.client.HTTPConnection:
    """Return a connection that applies the time limit as soon as its socket is open."""

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            peer = self.sock.getpeername()[0]
            if not insecure and not is_loopback(peer):  # localhost may resolve to another machine
                self.close()
                raise UnprotectedError(_unprotected(f"{address.host} is {peer}"))
            self.sock = TimedSocket(self.sock, limit, sent)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            self.sock = TimedSocket(self.sock, limit, sent)

    if proxy is not None:
        return _passed(address, proxy, limit, sent)
    if address.scheme == "https":
        return Secure(address.host, address.port, timeout=CONNECT_S, context=ssl.create_default_context())
    return Plain(address.host, address.port, timeout=CONNECT_S)


def _passed(address: Address, proxy: Proxy, limit: TimeLimit, sent: list[bytes]) -> http.client.HTTPConnection:
    """Return a connection through a proxy: plain requests are handed to it, encrypted ones go through its tunnel."""
    context = ssl.create_default_context() if address.scheme == "https" else None

    class Passed(http.client.HTTPConnection):
        default_port = http.client.HTTP_PORT if context is None else http.client.HTTPS_PORT

        def connect(self) -> None:
            sock = proxy.connect(min(CONNECT_S, limit.left_s()))
            try:
                if context is not None:
                    proxy.tunnel(sock, self.host, self.port, limit.left_s, sent)
                    sock.settimeout(limit.left_s())
                    sock = context.wrap_socket(sock, server_hostname=self.host)
            except BaseException:
                sock.close()
                raise
            self.sock = TimedSocket(sock, limit, sent, proxy.hide)

    return Passed(address.host, address.port)


def _unprotected(server: str) -> str:
    """Return the message that explains why plain http is refused."""
    return (
        f"{server}: plain http to another machine is refused, because this device trusts no keys yet, and those that "
        "it is about to trust could be replaced on their way. Use an https address, or give the keys of the repository "
        "with --root; on a trusted network, add --insecure."
    )


@contextmanager
def _network_errors(url: str) -> Iterator[None]:
    """Translate all network errors into :class:`ServerUnreachableError`."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise ServerUnreachableError(
            f"{url}: {_reason(error)}. Nothing is lost: downloaded data is kept, and the bundle in use is unchanged. "
            "Check the address and the network, and sync again."
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"no response in time ({error})"
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused; perhaps no server is running there"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return f"the response is not valid HTTP ({type(error).__name__})"
