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

import numpy as np
import pytest
from sqlalchemy import text

from server.database.database import Database, migrate
from server.database.tables import metadata
from server.operators.keys import OperatorKeys
from server.receipts.counts import Counts, Outcome
from server.receipts.totals import outcome_of, settle, split_of, traffic_since, unsettled
from server.rounds.intake import Intake, Verdict
from server.rounds.ledger import Ledger, Round, State
from tests.invented_repository import LAPTOP, Repository
from tests.live_postgresql import postgresql, postgresql_folder
from tests.live_server import serving
from tests.tiny_rounds import plan, update

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


def test_two_servers_count_into_one_round_exactly_and_each_token_once(url: str) -> None:
    migrate(url)
    of = plan(max_updates=50)
    bodies = [update(of, [number] * 8) for number in range(60)]

    async def count() -> tuple[list[Verdict], Round, list[int]]:
        databases = [Database(url) for _ in range(2)]
        await Ledger(databases[0]).open(of, 1)
        intakes = [Intake(one) for one in databases]
        async with intakes[0].running(), intakes[1].running():
            # Every device sends its update to both servers at once, as after an answer that was lost.
            answers = await asyncio.gather(*(one.accept(of.round, body) for body in bodies for one in intakes))
        ledger = Ledger(databases[0])
        found, total = await ledger.one(of.round), await ledger.total(of.round)
        for one in databases:
            await one.close()
        assert total is not None
        return [answer.verdict for answer in answers], found, np.frombuffer(total.to_bytes(), "<i8").tolist()

    verdicts, found, sums = run(count())
    pairs = [set(verdicts[index : index + 2]) for index in range(0, 120, 2)]
    counted = [number for number, pair in enumerate(pairs) if Verdict.COUNTED in pair]

    assert verdicts.count(Verdict.COUNTED) == len(counted) == found.updates == 50
    assert all(pair <= {Verdict.COUNTED, Verdict.BEFORE} for pair in pairs if Verdict.COUNTED in pair)
    assert all(pair == {Verdict.CLOSED} for pair in pairs if Verdict.COUNTED not in pair)
    assert sums == [1024 * sum(counted)] * 8
    assert found.state is State.CLOSED


def test_no_update_is_answered_after_the_sum_was_read(url: str) -> None:
    migrate(url)
    of = plan()

    async def count() -> tuple[int, int]:
        database, other = Database(url), Database(url)
        ledger, intake = Ledger(database), Intake(other)
        await ledger.open(of, 1)
        async with intake.running():
            sending = [asyncio.create_task(intake.accept(of.round, update(of))) for _ in range(300)]
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            closed = await ledger.close(of.round, 2, "by hand")
            total = await ledger.total(of.round)
            answers = await asyncio.gather(*sending)
        await database.close()
        await other.close()
        assert total is not None
        assert np.frombuffer(total.to_bytes(), "<i8")[0] == 1024 * closed.updates
        return closed.updates, sum(answer.verdict is Verdict.COUNTED for answer in answers)

    in_the_sum, answered = run(count())
    assert in_the_sum == answered > 0


def test_a_small_round_is_carried_over_there_too(url: str) -> None:
    migrate(url)
    first, second = plan("a", min_updates=3), plan("b", min_updates=3)

    async def count() -> Round:
        database = Database(url)
        intake = Intake(database)
        await intake.ledger.open(first, 1)
        async with intake.running():
            await intake.accept(first.round, update(first))
            await intake.ledger.close(first.round, 2, "by hand")
            (settled,) = await intake.ledger.open(second, 3)
        assert settled.state is State.CARRIED
        found = await intake.ledger.one(second.round)
        await database.close()
        return found

    found = run(count())
    assert (found.updates, found.merged) == (1, 2)
