"""Operators' keys, the routes behind them, and the page."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from playwright.sync_api import Browser, Page
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from edge_runtime.rounds.plan import RoundPlan
from server.app import create_app
from server.database.database import Database, beside
from server.operators.commands import operator_keys
from server.operators.keys import OperatorKeys
from server.rounds.ledger import Ledger
from tests.invented_repository import LAPTOP, Repository
from tests.live_server import serving
from tests.tiny_rounds import plan

Client = TestClient[Litestar]
ROUTES = ("status", "rollouts", "rounds", "counters")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", tmp_path / "bundles")


@pytest.fixture
def manifest(repository: Repository) -> str:
    return repository.roll_out()


@pytest.fixture
def client(repository: Repository, manifest: str, database_url: str) -> Iterator[Client]:
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        yield client


@pytest.fixture
def key(database_url: str) -> str:
    return asyncio.run(OperatorKeys(Database(database_url)).add("tests"))[1]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(operator_keys, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_answers_with_a_key_only(client: Client, key: str, route: str) -> None:
    path = f"/v1/operators/{route}"
    refused = [
        client.get(path, headers=headers)
        for headers in ({}, bearer(""), bearer(key[:-1]), {"Authorization": f"Basic {key}"}, {"Authorization": key})
    ]
    answer = client.get(path, headers=bearer(key))

    assert [(one.status_code, one.headers["www-authenticate"]) for one in refused] == [(401, "Bearer")] * 5
    assert all(one.headers["content-type"] == "application/problem+json" for one in refused)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


def test_the_database_has_no_key_that_could_be_used(client: Client, key: str, database_url: str) -> None:
    with closing(sqlite3.connect(make_url(database_url).database or "")) as connection:
        rows = connection.execute("SELECT * FROM operator_keys").fetchall()

    assert key not in str(rows)
    for value in rows[0]:
        assert client.get("/v1/operators/status", headers=bearer(str(value))).status_code == 401


def test_a_revoked_key_is_refused_at_once(client: Client, key: str, database_url: str) -> None:
    async def revoke() -> None:
        keys = OperatorKeys(Database(database_url))
        await keys.revoke((await keys.all())[0].id)

    assert client.get("/v1/operators/status", headers=bearer(key)).status_code == 200
    asyncio.run(revoke())
    assert client.get("/v1/operators/status", headers=bearer(key)).status_code == 401


def test_a_rollout_is_shown_with_its_threshold_and_counts_only(
    repository: Repository, manifest: str, key: str, database_url: str
) -> None:
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        for refused in (False, False, True):
            client.post("/v1/receipts", json={"target": LAPTOP, "manifest": manifest, "refused": refused})
        for _ in range(5):
            client.get(f"/v1/files/{manifest}")
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        answer = client.get("/v1/operators/rollouts", headers=bearer(key)).json()

    rollout = answer["rollouts"][0]
    assert rollout["schedule"] == {
        "start": "2026-01-01T00:00:00Z",
        "hours": 24.0,
        "rings": [0.01, 1.0],
        "max_refused": 0.02,
    }
    assert rollout["devices"] == {"taken": 2, "refused": 1, "waiting": 2, "unknown": 0}
    assert (rollout["stage"], rollout["release"], rollout["manifest"]) == ("open", 1, manifest)
    assert [set(hour) for hour in rollout["hours"]] == [{"hour", "fetched", "taken", "refused"}]


def test_a_round_is_shown_in_counts_and_privacy_is_stated_twice(client: Client, key: str, database_url: str) -> None:
    opened = open_round(database_url)
    (found,) = client.get("/v1/operators/rounds", headers=bearer(key)).json()["rounds"]

    assert (found["round"], found["state"], found["updates"], found["needed"]) == (opened.round, "open", 0, 2)
    assert 0 < found["privacy"]["readers"] < found["privacy"]["operator"]
    assert not {"sums", "tokens", "plan"} & set(found)


def open_round(url: str) -> RoundPlan:
    async def work() -> RoundPlan:
        database, opened = Database(url), plan()
        await Ledger(database).open(opened, 1_700_000_000)
        await database.close()
        return opened

    return asyncio.run(work())


def test_traffic_is_counted_by_hour_and_kind(
    repository: Repository, manifest: str, key: str, database_url: str
) -> None:
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        size = len(client.get("/v1/metadata/timestamp.json").content)
        size += len(client.get("/v1/metadata/9.root.json").content)
        size += len(client.get("/v1/files/none").content)
        size += len(client.post("/v1/receipts", content=b"{").content)
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        hours = client.get("/v1/operators/counters", headers=bearer(key)).json()["hours"]

    counts = {what: sum(hour["counts"].get(what, 0) for hour in hours) for hour in hours for what in hour["counts"]}
    assert counts == {
        "requests": 4, "checks": 1, "bytes": size, "status 404": 1, "status 400": 1, "receipts malformed": 1,
    }  # fmt: skip


def test_keys_are_made_listed_and_revoked_by_commands(repository: Repository, manifest: str) -> None:
    made = json.loads(run("add", repository.root, "Ada's laptop", "--json"))
    listed = json.loads(run("list", repository.root, "--json"))["keys"]
    shown = run("list", repository.root)
    run("revoke", repository.root, made["id"])

    assert [(one["id"], one["name"]) for one in listed] == [(made["id"], "Ada's laptop")]
    assert made["key"].startswith("pocketrec_")
    assert "Ada's laptop" in shown
    assert made["key"] not in shown + str(listed)
    assert json.loads(run("list", repository.root, "--json"))["keys"] == []
    assert beside(repository.root).is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("add", "{root}", "x" * 65), "expected 1 to 64"), (("revoke", "{root}", "0123456789ab"), "none yet")],
)
def test_what_is_wrong_with_a_key_is_said(repository: Repository, arguments: tuple[str, ...], message: str) -> None:
    result = CliRunner().invoke(operator_keys, [one.format(root=repository.root) for one in arguments])

    assert result.exit_code != 0
    assert message in str(result.exception)


def test_the_page_loads_nothing_from_elsewhere_and_cannot_be_framed(client: Client) -> None:
    files = {name: client.get(f"/ops{name}") for name in ("", "/ops.css", "/ops.js")}

    assert [answer.status_code for answer in files.values()] == [200] * 3
    policy = files[""].headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not any("http" in answer.text.replace("http://www.w3.org/2000/svg", "") for answer in files.values())
    assert client.get("/ops/keys.py").status_code == 404


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    yield page
    page.close()


@pytest.mark.browser
def test_the_page_shows_the_figures_to_who_has_a_key_on_a_phone(
    repository: Repository, manifest: str, database_url: str, key: str, page: Page
) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    opened = open_round(database_url)
    with serving(repository.root, "--database-url", database_url) as server:
        page.goto(f"{server.url}/ops")
        page.fill("#key", "pocketrec_wrong")
        page.click("text=Show figures")
        page.wait_for_selector("#refused:not([hidden])")
        assert "does not accept this key" in page.inner_text("#refused")
        expected = [one for one in complaints if "401" in one]

        page.fill("#key", key)
        page.click("text=Show figures")
        page.wait_for_selector(".card")

        assert "tiny shop, release 1" in page.inner_text(".card")
        assert "Threshold 2 %" in page.inner_text(".card")
        assert opened.round[:8] in page.inner_text("#rounds .card")
        assert "2 needed" in page.inner_text("#rounds .card")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert key not in page.content()
        page.reload()
        page.wait_for_selector(".card")
        page.click("text=Forget key")
        page.wait_for_selector("#key")
        page.reload()
        page.wait_for_selector("#key")
    assert complaints == expected
