"""Updates over HTTP: in front of the framework and behind it, the answers are the same."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from litestar.testing import TestClient

from edge_runtime.rounds.plan import MAX_UPDATE_BYTES, RoundPlan
from server.app import AppOptions, application
from server.database.database import Database
from server.metrics.observer import Observer
from server.operations import Operations
from server.receipts.limit import TokenBucket
from server.releases.repository import RepositoryStore
from server.rounds.intake import Intake
from server.rounds.ledger import Ledger
from server.rounds.routes import UpdatesFirst
from server.web.service import WebFiles
from tests.invented_repository import Repository
from tests.tiny_rounds import OTHER, plan, update

Client = TestClient[Any]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository", tmp_path / "bundles")
    made.roll_out()
    return made


@pytest.fixture(params=["in front of the framework", "behind it"])
def client(request: pytest.FixtureRequest, repository: Repository, database_url: str) -> Iterator[Client]:
    releases = RepositoryStore(repository.root)
    operations = Operations.over(releases, Database(database_url))
    app: Any = application(releases, WebFiles(None), operations, AppOptions(watch_s=3600))
    if request.param == "in front of the framework":
        observer = Observer(operations.counts, operations.receipts)
        app = UpdatesFirst(app, operations.intake, observer)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def of(database_url: str) -> RoundPlan:
    """The plan of a round that is open."""
    made = plan(max_updates=3)
    asyncio.run(_open(database_url, made))
    return made


async def _open(url: str, made: RoundPlan) -> None:
    database = Database(url)
    await Ledger(database).open(made, 1)
    await database.close()


def post(client: Client, of: RoundPlan, body: bytes) -> Response:
    return client.post(f"/v1/rounds/{of.round}/updates", content=body)


def test_an_update_is_accepted_and_counted_once(of: RoundPlan, client: Client) -> None:
    body = update(of)
    first, again = post(client, of, body), post(client, of, body)

    assert [(one.status_code, one.content) for one in (first, again)] == [(202, b""), (200, b"")]
    assert first.headers["cache-control"] == "no-store"
    assert "set-cookie" not in first.headers


@pytest.mark.parametrize(
    ("spoiled", "status", "words"),
    [
        (lambda of: b"", 422, "0 bytes, expected 72"),
        (lambda of: update(of)[:-1], 422, "71 bytes, expected 72"),
        (lambda of: b"X" + update(of)[1:], 422, "expected 504b5255"),
        (lambda of: update(of, adapter=OTHER), 422, "no plan has named"),
        (lambda of: b"0" * (MAX_UPDATE_BYTES + 1), 413, ""),
    ],
)
def test_what_is_no_update_for_the_plan_is_refused_with_the_reason(
    of: RoundPlan, client: Client, spoiled: Callable[[RoundPlan], bytes], status: int, words: str
) -> None:
    answer = post(client, of, spoiled(of))

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["detail"]


def test_a_round_that_is_full_or_unknown_takes_none(of: RoundPlan, client: Client) -> None:
    counted = [post(client, of, update(of)).status_code for _ in range(4)]

    assert counted == [202, 202, 202, 409]
    assert client.post(f"/v1/rounds/{'x' * 26}/updates", content=update(of)).status_code == 404


@pytest.mark.parametrize("path", ["/v1/rounds//updates", "/v1/rounds/a/b/updates", "/v1/rounds/%2e%2e/updates"])
def test_other_paths_find_nothing(client: Client, path: str) -> None:
    assert client.post(path, content=b"x").status_code in (404, 405)


def test_only_post_is_allowed(of: RoundPlan, client: Client) -> None:
    assert client.get(f"/v1/rounds/{of.round}/updates").status_code == 405


def test_too_many_updates_at_once_are_told_when_to_come_back(
    of: RoundPlan, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TokenBucket, "take", lambda self: False)
    answer = post(client, of, update(of))

    assert (answer.status_code, answer.headers["retry-after"]) == (429, str(of.retry_after_s))


def test_a_database_that_does_not_answer_is_told(
    of: RoundPlan, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(Intake, "_commit", broken)
    answer = post(client, of, update(of))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, str(of.retry_after_s))


def test_updates_are_counted_in_the_metrics_by_status(of: RoundPlan, client: Client) -> None:
    def counted() -> float:
        lines = client.get("/metrics").text.splitlines()
        wanted = 'pocketrec_requests_total{route="rounds",status="202"} '
        return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(wanted)), 0))

    before = counted()
    post(client, of, update(of))

    assert counted() == before + 1
