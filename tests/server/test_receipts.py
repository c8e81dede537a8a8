"""Receipts: one bit from a device, of which only counters remain."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy.engine import make_url

from server.app import AppOptions, application, create_app
from server.database.database import Database
from server.operations import Operations
from server.receipts.counts import HOUR_S, Counts, Outcome
from server.receipts.limit import TokenBucket
from server.receipts.totals import UNKNOWN_AFTER_HOURS, Split, outcome_of, split_of
from server.releases.repository import RepositoryStore
from server.web.service import WebFiles
from tests.invented_repository import LAPTOP, Repository

Client = TestClient[Litestar]


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


def receipt(manifest: str, *, refused: bool = False, target: str = LAPTOP) -> dict[str, object]:
    return {"target": target, "manifest": manifest, "refused": refused}


def stored(url: str) -> list[tuple[object, ...]]:
    """Return everything that the database holds besides its version."""
    with closing(sqlite3.connect(make_url(url).database or "")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            (name, *row)
            for name in names
            if name != "schema_version"
            for row in connection.execute(f"SELECT * FROM {name}")
        ]


def totals(url: str, manifest: str) -> Outcome:
    return asyncio.run(outcome_of(Database(url), LAPTOP, manifest))


def test_a_receipt_is_answered_without_content_and_counted(
    repository: Repository, manifest: str, database_url: str
) -> None:
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        answers = [
            client.post("/v1/receipts", json=receipt(manifest, refused=refused)) for refused in (False, True, False)
        ]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 3
    assert all("set-cookie" not in answer.headers for answer in answers)
    assert totals(database_url, manifest) == Outcome(0, 2, 1)


@pytest.mark.parametrize("body", [b"[" * 1000, b'{"target":' * 90, b"[" * 33])
def test_deeply_nested_json_is_malformed_and_no_error_of_the_server(
    client: Client, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    answer = client.post("/v1/receipts", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert "nested more than 32 deep. Expected the fields" in answer.json()["detail"]
    assert "a request failed" not in caplog.text


def test_nothing_that_is_stored_or_logged_says_who_sent_it(
    repository: Repository, manifest: str, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    identity = "d3v1ce-0f-a-person"
    headers = {
        "User-Agent": identity,
        "Cookie": f"id={identity}",
        "X-Forwarded-For": "203.0.113.7",
        "X-Device": identity,
    }
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        client.post("/v1/receipts", json=receipt(manifest), headers=headers)
        metrics = client.get("/metrics").text

    found = str(stored(database_url)) + caplog.text + metrics
    assert manifest in found
    for trace in (identity, "203.0.113.7", "testclient"):
        assert trace not in found
    kinds = {row[0] for row in stored(database_url)}
    assert kinds == {"receipts", "traffic"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"target": "laptop-x86_64"}',
        b'{"target": "laptop-x86_64", "manifest": "MANIFEST", "refused": "true"}',
        b'{"target": "laptop-x86_64", "manifest": "MANIFEST", "refused": 1}',
        b'{"target": "laptop-x86_64", "manifest": "MANIFEST", "refused": true, "device": "mine"}',
        b'{"target": "laptop-x86_64", "manifest": "12", "refused": true}',
    ],
)
def test_anything_but_the_three_fields_is_refused(client: Client, manifest: str, body: bytes) -> None:
    answer = client.post("/v1/receipts", content=body.replace(b"MANIFEST", manifest.encode()))

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_receipt_of_more_than_a_kilobyte_is_refused_before_it_is_parsed(client: Client, manifest: str) -> None:
    body = b" " * 2000 + str(receipt(manifest)).encode()

    assert client.post("/v1/receipts", content=body).status_code == 413


def test_only_what_is_on_offer_is_counted_so_that_the_rows_are_bounded(
    repository: Repository, manifest: str, database_url: str
) -> None:
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        for number in range(100):
            assert client.post("/v1/receipts", json=receipt(f"{number:064x}")).status_code == 404
        assert client.post("/v1/receipts", json=receipt(manifest, target="another")).status_code == 404
        for _ in range(100):
            client.post("/v1/receipts", json=receipt(manifest))

    hours = {row[3] for row in stored(database_url) if row[0] == "receipts"}
    assert len([row for row in stored(database_url) if row[0] == "receipts"]) == len(hours) <= 2


def test_a_flood_is_limited_for_all_senders_together(repository: Repository, manifest: str, database_url: str) -> None:
    releases = RepositoryStore(repository.root)
    operations = Operations.over(releases, Database(database_url), bucket=TokenBucket(0.001, 5))
    app = application(releases, WebFiles(None), operations, AppOptions(watch_s=3600))
    with TestClient(app) as client:
        answers = [client.post("/v1/receipts", json=receipt(manifest)) for _ in range(20)]

    assert [answer.status_code for answer in answers] == [204] * 5 + [429] * 15
    assert int(answers[-1].headers["retry-after"]) > 0
    assert totals(database_url, manifest) == Outcome(0, 5, 0)


def test_the_bucket_fills_again_with_time() -> None:
    now = [0.0]
    bucket = TokenBucket(2.0, 4.0, lambda: now[0])
    assert [bucket.take() for _ in range(5)] == [True] * 4 + [False]

    now[0] = 1.0
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    now[0] = 1000.0
    assert [bucket.take() for _ in range(5)] == [True] * 4 + [False]


def test_downloads_of_the_final_manifest_are_counted_and_those_of_other_files_are_not(
    repository: Repository, manifest: str, database_url: str
) -> None:
    other = next(path.name for path in (repository.root / "files").iterdir() if path.name != manifest)
    with TestClient(create_app(repository.root, None, watch_s=3600, database_url=database_url)) as client:
        for digest in (manifest, manifest, other):
            assert client.get(f"/v1/files/{digest}").status_code == 200
        client.head(f"/v1/files/{manifest}")
        client.get(f"/v1/files/{manifest}", headers={"Range": "bytes=10-20"})

    assert totals(database_url, manifest) == Outcome(2, 0, 0)


async def counted(url: str, hours: list[tuple[int, str, int]], now: int) -> Split:
    """Count events at hours, and return where the devices are at the hour ``now``."""
    at = [0]
    database = Database(url)
    counts = Counts(database, clock=lambda: float(at[0] * HOUR_S))
    for hour, what, number in hours:
        at[0] = hour
        for _ in range(number):
            counts.count_release(LAPTOP, "0" * 64, what)
        await counts.flush()
    split = await split_of(database, LAPTOP, "0" * 64, now)
    await database.close()
    return split


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (0, Split(taken=3, refused=1, waiting=6, unknown=0)),
        (UNKNOWN_AFTER_HOURS - 1, Split(taken=3, refused=1, waiting=6, unknown=0)),
        (UNKNOWN_AFTER_HOURS, Split(taken=3, refused=1, waiting=0, unknown=6)),
        (10_000, Split(taken=3, refused=1, waiting=0, unknown=6)),
    ],
)
def test_a_device_that_never_returns_counts_as_unknown_after_a_day_and_never_as_success(
    database_url: str, later: int, expected: Split
) -> None:
    start = 494_000
    events = [(start, "fetched", 10), (start, "taken", 3), (start, "refused", 1)]

    assert asyncio.run(counted(database_url, events, start + later)) == expected


def test_forged_receipts_beyond_the_downloads_leave_no_negative_numbers(database_url: str) -> None:
    events = [(494_000, "fetched", 1), (494_000, "taken", 30)]

    assert asyncio.run(counted(database_url, events, 494_000)) == Split(30, 0, 0, 0)


def test_counters_of_several_processes_add_up(database_url: str) -> None:
    async def count() -> Outcome:
        database = Database(database_url)
        processes = [Counts(database) for _ in range(4)]
        for one in processes:
            one.count_release(LAPTOP, "0" * 64, "taken")
        await asyncio.gather(*(one.flush() for one in processes))
        return await outcome_of(database, LAPTOP, "0" * 64)

    assert asyncio.run(count()).taken == 4


def test_counters_are_kept_while_the_database_does_not_answer(database_url: str, tmp_path: Path) -> None:
    async def count() -> Outcome:
        database = Database(database_url)
        broken = Database(f"sqlite+aiosqlite:///{tmp_path / 'no-such-folder' / 'x'}")
        counts = Counts(broken)
        counts.count_release(LAPTOP, "0" * 64, "refused")
        with pytest.raises(Exception, match="unable to open"):
            await counts.flush()
        counts._database = database
        await counts.flush()
        return await outcome_of(database, LAPTOP, "0" * 64)

    assert asyncio.run(count()).refused == 1


def test_counters_older_than_a_year_and_a_month_are_deleted(database_url: str) -> None:
    old, now = 480_000, 500_000
    events = [(old, "taken", 1), (now, "taken", 1)]

    assert asyncio.run(counted(database_url, events, now)).taken == 1


def test_a_folder_of_bundles_has_no_receipts(tmp_path: Path) -> None:
    with TestClient(create_app(tmp_path, None, watch_s=3600)) as client:
        assert client.post("/v1/receipts", json=receipt("0" * 64)).status_code == 404
