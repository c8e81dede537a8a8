"""Proxies between a device and a server: which one is used, and the tunnel through it.

A proxy of ``https`` addresses passes encrypted bytes on and can neither read nor change them. Its user name and
password are sent to it alone; they are in no message, no log and no receipt.
"""

import base64
import os
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from edge_runtime.address import Address

NO_PROXY: Final = "none"
HIDDEN: Final = b"***"
"""What receipts have in place of a proxy's password."""

_MAX_ANSWER_BYTES: Final = 16 << 10
_STATUS: Final = re.compile(rb"HTTP/1\.[01] (\d{3})[ \r\n]")
_EXAMPLE: Final = "http://proxy.example:3128"


class ProxyError(OSError):
    """The proxy cannot be reached, or refuses to pass a request on."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy.

    Attributes:
        host: host name or IP address.
        port: port.
        credentials: the value of its header ``Proxy-Authorization``, empty if it asks for none.
    """

    host: str
    port: int
    credentials: str = field(default="", repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """The headers that it asks for."""
        return {"Proxy-Authorization": self.credentials} if self.credentials else {}

    def connect(self, timeout_s: float) -> socket.socket:
        """Return a connection to the proxy.

        Raises:
            ProxyError: it cannot be reached.
        """
        try:
            return socket.create_connection((self.host, self.port), timeout_s)
        except OSError as error:
            raise ProxyError(f"the proxy {self} cannot be reached ({error.strerror or error})") from error

    def tunnel(self, sock: socket.socket, host: str, port: int, left_s: Callable[[], float], sent: list[bytes]) -> None:
        """Let the proxy pass on whatever is sent from now on.

        Args:
            sock: a connection to the proxy.
            host: host of the server.
            port: port of the server.
            left_s: returns the seconds that are left.
            sent: gets the request, without the password.

        Raises:
            ProxyError: it refuses to, or does not answer as HTTP requires.
            TimeoutError: it does not answer in time.
        """
        name = f"[{host}]" if ":" in host else host
        lines = [f"CONNECT {name}:{port} HTTP/1.1", f"Host: {name}:{port}"]
        lines += [f"{key}: {value}" for key, value in self.headers.items()]
        request = "\r\n".join([*lines, "", ""]).encode("ascii")
        sent.append(self.hide(request))
        sock.settimeout(left_s())
        sock.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer and len(answer) <= _MAX_ANSWER_BYTES:
            sock.settimeout(left_s())
            piece = sock.recv(1024)
            if not piece:
                break
            answer += piece
        status = _STATUS.match(answer)
        if status is None or not answer.endswith(b"\r\n\r\n"):
            raise ProxyError(f"the proxy {self} did not answer as HTTP requires")
        self.check(int(status[1]))

    def check(self, status: int) -> None:
        """Check the status of a tunnel's answer.

        Raises:
            ProxyError: the proxy refuses to open it.
        """
        if status == 407:
            found = "does not accept its user name and password" if self.credentials else "asks for a user name"
            raise ProxyError(f"the proxy {self} {found} (status 407); give it as http://USER:PASSWORD@HOST:PORT")
        if not 200 <= status < 300:
            raise ProxyError(f"the proxy {self} did not connect to the server (status {status})")

    def hide(self, data: bytes) -> bytes:
        """Return bytes without the password."""
        return data.replace(self.credentials.encode("ascii"), HIDDEN) if self.credentials else data


def proxy_for(address: Address, given: str | None, environ: Mapping[str, str] | None = None) -> Proxy | None:
    """Return the proxy to a server, or None.

    Args:
        address: the server.
        given: address of a proxy, or ``none`` for no proxy; None to look at ``HTTPS_PROXY`` (``HTTP_PROXY`` for an http
            address), ``ALL_PROXY`` and ``NO_PROXY``, which never apply to this machine.
        environ: the environment.

    Raises:
        ValueError: the address of the proxy is not one; the message has no password.
    """
    if given is not None:
        return None if given == NO_PROXY else parse_proxy(given, "the proxy")
    environ = os.environ if environ is None else environ
    if address.is_this_machine or _is_excepted(address, _variable(environ, "no_proxy")[1]):
        return None
    for name in (f"{address.scheme}_proxy", "all_proxy"):
        variable, value = _variable(environ, name)
        if value:
            return parse_proxy(value, variable)
    return None


def parse_proxy(text: str, source: str) -> Proxy:
    """Parse the address of a proxy, ``[http://][USER:PASSWORD@]HOST[:PORT]``.

    Args:
        text: the address.
        source: where it is from, for messages, which never show the address: it may have a password.

    Raises:
        ValueError: it is not one.
    """
    wrong = ValueError(f"{source}: expected an address such as {_EXAMPLE}, or {NO_PROXY!r} for no proxy")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme != "http":
        raise ValueError(
            f"{source}: found a proxy of the kind {parts.scheme[:20]!r}, expected http, such as {_EXAMPLE}"
        )
    if not host or not text.isprintable() or parts.path not in ("", "/") or parts.query or parts.fragment or port == 0:
        raise wrong
    credentials = ""
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    try:
        return Proxy(host.encode("idna").decode("ascii"), port or 80, credentials)
    except UnicodeError:
        raise wrong from None


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Return the name and the value of a variable, whose lower-case spelling comes first, as in other programs."""
    for spelled in (name, name.upper()):
        if spelled in environ:
            return spelled, environ[spelled].strip()
    return name.upper(), ""


def _is_excepted(address: Address, no_proxy: str) -> bool:
    """Return whether ``NO_PROXY`` names a host, one of its domains, its network, or everything."""
    host = address.host.removesuffix(".").lower()
    port = str(address.port or (443 if address.scheme == "https" else 80))
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        name, _, wanted = entry.rpartition(":") if re.fullmatch(r"[^:]+:\d+|\[.*\]:\d+", entry) else (entry, "", port)
        domain = name.strip("[]").removeprefix("*").removeprefix(".")
        if name == "*" or (domain and wanted == port and (host == domain or host.endswith(f".{domain}"))):
            return True
        if "/" in name and _is_in_network(host, name):
            return True
    return False


def _is_in_network(host: str, network: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
