"""Parse and normalize the address of a server."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

_EXAMPLE: Final = "http://127.0.0.1:8000"
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NOT_AN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_IN_PATHS: Final = "/%:@!$&'()*+,;=~"


@dataclass(frozen=True, slots=True)
class Address:
    """Address of a server.

    Attributes:
        scheme: ``http`` or ``https``.
        host: host name in ASCII, or IP address without brackets.
        port: port; None for the scheme's default.
        prefix: path prefix of all requests, percent-encoded, without a trailing slash.
    """

    scheme: str
    host: str
    port: int | None
    prefix: str

    @property
    def url(self) -> str:
        """The address as a URL, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{'' if self.port is None else f':{self.port}'}{self.prefix}"

    @property
    def is_this_machine(self) -> bool:
        """Whether the host is a loopback address, so that no byte leaves this machine."""
        try:
            return is_loopback(self.host)
        except ValueError:
            return self.host == "localhost"


def is_loopback(address: str) -> bool:
    """Return whether an IP address is a loopback address, also an IPv4 address that is mapped into IPv6.

    Raises:
        ValueError: not an IP address.
    """
    ip = ipaddress.ip_address(address)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def parse_address(text: str) -> Address:
    """Parse an address. Non-ASCII host names are encoded with IDNA, paths are percent-encoded.

    Raises:
        ValueError: not an http or https address, or one with a user, a query, a fragment or port 0.
    """
    if not text.isprintable() or "\\" in text:
        raise _refusal(text, "an invalid character")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _refusal(text, str(error)) from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _refusal(text, "no http or https address")
    if "?" in text or "#" in text or "@" in parts.netloc:
        raise _refusal(text, "a user, a query or a fragment")
    if port == 0:
        raise _refusal(text, "port 0")
    path = quote(_NOT_AN_ESCAPE.sub("%25", parts.path), safe=_IN_PATHS)
    return Address(parts.scheme, _host(text, parts), port, path.rstrip("/"))


def _host(text: str, parts: SplitResult) -> str:
    name = parts.hostname or ""
    if "[" in parts.netloc:
        name = name.replace("%25", "%", 1)  # RFC 6874 escapes the percent sign before a zone
        try:
            ipaddress.IPv6Address(name)
        except ValueError as error:
            raise _refusal(text, f"{name[:80]!r} in brackets, which is not an IPv6 address") from error
        return name
    try:
        encoded = name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise _refusal(text, f"the host {name[:80]!r}, which is not a valid host name") from error
    labels = encoded.removesuffix(".").split(".")
    if len(encoded) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refusal(text, f"the host {name[:80]!r}, which is not a valid host name")
    return encoded


def _refusal(text: str, found: str) -> ValueError:
    return ValueError(f"found {found} in {text[:200]!r}, expected an address such as {_EXAMPLE}")
