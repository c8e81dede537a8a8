"""HTTP responses of misbehaving servers, over real sockets."""

import socket
import time

import pytest

from edge_runtime.errors import ServerUnreachableError, UnprotectedError
from edge_runtime.sync.transport import HttpTransport
from tests.edge_runtime.sync.raw_server import raw_responses

OK = b"HTTP/1.1 200 OK\r\n"


def fetch(url: str, *, within_s: float = 5.0, idle_s: float = 5.0) -> tuple[int, bytes]:
    transport = HttpTransport(url, idle_s=idle_s)
    try:
        with transport.get("/x", {}, within_s=within_s) as answer:
            body = b""
            while piece := answer.read(1000):
                body += piece
            return answer.status, body
    finally:
        transport.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (OK + b"Content-Length: 5\r\n\r\nhello",),
        (OK + b"Content-Length: 5\r\nConnection: close\r\n\r\n", b"hel", b"lo"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",),
        (b"HTTP/1.0 200 OK\r\n\r\nhello",),
    ],
)
def test_a_body_is_read_with_any_valid_framing(pieces: tuple[bytes, ...]) -> None:
    with raw_responses(*pieces) as url:
        assert fetch(url) == (200, b"hello")


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"\0" * 100,
        b"HTTP/1.1 200\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"x" * 100_000,
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + b"x" * 4000,
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"5" * 70_000,
    ],
    ids=["nothing", "ssh", "zeros", "headers", "line", "chunk", "negative chunk", "endless chunk size"],
)
def test_a_response_that_is_not_http_counts_as_unreachable(piece: bytes) -> None:
    with raw_responses(piece) as url, pytest.raises(ServerUnreachableError, match="Nothing is lost"):
        fetch(url)


@pytest.mark.parametrize("line", [b"a line without a colon", b": without a name", b"spaced name: x"])
def test_an_invalid_header_line_is_reported_without_waiting_for_a_body(line: bytes) -> None:
    answer = OK + line + b"\r\nContent-Length: 5\r\n\r\nhello"

    with raw_responses(answer, pause_s=3) as url, pytest.raises(ServerUnreachableError, match="InvalidHeaderLine"):
        fetch(url, idle_s=2)


def test_a_refused_connection_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ServerUnreachableError, match="refused"):
        fetch(f"http://127.0.0.1:{port}")


def test_an_unknown_host_is_reported() -> None:
    with pytest.raises(ServerUnreachableError):
        fetch("https://no-such-host.invalid")


def test_a_silent_server_times_out() -> None:
    with raw_responses(OK, b"", pause_s=0.5) as url, pytest.raises(ServerUnreachableError, match="in time"):
        fetch(url, idle_s=0.1)


@pytest.mark.parametrize(
    "start",
    [
        OK + b"X-Slow: ",
        OK + b"Content-Length: 1000\r\n\r\n",
        OK + b"\r\n",
        OK + b"Content-Length: -1\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
    ],
    ids=["header", "length", "endless", "negative length", "huge chunk"],
)
def test_a_slow_trickle_times_out_in_total(start: bytes) -> None:
    began = time.monotonic()

    with (
        raw_responses(start, b"x", pause_s=0.05, repeated=True) as url,
        pytest.raises(ServerUnreachableError, match="in time"),
    ):
        fetch(url, within_s=0.5)

    assert time.monotonic() - began < 3


def test_a_connection_is_reused_and_reopened_if_the_server_has_closed_it() -> None:
    with raw_responses(OK + b"Content-Length: 2\r\n\r\nok") as url:  # says nothing of closing, and closes
        transport = HttpTransport(url)
        bodies = []
        for _ in range(3):
            with transport.get("/x", {}, within_s=5) as answer:
                bodies.append(answer.read(10))
        transport.close()

    assert bodies == [b"ok"] * 3


def test_unread_bytes_are_never_taken_for_the_next_response() -> None:
    with raw_responses(OK + b"Content-Length: 5\r\n\r\nhello") as url:
        transport = HttpTransport(url)
        with transport.get("/x", {}, within_s=5) as answer:
            answer.read(1)
        with transport.get("/x", {}, within_s=5) as answer:
            assert answer.read(10) == b"hello"
        transport.close()


@pytest.mark.parametrize("endless", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X: y\r\n"], ids=["continue", "trailers"])
def test_endless_lines_time_out(endless: bytes) -> None:
    start = b"" if endless.startswith(b"HTTP") else OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"

    with (
        raw_responses(start, endless, repeated=True) as url,
        pytest.raises(ServerUnreachableError, match="in time"),
    ):
        fetch(url, within_s=0.3)


ELSEWHERE = ("http://localhost.example", "http://127.example", "http://10.0.0.1", "http://[2001:db8::1]:8000/shop")
PROTECTED = ("https://host", "http://localhost:1", "http://127.0.0.1", "http://[::1]:8000")


@pytest.mark.parametrize("url", ELSEWHERE)
def test_plain_http_to_another_machine_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(UnprotectedError, match=r"trusts no keys yet.*https.*--root.*--insecure"):
        HttpTransport(url)

    assert not HttpTransport(url, insecure=True).is_protected


@pytest.mark.parametrize("url", PROTECTED)
def test_https_and_loopback_are_protected(url: str) -> None:
    assert HttpTransport(url).is_protected


class FakeSocket:
    """A connection to another machine."""

    def __init__(self) -> None:
        self.is_open = True

    def getpeername(self) -> tuple[str, int]:
        return ("192.0.2.7", 80)

    def setsockopt(self, *_: int) -> None: ...

    def close(self) -> None:
        self.is_open = False


def test_localhost_that_resolves_to_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = FakeSocket()
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: connection)

    with pytest.raises(UnprotectedError, match=r"localhost is 192\.0\.2\.7"):
        fetch("http://localhost")

    assert not connection.is_open
