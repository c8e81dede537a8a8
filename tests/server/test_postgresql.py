"""The counters and keys in a real PostgreSQL."""

import asyncio
import json
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Coroutine, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from sqlalchemy import text

from edge_runtime.rounds.plan import dump_plan
from edge_runtime.rounds.shares import split
from edge_runtime.rounds.update import Update
from server.database.database import Database, migrate
from server.database.tables import metadata
from server.operators.keys import OperatorKeys
from server.receipts.counts import Counts, Outcome
from server.receipts.totals import outcome_of, settle, split_of, traffic_since, unsettled
from server.rounds.combining import add_shares, combine, read_tokens
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
    """Return the URL of an empty database."""
    return empty_database(server_url)


def empty_database(server_url: str) -> str:
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


def test_a_round_of_before_there_were_shares_goes_on_after_the_migration(url: str) -> None:
    of = plan()
    migrate(url, "0002")

    async def open_before() -> None:
        database = Database(url)
        row = (of.round, of.target, dump_plan(of), 1, "open", 1, int(of.deadline_time()))
        await database.execute(
            text(
                "INSERT INTO rounds (round, target, plan, adapter, state, opened, deadline, updates, weight, merged, "
                "note) VALUES (:r, :t, :p, :a, :s, :o, :d, 0, 0, 1, '')"
            ),
            [dict(zip("rtpasod", row, strict=True))],
        )
        await database.execute(
            text("INSERT INTO round_adapters (target, sha256, number) VALUES (:t, :a, 1)"),
            [{"t": of.target, "a": of.adapter_sha256}],
        )
        await database.close()

    async def count() -> Round:
        database = Database(url)
        intake = Intake(database)
        async with intake.running():
            assert (await intake.accept(of.round, update(of))).verdict is Verdict.COUNTED
        found = await intake.ledger.one(of.round)
        await database.close()
        return found

    run(open_before())
    migrate(url)
    found = run(count())

    assert (found.share, found.state, found.updates) == (0, State.OPEN, 1)


def test_shares_reach_two_operators_whose_sum_is_that_of_the_updates_both_have(url: str, server_url: str) -> None:
    other = empty_database(server_url)
    of = plan(operators=("http://127.0.0.1:1", "http://127.0.0.1:2"), sigma=0.0, min_updates=2)
    values = [np.full(of.size, 10 * number, np.int64) for number in range(1, 9)]
    shares = [split(Update(secrets.token_bytes(16), of.adapter_sha256, each), of) for each in values]

    async def operator(place: str, number: int, bodies: Sequence[bytes]) -> Ledger:
        """Open the round at an operator, and count with two servers at once; every share is sent to both of them."""
        first, second = Database(place), Database(place)
        ledger = Ledger(first)
        await ledger.open(of, 1, number)
        intakes = [Intake(one) for one in (first, second)]
        async with intakes[0].running(), intakes[1].running():
            answers = await asyncio.gather(*(one.accept(of.round, body) for body in bodies for one in intakes))
        assert {answer.verdict for answer in answers} == {Verdict.COUNTED, Verdict.BEFORE}
        await ledger.close(of.round, 2, "by hand")
        await second.close()
        return ledger

    async def count() -> tuple[Round, list[int]]:
        one = await operator(url, 1, [first for first, _ in shares[:7]])
        two = await operator(other, 2, [second for _, second in shares[1:]])
        tokens = await read_tokens(one, of.round), await read_tokens(two, of.round)
        total = await add_shares(two, of.round, tokens[0])
        assert await add_shares(two, of.round, tokens[0]) == total
        found = await combine(one, of.round, tokens[1], total)
        sums = await one.total(of.round)
        for ledger in (one, two):
            assert await ledger.database.rows(text("SELECT 1 FROM round_shares")) == []
            await ledger.database.close()
        assert sums is not None
        return found, np.frombuffer(sums.to_bytes(), "<i8").tolist()

    migrate(url)
    migrate(other)
    found, sums = run(count())

    assert (found.state, found.updates) == (State.CLOSED, 6)
    assert sums == (1024 * sum(values[1:7], np.zeros(of.size, np.int64))).tolist()
