"""Clients that send too much, too little or nothing to a real server process."""

import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import MagicMock
from urllib.parse import urlsplit

import pytest
import uvicorn
from uvicorn.server import ServerState

from server.connection import BoundedProtocol, RequestLimits
from tests.live_server import LiveServer, serving, started
from tests.tiny_bundle import make_tiny_bundle

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bundles")
    make_tiny_bundle(root / "laptop-x86_64")
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[LiveServer]:
    with serving(root) as server:
        yield server


@pytest.fixture(scope="module")
def hasty(root: Path) -> Iterator[LiveServer]:
    with started(sys.executable, "-m", "tests.server.hasty_server", str(root)) as server:
        yield server


@contextmanager
def connected(server: LiveServer) -> Iterator[socket.socket]:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) as client:
        yield client


def exchange(server: LiveServer, *pieces: bytes) -> bytes:
    """Send data, and return the response up to the end of the connection, which the server must close."""
    answer = b""
    with connected(server) as client, suppress(ConnectionError):
        for piece in pieces:
            client.sendall(piece)
        while piece := client.recv(65536):
            answer += piece
    return answer


def is_well(server: LiveServer) -> bool:
    return exchange(server, GET + b"Connection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


def test_a_request_head_of_usual_size_is_served(server: LiveServer) -> None:
    answer = exchange(server, GET + b"Cookie: " + b"x" * 30_000 + b"\r\nConnection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "pieces",
    [
        (GET, b"X: " + b"x" * 100_000, b"\r\nConnection: close\r\n\r\n"),
        (GET + b"Connection: close\r\n" + b"X: y\r\n" * 40_000, b"\r\n"),
        (GET, *[b"X: " + b"x" * 65_536] * 1000),
        (b"GET /" + b"x" * 100_000, *[b"x" * 65_536] * 100),
    ],
    ids=["one large header", "many headers", "a header without end", "a path without end"],
)
def test_a_request_head_beyond_the_limit_is_refused_and_the_connection_closed(
    server: LiveServer, pieces: tuple[bytes, ...]
) -> None:
    answer = exchange(server, *pieces)

    assert answer == b"" or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))
    assert is_well(server)


@pytest.mark.parametrize("n_bytes", [66_000, 100_000])
@pytest.mark.parametrize(
    "request_line", [b"GET /healthz HTTP/1.1\r\nX: %b", b"GET /%b HTTP/1.1"], ids=["header", "path"]
)
def test_a_head_just_over_the_limit_in_one_piece_gets_its_status(
    server: LiveServer, request_line: bytes, n_bytes: int
) -> None:
    answer = exchange(server, request_line % (b"x" * n_bytes) + b"\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 431")


def test_a_malformed_head_request_gets_no_body(server: LiveServer) -> None:
    answer = exchange(server, b"HEAD x HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.endswith(b"\r\n\r\n")
    assert answer.count(b"\r\n\r\n") == 1


def test_malformed_requests_are_not_logged(root: Path) -> None:
    with serving(root) as server:
        for _ in range(5):
            exchange(server, b"nonsense\r\n\r\n")
        _, output = server.stop()

    assert "Invalid" not in output


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/channels HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
        b"GET /v1/channels HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
        GET + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
    ids=["length", "chunks", "upgrade"],
)
def test_an_endless_request_body_is_cut_off(server: LiveServer, head: bytes) -> None:
    exchange(server, head, *[b"x" * 65_536] * 500)

    assert is_well(server)


def test_a_small_request_body_is_ignored(server: LiveServer) -> None:
    answer = exchange(
        server,
        b"POST /v1/channels HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    )

    assert answer.startswith(b"HTTP/1.1 405")


@pytest.mark.parametrize(
    "said",
    [b"", b"G", GET, GET + b"X: ", b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx"],
    ids=["nothing", "a letter", "half a head", "half a header", "half a body"],
)
def test_the_connection_of_an_unfinished_request_is_closed(hasty: LiveServer, said: bytes) -> None:
    answer = exchange(hasty, said)

    assert answer == b"" or answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 405"))
    assert is_well(hasty)


def test_the_connection_of_an_unfinished_second_request_is_closed(hasty: LiveServer) -> None:
    with connected(hasty) as client:
        client.sendall(GET + b"\r\n")
        first = client.recv(65536)
        client.sendall(GET)
        rest = b""
        while piece := client.recv(65536):
            rest += piece

    assert first.startswith(b"HTTP/1.1 200")
    assert b"HTTP/1.1 408" in rest


def test_a_hundred_silent_connections_are_closed(hasty: LiveServer) -> None:
    parts = urlsplit(hasty.url)
    clients = [socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20) for _ in range(100)]

    ends = [client.recv(1) for client in clients]

    for client in clients:
        client.close()
    assert ends == [b""] * 100


class Clock:
    """Replaces the event loop: records what is to be called later."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay_s: float, callback: Callable[[], None], *_: object) -> MagicMock:
        entry = (delay_s, callback)
        self.waiting.append(entry)
        return MagicMock(cancel=lambda: self.waiting.remove(entry))


@pytest.mark.parametrize("is_taken", [True, False])
def test_a_response_that_the_client_does_not_read_is_aborted(is_taken: bool) -> None:
    clock, transport = Clock(), MagicMock()
    limits = RequestLimits(stalled_s=7)
    state = {"config": uvicorn.Config(MagicMock()), "server_state": ServerState(), "app_state": {}, "_loop": clock}
    protocol = BoundedProtocol(limits=limits, **state)
    protocol.connection_made(transport)

    protocol.pause_writing()
    if is_taken:
        protocol.resume_writing()
    for delay_s, callback in clock.waiting:
        if delay_s == limits.stalled_s:
            callback()

    assert transport.abort.called is not is_taken


@pytest.mark.parametrize("path", ["/healthz", "/v1/channels", "/v1/channels/laptop-x86_64/manifest.json", "/"])
def test_head_is_get_without_the_body(server: LiveServer, path: str) -> None:
    request = f" {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()

    head, nothing = exchange(server, b"HEAD" + request).split(b"\r\n\r\n")
    whole, body = exchange(server, b"GET" + request).split(b"\r\n\r\n", 1)

    assert nothing == b""
    assert body
    assert without_date(head) == without_date(whole)


def without_date(head: bytes) -> list[bytes]:
    return sorted(line for line in head.split(b"\r\n") if not line.startswith(b"date:"))
