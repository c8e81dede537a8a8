"""Health, metrics, pages of other origins, and the description of the interface, which a fuzzer tries."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from litestar import Litestar
from litestar.testing import TestClient
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from sqlalchemy.engine import make_url

from server.app import AppOptions, application, create_app
from server.database.database import Database
from server.metrics.instruments import seconds_left
from server.operations import Operations
from server.operators.keys import OperatorKeys
from server.releases.repository import RepositoryStore
from server.rounds.ledger import Ledger
from server.web.service import WebFiles
from tests.invented_repository import LAPTOP, Repository
from tests.live_server import serving
from tests.tiny_rounds import plan

Client = TestClient[Litestar]
SHOP = "https://shop.example"
UPLOAD = "POST /v1/rounds/{round_id}/updates"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository", tmp_path / "bundles")
    made.roll_out()
    return made


@pytest.fixture
def client(repository: Repository, database_url: str) -> Iterator[Client]:
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        yield client


def value(text: str, name: str) -> float:
    """Return the value of a metric by its name and labels; 0 if it is not there."""
    found = (line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} "))
    return float(next(found, 0))


def test_metrics_count_requests_bytes_and_receipts_by_few_kinds(client: Client) -> None:
    before = client.get("/metrics").text
    size = len(client.get("/v1/metadata/timestamp.json").content)
    for number in range(50):
        client.get(f"/v1/files/{number}")
        client.get(f"/anything/{number}")
    client.post("/v1/receipts", content=b"{")
    after = client.get("/metrics").text

    for name, expected in {
        'pocketrec_requests_total{route="metadata",status="200"}': 1,
        'pocketrec_requests_total{route="files",status="404"}': 50,
        'pocketrec_requests_total{route="page",status="404"}': 50,
        'pocketrec_response_bytes_total{route="metadata"}': size,
        'pocketrec_receipts_total{result="malformed"}': 1,
    }.items():
        assert (name, value(after, name) - value(before, name)) == (name, expected)
    assert value(after, "pocketrec_releases_on_offer") == 1
    assert 86_000 < value(after, "pocketrec_timestamp_expires_seconds") < 86_401
    assert value(after, f'pocketrec_rollout{{stage="open",target="{LAPTOP}"}}') == 1


@pytest.mark.parametrize("timestamp", [None, b"", b"{}", b'{"signed": {"expires": "soon"}}'])
def test_a_timestamp_that_does_not_say_when_it_expires_has_no_metric(timestamp: bytes | None) -> None:
    assert seconds_left(timestamp) is None


def test_an_expired_timestamp_is_a_problem(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    now = __import__("time").time()
    monkeypatch.setattr("server.metrics.instruments.time.time", lambda: now + 100_000)

    health = client.get("/healthz").json()

    assert health["status"] == "degraded"
    assert "pocketrec release expire" in health["problems"]["timestamp"]


def test_the_server_is_ready_while_its_database_answers(repository: Repository, database_url: str) -> None:
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        assert client.get("/readyz").json() == {"ready": True}
        path = Path(make_url(database_url).database or "")
        path.unlink()
        path.mkdir()
        answer = client.get("/readyz")
        path.rmdir()

    assert answer.status_code == 503
    assert client.get("/healthz") is not None


def test_without_a_database_everything_else_is_served(repository: Repository) -> None:
    with TestClient(create_app(repository.root, None, watch_s=3600)) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/v1/metadata/timestamp.json").status_code == 200
        assert client.get("/ops").status_code == 404


@pytest.fixture
def open_client(repository: Repository, database_url: str) -> Iterator[Client]:
    releases = RepositoryStore(repository.root)
    operations = Operations.over(releases, Database(database_url))
    options = AppOptions(watch_s=3600, allow_origins=(SHOP,))
    with TestClient(application(releases, WebFiles(None), operations, options)) as client:
        yield client


def test_a_page_of_an_allowed_origin_may_read_releases(open_client: Client) -> None:
    answer = open_client.get("/v1/metadata/timestamp.json", headers={"Origin": SHOP})
    headers = {"Origin": SHOP, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    preflight = open_client.options("/v1/files/" + "0" * 64, headers=headers)

    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "access-control-allow-credentials" not in answer.headers
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize(
    ("origin", "method", "header"),
    [(SHOP, "GET", "authorization"), (SHOP, "DELETE", "range"), ("https://x.example", "GET", "range")],
)
def test_a_page_elsewhere_may_do_nothing_else(open_client: Client, origin: str, method: str, header: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": header}
    preflight = open_client.options("/v1/operators/status", headers=headers)

    assert preflight.status_code == 400 or "access-control-allow-origin" not in preflight.headers


def test_by_default_no_page_elsewhere_may_read(client: Client) -> None:
    answer = client.get("/v1/metadata/timestamp.json", headers={"Origin": SHOP})

    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_description_of_the_interface_names_every_route_of_devices_and_operators(client: Client) -> None:
    paths = set(client.get("/schema/openapi.json").json()["paths"])

    assert paths >= {
        "/v1/channels", "/v1/metadata/{name}", "/v1/targets/{path}", "/v1/files/{sha256}", "/v1/receipts",
        "/v1/rounds/{round_id}/updates",
        "/v1/operators/status", "/v1/operators/rollouts", "/v1/operators/rounds", "/v1/operators/counters",
        "/healthz", "/readyz", "/metrics",
    }  # fmt: skip
    assert not paths & {"/ops", "/"}


@pytest.mark.slow
@pytest.mark.no_cover  # the server, whose lines count, is another process
@pytest.mark.parametrize("mode", list(GenerationMode))
def test_a_fuzzer_finds_no_fault_in_the_interface(
    repository: Repository, database_url: str, mode: GenerationMode
) -> None:
    key = asyncio.run(OperatorKeys(Database(database_url)).add("fuzzer"))[1]
    opened = plan()
    asyncio.run(Ledger(Database(database_url)).open(opened, 1))
    tried, answers = set(), set()
    with serving(repository.root, "--database-url", database_url) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/schema/openapi.json")
        for found in schema.get_all_operations():
            assert isinstance(found, Ok)
            operation = found.ok()

            @settings(
                max_examples=25, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def check(case: schemathesis.Case[Any]) -> None:
                tried.add(case.operation.label)
                is_upload = case.operation.label == UPLOAD
                if is_upload and mode is GenerationMode.POSITIVE:
                    case.path_parameters["round_id"] = opened.round
                answer = case.call(headers={"Authorization": f"Bearer {key}"})
                answers.add((case.operation.label, answer.status_code))
                # For the fuzzer, 413 does not reject what is too large and wrong in other ways, too.
                excluded: list[Any] = [negative_data_rejection] if answer.status_code == 413 else []
                # Its schema cannot say which bytes are an update.
                excluded += [positive_data_acceptance] if is_upload else []
                case.validate_response(answer, excluded_checks=excluded)

            try:
                check()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # nothing about the request can be wrong
        code, output = server.stop()

    assert "POST /v1/receipts" in tried
    assert ((UPLOAD, 422) in answers) is (mode is GenerationMode.POSITIVE)
    assert code == 0
    assert "Traceback" not in output
