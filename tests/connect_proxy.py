"""An HTTP proxy on loopback, and a TLS front for a server, with a certificate that a device can be told to trust."""

import base64
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


class ConnectProxy:
    """Opens tunnels (CONNECT) and passes plain requests on, whatever the name of the server, to ``upstream``.

    Attributes:
        url: its address.
        requests: the first lines of the requests.
    """

    def __init__(self, upstream: str, credentials: str | None = None) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._expected = None if credentials is None else b"Basic " + base64.b64encode(credentials.encode())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[str] = []
        _start(self._accept)

    def close(self) -> None:
        """Accept no more connections."""
        _shut(self._listener)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                device, _ = self._listener.accept()
                _start(self._answer, device)

    def _answer(self, device: socket.socket) -> None:
        with suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += device.recv(65536)
            line = head.partition(b"\r\n")[0].decode()
            self.requests.append(line)
            if self._expected is not None and b"Proxy-Authorization: " + self._expected not in head:
                device.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                device.close()
                return
            server = socket.create_connection(self._upstream, timeout=10)
            if line.startswith("CONNECT "):
                device.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(_as_for_a_server(head))
            _start(_pump, device, server)
            _pump(server, device)


@contextmanager
def proxying(upstream: str, credentials: str | None = None) -> Iterator[ConnectProxy]:
    """Run a proxy for the duration of the block."""
    proxy = ConnectProxy(upstream, credentials)
    try:
        yield proxy
    finally:
        proxy.close()


@contextmanager
def tls_front(server: str, name: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Run a TLS front for a server; the values are its address, and the file of its certificate for ``name``."""
    certificate = _certificate(name, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    parts = urlsplit(server)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(device: socket.socket) -> None:
        with suppress(OSError):
            encrypted = context.wrap_socket(device, server_side=True)
            upstream = socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10)
            _start(_pump, encrypted, upstream)
            _pump(upstream, encrypted)

    def accept() -> None:
        with suppress(OSError):
            while True:
                _start(serve, listener.accept()[0])

    _start(accept)
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", certificate
    finally:
        _shut(listener)


def _certificate(name: str, folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + made.public_bytes(Encoding.PEM))
    return path


def _as_for_a_server(head: bytes) -> bytes:
    """Return a request for a whole address as one for a path, without what is for the proxy."""
    first, *others = head.split(b"\r\n")
    method, address, version = first.split(b" ")
    path = b"/" + address.split(b"/", 3)[3]
    kept = [line for line in others if not line.lower().startswith(b"proxy-")]
    return b"\r\n".join([b" ".join([method, path, version]), *kept])


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
    _shut(sink)


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


def _start(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()
