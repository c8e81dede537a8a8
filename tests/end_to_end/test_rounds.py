"""A round from the plan to the sum, with real devices and the real servers of two operators, some of them killed."""

import json
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, select
from typer.testing import CliRunner

from edge_runtime.rounds.plan import RoundPlan
from edge_runtime.rounds.shares import decode_share, reduced, signed
from edge_runtime.state.history import History
from edge_runtime.sync.receipts import read_receipts
from server.database.database import beside
from server.database.tables import ROUND_SHARDS
from server.rounds.commands import rounds
from server.rounds.opening import read_plan
from tests.live_server import POCKETREC, serving
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository, make_repository

WAIT_S = 60.0


def pocketrec(*words: str | Path) -> dict[str, Any]:
    done = subprocess.run([*POCKETREC, *map(str, words), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def rounds_do(*words: str | Path) -> dict[str, Any]:
    """Run a command of `pocketrec rounds` in this process, which is as good as another one and faster."""
    done = CliRunner().invoke(rounds, [*map(str, words), "--json"])
    assert done.exit_code == 0, (done.output, done.exception)
    return dict(json.loads(done.stdout))


class Device:
    """A device with a history, that syncs as a process."""

    def __init__(self, folder: Path, url: str, number: int) -> None:
        self.folder, self.state = folder / f"device-{number}", folder / f"history-{number}.sqlite"
        with History.open(self.state) as history:
            for event in range(8):
                history.add(f"item-{(event * (number + 1)) % 40}")
        self.words = ("sync", url, "--into", self.folder, "--target", TARGET, "--state", self.state)

    def take_part(self) -> str:
        """Sync and take part; return the outcome of the upload."""
        (upload,) = pocketrec(*self.words, "--take-part")["round"]["uploads"]
        return str(upload["outcome"])

    def start(self) -> "subprocess.Popen[bytes]":
        words = [*POCKETREC, *map(str, self.words), "--take-part"]
        return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def has_half_sent(self) -> bool:
        """Whether the first operator has counted its share, and the second one has not answered."""
        with closing(sqlite3.connect(self.state)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'rounds'").fetchone():
                return False
            return connection.execute("SELECT outcome, body FROM rounds").fetchall() == [("prepared", None)]

    def update(self, plan: RoundPlan) -> np.ndarray:
        """Return the update of which both shares are in the receipts; each was sent with the same bytes every time."""
        shares = list[np.ndarray]()
        for number, operator in enumerate(plan.operators, 1):
            requests = [
                "".join(one.requests).encode("latin-1") for one in read_receipts(self.folder) if one.server == operator
            ]
            bodies = {one[-plan.body_bytes :] for one in requests if one.startswith(b"POST /v1/rounds/")}
            (body,) = bodies
            shares.append(decode_share(body, number, plan).values)
        return signed(reduced(shares[0] + shares[1], plan), plan)


def plan_of(first: TinyRepository, file: Path, operators: tuple[str, str]) -> RoundPlan:
    """Write a plan whose devices try again after a second."""
    terms = ("--min-updates", "2", "--min-events", "5", "--epsilon", "7")
    words = [word for one in operators for word in ("--operator", one)]
    rounds_do("plan", first.path, "--target", TARGET, *words, "--out", file, *terms)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"retry_after_s": 1}))
    return read_plan(file)


def sum_of(repository: Path, plan: RoundPlan) -> list[int]:
    """Return the sum of a round, as its server has it on the disk."""
    with create_engine(f"sqlite:///{beside(repository)}").connect() as connection:
        rows = connection.execute(select(ROUND_SHARDS.c.sums).where(ROUND_SHARDS.c.round == plan.round)).all()
    total = np.sum([np.frombuffer(data, "<i8") for (data,) in rows], axis=0)
    return [int(value) // 1024 for value in total]


@pytest.mark.slow
def test_devices_that_agreed_are_in_the_sum_of_two_operators_once_although_one_of_each_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    monkeypatch.delenv("POCKETREC_DATABASE_URL", raising=False)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = make_repository(tmp_path / "one"), make_repository(tmp_path / "two").path
    first.publish()
    file = tmp_path / "plan.json"
    with serving(first.path) as one:
        with serving(second) as two:
            plan = plan_of(first, file, (one.url, two.url))
            rounds_do("open", second, file, "--share", "2")
            rounds_do("open", first.path, file)
            agreed = [Device(tmp_path, one.url, number) for number in range(2)]
            assert "round" not in pocketrec(*Device(tmp_path, one.url, 2).words)
            assert agreed[0].take_part() == "counted"

            two.process.send_signal(signal.SIGSTOP)
            with agreed[1].start() as syncing:
                end = time.monotonic() + WAIT_S
                while not agreed[1].has_half_sent():
                    assert syncing.poll() is None
                    assert time.monotonic() < end
                    time.sleep(0.02)
                syncing.kill()
            two.stop(signal.SIGKILL)
        time.sleep(1.0)  # retry_after_s
        with serving(second, "--port", two.url.rpartition(":")[2]):
            assert agreed[1].take_part() in ("counted", "counted before")

            for place, name in ((first.path, "one"), (second, "two")):
                rounds_do("close", place, plan.round)
                rounds_do("tokens", place, plan.round, "--out", tmp_path / f"tokens-{name}.json")
        added = ("--tokens", tmp_path / "tokens-one.json", "--out", tmp_path / "sum.json")
        rounds_do("add-up", second, plan.round, *added)
        combined = ("--tokens", tmp_path / "tokens-two.json", "--sum", tmp_path / "sum.json")
        state = rounds_do("combine", first.path, plan.round, *combined)["round"]

    assert (state["state"], state["updates"]) == ("closed", 2)
    assert sum_of(first.path, plan) == list(agreed[0].update(plan) + agreed[1].update(plan))
