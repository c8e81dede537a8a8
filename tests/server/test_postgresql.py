"""The counters and keys in a real PostgreSQL."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Coroutine, Iterator
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import text

from server.database.database import Database, migrate
from server.database.tables import metadata
from server.operators.keys import OperatorKeys
from server.receipts.counts import Counts, Outcome
from server.receipts.totals import outcome_of, settle, split_of, traffic_since, unsettled
from tests.invented_repository import LAPTOP, Repository
from tests.live_postgresql import postgresql, postgresql_folder
from tests.live_server import serving

Answer = TypeVar("Answer")
MANIFEST = "0" * 64
_NUMBERS = count()

pytestmark = pytest.mark.skipif(
    postgresql_folder() is None, reason="PostgreSQL is missing; run `apt-get install postgresql`"
)


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def url(server_url: str) -> str:
    """Return the URL of an empty database with all tables."""
    name = f"test_{next(_NUMBERS)}"

    async def create() -> None:
        database = Database(server_url)
        async with database.engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(f"CREATE DATABASE {name}"))
        await database.close()

    asyncio.run(create())
    return server_url.replace("/postgres?", f"/{name}?")


def run(work: Coroutine[Any, Any, Answer]) -> Answer:
    return asyncio.run(work)


def test_servers_that_start_at_once_create_the_tables_once(url: str) -> None:
    code = "import sys; from server.database.database import migrate; migrate(sys.argv[1])"
    starts = [subprocess.Popen([sys.executable, "-c", code, url]) for _ in range(4)]
    assert [one.wait(timeout=60) for one in starts] == [0] * 4

    async def names() -> set[str]:
        database = Database(url)
        rows = await database.rows(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        await database.close()
        return {name for (name,) in rows}

    assert run(names()) == {*metadata.tables, "schema_version"}


def test_counters_of_many_processes_add_up(url: str) -> None:
    migrate(url)

    async def counted() -> tuple[Outcome, int]:
        database = Database(url)
        processes = [Counts(database) for _ in range(8)]
        for _ in range(5):
            for one in processes:
                one.count_release(LAPTOP, MANIFEST, "taken")
                one.count_release(LAPTOP, MANIFEST, "refused")
                one.count_traffic("bytes", 1 << 40)
                one.count_traffic("requests")
            await asyncio.gather(*(one.flush() for one in processes))
        outcome = await outcome_of(database, LAPTOP, MANIFEST)
        traffic = await traffic_since(database, 0)
        await database.close()
        return outcome, sum(hour["bytes"] for hour in traffic.values())

    assert run(counted()) == (Outcome(0, 40, 40), 40 << 40)


def test_receipts_that_halted_a_rollout_are_settled_by_several_servers_at_once(url: str) -> None:
    migrate(url)

    async def counted() -> list[Outcome]:
        database = Database(url)
        counts = Counts(database)
        counts.count_release(LAPTOP, MANIFEST, "refused")
        await counts.flush()
        before = await unsettled(database, LAPTOP, MANIFEST)
        await asyncio.gather(*(settle(database, LAPTOP, MANIFEST) for _ in range(4)))
        after = await unsettled(database, LAPTOP, MANIFEST)
        split = await split_of(database, LAPTOP, MANIFEST, counts.hour())
        await database.close()
        assert (split.taken, split.refused) == (0, 1)
        return [before, after]

    assert run(counted()) == [Outcome(0, 0, 1), Outcome(0, 0, 0)]


def test_keys_are_added_accepted_and_revoked(url: str) -> None:
    migrate(url)

    async def use() -> list[bool]:
        database = Database(url)
        keys = OperatorKeys(database)
        key, secret = await keys.add("Ada")
        before = await keys.accepts(secret)
        await keys.revoke(key.id)
        after = await keys.accepts(secret)
        await database.close()
        return [before, after]

    assert run(use()) == [True, False]


def test_a_server_with_several_workers_keeps_its_counters_there(url: str, tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", tmp_path / "bundles")
    manifest = repository.roll_out()
    with serving(repository.root, "--database-url", url, "--workers", "2") as server:
        for _ in range(10):
            body = json.dumps({"target": LAPTOP, "manifest": manifest, "refused": False}).encode()
            request = urllib.request.Request(f"{server.url}/v1/receipts", body, {"Content-Type": "application/json"})
            urllib.request.urlopen(request, timeout=10).read()
        code, _ = server.stop()

    async def read() -> Outcome:
        database = Database(url)
        outcome = await outcome_of(database, LAPTOP, manifest)
        await database.close()
        return outcome

    assert code == 0
    assert run(read()) == Outcome(0, 10, 0)
    assert not list(tmp_path.glob("*.sqlite3"))
