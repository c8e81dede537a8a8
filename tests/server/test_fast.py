"""Update checks are answered in front of the framework, as it would have."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from litestar.types import Message, Scope

from server.app import AppOptions, application
from server.releases.fast import MetadataFirst
from server.releases.repository import RepositoryStore
from server.web.service import WebFiles
from tests.invented_repository import Repository


class Both:
    """The same releases with and without what is in front."""

    def __init__(self, root: Path) -> None:
        self.releases = RepositoryStore(root)
        self.seen: list[int] = []
        self.app = application(self.releases, WebFiles(None), None, AppOptions(watch_s=3600))
        self.fast = MetadataFirst(self.app, self.releases, self._observe)

    async def _observe(self, message: Message, _: Scope) -> None:
        if message["type"] == "http.response.start":
            self.seen.append(message["status"])


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository", tmp_path / "bundles")
    made.roll_out()
    return made


@pytest.fixture
def both(repository: Repository) -> Both:
    return Both(repository.root)


@pytest.fixture
def plain(both: Both) -> Iterator[TestClient[Litestar]]:
    with TestClient(both.app) as client:
        yield client


def ask(
    both: Both, method: str, path: str, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> tuple[int, dict[str, str], bytes]:
    """Send a request to what is in front; return status, headers and body."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}  # type: ignore[misc,return-value]

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "headers": list(headers),
        "query_string": b"",
        "http_version": "1.1",
    }
    asyncio.run(both.fast(scope, receive, send))  # type: ignore[arg-type]
    start = sent[0]
    assert start["type"] == "http.response.start"
    fields = {name.decode(): value.decode() for name, value in start["headers"]}
    body = b"".join(message["body"] for message in sent[1:] if message["type"] == "http.response.body")
    return start["status"], fields, body


@pytest.mark.parametrize("name", ["timestamp.json", "1.snapshot.json", "2.root.json", "", "..%2ftimestamp.json", "a/b"])
def test_the_answers_are_those_of_the_framework(plain: TestClient[Litestar], both: Both, name: str) -> None:
    path = f"/v1/metadata/{name}"
    expected = plain.get(path)
    status, headers, body = ask(both, "GET", path)

    assert status == expected.status_code
    if name.endswith(".json") and "%" not in name:
        assert (headers, body) == (dict(expected.headers), expected.content)
        assert both.seen == [status]


def test_a_new_release_is_answered_once_it_is_read(
    plain: TestClient[Litestar], both: Both, repository: Repository
) -> None:
    assert ask(both, "GET", "/v1/metadata/2.snapshot.json")[0] == 404
    repository.publish()
    both.releases.refresh()

    assert ask(both, "GET", "/v1/metadata/2.snapshot.json")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("HEAD", "/v1/metadata/timestamp.json", ()),
        ("GET", "/v1/metadata/timestamp.json", ((b"origin", b"https://shop.example"),)),
        ("GET", "/v1/channels", ()),
    ],
)
def test_everything_else_is_passed_on(
    plain: TestClient[Litestar], both: Both, method: str, path: str, headers: tuple[tuple[bytes, bytes], ...]
) -> None:
    async def noted(*_: object) -> None:
        passed.append(path)

    passed: list[str] = []
    both.fast._app = noted
    with pytest.raises(IndexError):  # nothing was sent
        ask(both, method, path, headers)

    assert passed == [path]
