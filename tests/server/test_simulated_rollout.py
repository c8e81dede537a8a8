"""Rollouts to many devices, some of which refuse the release, through the server's own services."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from benchmarks.rollout import Course, Fleet, measure, roll_out
from server.database.database import Database
from server.halting.signing import Signing
from server.operations import Operations
from server.receipts.service import Receipt, Verdict
from server.releases.repository import RepositoryStore
from server.repository.publish import Rollout, publish
from tests.tiny_repository import PASSPHRASE, TARGET, make_repository


class Server:
    """The services of a server, which writes and decides after each receipt."""

    def __init__(self, repository: Path, keys: Path, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.releases = RepositoryStore(repository)
        self.releases.refresh()
        self.manifest = self.releases.view.channels[TARGET].sha256
        self.operations = Operations.over(self.releases, Database(url), halter=Signing(repository, keys))
        self._loop = loop

    def tell(self, refused: bool) -> bool:
        """Take a receipt; return whether the rollout is halted for devices that check from now on."""
        assert self.operations.receipts.accept(Receipt(TARGET, self.manifest, refused)) is Verdict.COUNTED
        self._loop.run_until_complete(self.operations.step())
        self.releases.refresh()
        rollout = self.releases.view.channels[TARGET].rollout
        return rollout is not None and rollout.halted

    def everything(self) -> dict[str, list[dict[str, object]]]:
        """Return all rows of the database."""

        async def read() -> dict[str, list[dict[str, object]]]:
            async with self.operations.database.engine.connect() as connection:
                names = await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))
                found = {}
                for (name,) in names.all():
                    rows = await connection.execute(text(f"SELECT * FROM {name}"))
                    found[name] = [dict(row) for row in rows.mappings()]
                return found

        return self._loop.run_until_complete(read())


def test_a_release_that_a_twentieth_of_a_thousand_devices_refuses_is_halted_and_nothing_stored_about_anyone(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    signed = make_repository(tmp_path)
    signed.bundle()
    publish(signed.path, signed.bundles, signed.ring(), rollout=Rollout(24.0, (0.01, 0.1, 0.5, 1.0), 0.02))
    fleet = Fleet(devices=1_000, failing=50, max_refused=0.02)

    def simulate() -> tuple[Course, dict[str, list[dict[str, object]]]]:
        with asyncio.Runner() as runner:
            server = Server(signed.path, signed.keys, database_url, runner.get_loop())
            return roll_out(fleet, seed=5, tell=server.tell), server.everything()

    with ThreadPoolExecutor(1) as pool:  # a browser's event loop may run in this thread
        course, stored = pool.submit(simulate).result()

    assert course == roll_out(fleet, seed=5)  # the services decide as the rule does
    assert course.halted
    assert course.switched < 0.1  # before the second of the four rings was through
    told = round(1_000 * (course.switched + course.refused))
    assert sum(int(str(row["taken"])) + int(str(row["refused"])) for row in stored["receipts"]) == told
    assert {name for name, rows in stored.items() if rows} <= {"receipts", "halts", "schema_version"}
    assert len(stored["receipts"]) <= 2  # one row an hour, however many devices
    assert set(stored["receipts"][0]) == {"target", "manifest", "hour", "fetched", "taken", "refused"}
    assert b'"halted":true' in (signed.client(tmp_path / "client").document(f"rollout/{TARGET}.json") or b"")


@pytest.mark.parametrize(
    ("fleet", "halted", "within_goal"),
    [
        (Fleet(1_000, 50, max_refused=0.02), 1.0, 0.1),
        # The most that any rule can reach: in every third rollout none of the first 20 of 1,000 devices fails.
        (Fleet(1_000, 50, max_refused=0.0), 1.0, 0.5),
        (Fleet(10_000, 500, max_refused=0.005), 1.0, 1.0),
    ],
)
def test_a_bad_release_is_always_halted_and_in_larger_fleets_early(
    fleet: Fleet, halted: float, within_goal: float
) -> None:
    row = measure(fleet, runs=30)

    assert row.halted == halted
    assert row.within_goal >= within_goal


def test_noise_does_not_halt_a_good_release() -> None:
    row = measure(Fleet(5_000, 25, max_refused=0.02), runs=20)

    assert row.halted <= 0.05
