"""A sync ends after a number of bytes and seconds in total, however many answers a server spreads them over."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path

import pytest

from edge_runtime.bundle.folder import describe
from edge_runtime.errors import ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.session import RetryPolicy
from edge_runtime.sync.transport import HttpTransport
from tests.edge_runtime.sync.device import Time
from tests.edge_runtime.sync.fake_server import FakeResponse, whole

RETRIES = RetryPolicy(session_s=100.0, session_bytes=10_000)
FILE = describe("model.bin", "other", b"0123456789" * 1000)


class SlowServer:
    """Answers every request after some seconds."""

    def __init__(self, time: Time, seconds: float, answer: Callable[[], FakeResponse]) -> None:
        self._time, self._seconds, self._answer = time, seconds, answer

    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> AbstractContextManager[FakeResponse]:
        @contextmanager
        def response() -> Iterator[FakeResponse]:
            self._time.sleep(self._seconds)
            yield self._answer()

        return response()


def source(answer: Callable[[], FakeResponse], *, seconds: float = 0.0) -> Source:
    time = Time()
    return Source(SlowServer(time, seconds, answer), retries=RETRIES, clock=time.clock, sleep=time.sleep)


def test_small_answers_are_limited_in_bytes_all_together() -> None:
    one = source(lambda: whole(b"x" * 900))
    for _ in range(11):
        one.small("metadata/1.root.json", 1000, "a root")

    with pytest.raises(UpdateRefusedError, match=r"more than 10,000 bytes in this sync"):
        one.small("metadata/1.root.json", 1000, "a root")


def test_small_answers_are_limited_in_seconds_all_together() -> None:
    one = source(lambda: whole(b"x"), seconds=20.0)
    for _ in range(4):
        one.small("metadata/1.root.json", 1000, "a root")

    with pytest.raises(ServerUnreachableError, match=r"time for .* is up"):
        one.small("metadata/1.root.json", 1000, "a root")


def test_work_between_requests_takes_no_time_of_the_files(tmp_path: Path) -> None:
    time = Time()
    server = SlowServer(time, 0.0, lambda: whole(b"0123456789" * 1000))
    one = Source(server, retries=RETRIES, clock=time.clock, sleep=time.sleep)
    time.sleep(1000.0)
    one.small("metadata/1.root.json", 10_000, "a root")
    time.sleep(1000.0)

    assert one.file(FILE, tmp_path, lambda _: None).stat().st_size == 10_000


def test_a_file_of_a_bundle_adds_its_length_to_the_limit(tmp_path: Path) -> None:
    one = source(lambda: whole(b"0123456789" * 1000))

    assert one.file(FILE, tmp_path, lambda _: None).read_bytes() == b"0123456789" * 1000


def test_a_server_that_starts_a_file_over_and_over_is_given_up(tmp_path: Path) -> None:
    sizes = iter(range(5000, 10_000))

    def answer() -> FakeResponse:
        response = whole(b"0123456789" * 1000)
        response.broken_after = next(sizes)
        return response

    one = source(answer)

    with pytest.raises(UpdateRefusedError, match=r"more than 50,000 bytes in this sync"):
        one.file(FILE, tmp_path, lambda _: None)


def test_a_check_uses_one_connection_although_the_next_root_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "timestamp.json").write_bytes(b"{}")
    connections: list[object] = []
    with serving_files(tmp_path, connections) as url:
        transport = HttpTransport(url)
        one = Source(transport)
        assert one.small("metadata/2.root.json", 1000, "a root") is None
        assert one.small("metadata/timestamp.json", 1000, "a timestamp") == b"{}"
        transport.close()
    assert len(connections) == 1


@pytest.mark.parametrize(
    "answer",
    [
        FakeResponse(404),
        FakeResponse(404, {"Content-Length": "many"}, iter([b"x"])),
        FakeResponse(404, {"Content-Length": "\u0663"}, iter([b"x"])),
        FakeResponse(404, {"Content-Length": "9"}, iter([b"x"])),
        FakeResponse(404, {"Content-Length": "9"}, iter([b"xxxxxxxxx"]), broken_after=3),
        FakeResponse(404, {"Content-Length": "99999999"}, repeat(b"x" * 1000)),
        FakeResponse(404, {}, repeat(b"x" * 1000)),
    ],
    ids=["no length", "no number", "another digit", "too short", "broken", "long", "endless"],
)
def test_a_missing_file_is_missing_whatever_comes_with_the_answer(answer: FakeResponse) -> None:
    one = source(lambda: answer)

    assert one.small("metadata/2.root.json", 1000, "a root") is None
    assert one.fetched_bytes < 10


@contextmanager
def serving_files(folder: Path, connections: list[object]) -> Iterator[str]:
    """Serve files below ``/v1/`` with HTTP/1.1, and note each connection."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            connections.append(self.client_address)
            super().setup()

        def do_GET(self) -> None:
            path = folder / self.path.removeprefix("/v1/")
            body = path.read_bytes() if path.is_file() else b"no such file"
            self.send_response(200 if path.is_file() else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
