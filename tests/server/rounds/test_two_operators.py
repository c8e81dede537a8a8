"""Two operators: each has random shares only, and together they get the sum of the updates that both have."""

import asyncio
import http.client
import json
import os
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from typer.testing import CliRunner

from edge_runtime.rounds.plan import RoundPlan, dump_plan
from edge_runtime.rounds.shares import split
from edge_runtime.rounds.update import Update
from server.database.database import Database, beside, file_url
from server.repository.passphrase import PASSPHRASE as VARIABLE
from server.repository.publish import publish
from server.rounds.commands import rounds
from server.rounds.ledger import Ledger
from server.rounds.opening import Terms, make_plan, open_round
from tests.live_server import serving
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository, make_repository

TERMS = Terms(operators=("https://one.example", "https://two.example"), sigma=0.0, clip=1.0, min_updates=2)


class Operators:
    """Both operators' repositories, and the round that is open at both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first: TinyRepository = make_repository(folder / "first")
        self.first.bundle(0, n_items=30)
        publish(self.first.path, self.first.bundles, self.first.ring())
        self.second = make_repository(folder / "second").path
        self.plan: RoundPlan = make_plan(self.first.path, TARGET, TERMS)
        self.file = folder / "plan.json"
        self.file.write_bytes(dump_plan(self.plan))
        self.run("open", self.second, self.file, "--share", "2")
        open_round(self.first.path, self.first.ring(), self.plan, file_url(beside(self.first.path)))

    def run(self, *arguments: str | Path, code: int = 0) -> str:
        result = CliRunner().invoke(rounds, [str(one) for one in arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return result.output

    def close(self) -> tuple[Path, Path]:
        """Close the round at both, and return both files of tokens."""
        files = self.folder / "tokens-1.json", self.folder / "tokens-2.json"
        for place, file in zip((self.first.path, self.second), files, strict=True):
            self.run("close", place, self.plan.round)
            self.run("tokens", place, self.plan.round, "--out", file)
        return files

    def combine(self, code: int = 0) -> str:
        """Do what both operators do after the round."""
        one, two = self.close()
        total = self.folder / "sum.json"
        self.run("add-up", self.second, self.plan.round, "--tokens", one, "--out", total)
        return self.run("combine", self.first.path, self.plan.round, "--tokens", two, "--sum", total, code=code)

    def total(self) -> tuple[int, list[int]]:
        """Return the number of updates and their sum, as the first operator has them."""

        async def read() -> tuple[int, list[int]]:
            database = Database(file_url(beside(self.first.path)))
            ledger = Ledger(database)
            found, sums = await ledger.one(self.plan.round), await ledger.total(self.plan.round)
            await database.close()
            assert sums is not None
            return found.updates, (np.frombuffer(sums.to_bytes(), "<i8") // 1024).tolist()

        return asyncio.run(read())

    def values(self, seed: int) -> np.ndarray:
        """Return an update that an honest device may send."""
        drawn = np.random.default_rng(seed).normal(size=self.plan.size)
        return np.trunc(drawn / np.linalg.norm(drawn) * self.plan.scale * 0.99).astype(np.int64)

    def shares(self, values: np.ndarray) -> tuple[bytes, bytes]:
        """Return the uploads of an update."""
        return split(Update(os.urandom(16), self.plan.adapter_sha256, values), self.plan)


@pytest.fixture
def operators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operators:
    monkeypatch.setenv(VARIABLE, PASSPHRASE)
    monkeypatch.delenv("POCKETREC_DATABASE_URL", raising=False)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    return Operators(tmp_path)


def upload(url: str, round_id: str, body: bytes) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    connection.request("POST", f"/v1/rounds/{round_id}/updates", body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_two_servers_get_the_sum_of_the_updates_that_both_have(operators: Operators) -> None:
    honest = [operators.values(seed) for seed in range(3)]
    round_id = operators.plan.round
    with serving(operators.first.path) as one, serving(operators.second) as two:
        for values in honest:
            first, second = operators.shares(values)
            assert (upload(one.url, round_id, first), upload(two.url, round_id, second)) == (202, 202)
            assert upload(two.url, round_id, second) == 200
            assert upload(two.url, round_id, first) == 422
        halves = operators.shares(operators.values(9)), operators.shares(operators.values(8))
        assert upload(one.url, round_id, halves[0][0]) == 202
        assert upload(two.url, round_id, halves[1][1]) == 202
        two.stop(signal.SIGKILL)  # after the answers: nothing may be lost

    operators.combine()

    assert operators.total() == (3, sum(honest, np.zeros(operators.plan.size, np.int64)).tolist())


def test_the_second_operator_adds_up_once(operators: Operators) -> None:
    _send(operators, 3)
    one, _ = operators.close()
    fewer, out = operators.folder / "fewer.json", operators.folder / "sum.json"
    document: dict[str, Any] = json.loads(one.read_bytes())
    fewer.write_text(json.dumps(document | {"tokens": document["tokens"][:2]}))

    operators.run("add-up", operators.second, operators.plan.round, "--tokens", one, "--out", out)
    before = out.read_bytes()
    operators.run("add-up", operators.second, operators.plan.round, "--tokens", fewer, "--out", out)

    assert out.read_bytes() == before


def test_no_sum_is_formed_of_too_few_updates(operators: Operators) -> None:
    _send(operators, 3)
    one, _ = operators.close()
    document: dict[str, Any] = json.loads(one.read_bytes())
    one.write_text(json.dumps(document | {"tokens": document["tokens"][:1]}))
    out = operators.folder / "sum.json"

    with pytest.raises(AssertionError, match="expected at least 2"):
        operators.run("add-up", operators.second, operators.plan.round, "--tokens", one, "--out", out)
    assert not out.exists()


def test_a_sum_that_no_honest_devices_send_is_not_published(operators: Operators) -> None:
    _send(operators, 2, np.full(operators.plan.size, operators.plan.largest))

    with pytest.raises(AssertionError, match="no honest one sends"):
        operators.combine()


def test_what_is_in_two_shares_is_not_published(operators: Operators) -> None:
    _send(operators, 2)
    operators.close()

    with pytest.raises(AssertionError, match="exchange tokens"):
        operators.run("publish", operators.first.path, operators.plan.round, "--force")


def _send(operators: Operators, number: int, *more: np.ndarray) -> None:
    """Send updates to both operators, in this process."""
    from server.rounds.intake import Intake

    updates = [operators.shares(values) for values in (*map(operators.values, range(number)), *more)]

    async def work(place: Path, share: int) -> None:
        database = Database(file_url(beside(place)))
        intake = Intake(database)
        async with intake.running():
            for bodies in updates:
                assert (await intake.accept(operators.plan.round, bodies[share])).verdict.value == "counted"
        await database.close()

    for share, place in enumerate((operators.first.path, operators.second)):
        asyncio.run(work(place, share))
