"""A rollout halts itself when more devices refuse the release than its signed threshold permits, and not for noise."""

import asyncio
import logging
from math import comb
from pathlib import Path

import pytest

from edge_runtime.bundle.release import parse_rollout
from edge_runtime.errors import BusyError
from server.database.database import Database
from server.errors import SigningError
from server.halting.service import RETRY_S, Halting, Stage
from server.halting.signing import Signing
from server.halting.threshold import MIN_RECEIPTS, is_exceeded, upper_tail
from server.receipts.counts import Counts
from server.releases.repository import RepositoryStore
from server.repository.publish import Rollout, publish
from server.repository.rollout import promote
from tests.invented_repository import LAPTOP, Repository
from tests.tiny_repository import PASSPHRASE, TARGET, TinyRepository, make_repository


@pytest.mark.parametrize(("least", "n", "share"), [(1, 10, 0.02), (3, 20, 0.02), (7, 100, 0.05), (60, 1000, 0.04)])
def test_the_tail_is_that_of_the_binomial_distribution(least: int, n: int, share: float) -> None:
    exact = sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(least, n + 1))

    assert upper_tail(least, n, share) == pytest.approx(exact, rel=1e-9)


def test_the_tail_of_millions_of_receipts_is_computed_from_few_terms() -> None:
    assert upper_tail(10_300_000, 500_000_000, 0.02) < 1e-10
    assert 0.001 < upper_tail(10_005_000, 500_000_000, 0.02) < 0.5


@pytest.mark.parametrize(
    ("taken", "refused", "max_refused", "expected"),
    [
        (0, 0, 0.0, False),
        (0, MIN_RECEIPTS - 1, 0.02, False),  # too few receipts
        (MIN_RECEIPTS - 1, 1, 0.02, False),  # one refusal of ten is noise at 2 %
        (16, 2, 0.02, True),
        (990, 20, 0.02, False),
        (950, 50, 0.02, True),
        (MIN_RECEIPTS - 1, 1, 0.0, True),  # nothing may be refused
        (0, 1000, 1.0, False),
        (1_000_000, 0, 0.0, False),
    ],
)
def test_only_refusals_beyond_chance_exceed_the_threshold(
    taken: int, refused: int, max_refused: float, expected: bool
) -> None:
    assert is_exceeded(taken, refused, max_refused) is expected


class FakeHalter:
    def __init__(self, error: Exception | None = None) -> None:
        self.halted: list[tuple[str, str]] = []
        self.error = error

    def halt(self, target: str, manifest: str) -> bool:
        if self.error is not None:
            raise self.error
        self.halted.append((target, manifest))
        return True


class Rolled:
    """A release in rollout, with a watcher that has counted receipts."""

    def __init__(self, repository: Repository, url: str, halter: FakeHalter | None) -> None:
        self.repository = repository
        self.releases = RepositoryStore(repository.root)
        self.database = Database(url)
        self.halting = Halting(self.releases, self.database, halter, "releases")
        self.counts = Counts(self.database)

    def receive(self, manifest: str, taken: int, refused: int) -> None:
        for what, number in (("taken", taken), ("refused", refused)):
            for _ in range(number):
                self.counts.count_release(LAPTOP, manifest, what)

    def check(self) -> Stage:
        async def check() -> None:
            await self.counts.flush()
            await self.halting.check()

        self.releases.refresh()
        asyncio.run(check())
        return self.halting.stage(LAPTOP, self.releases.view.channels[LAPTOP])


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", tmp_path / "bundles")


def test_a_rollout_that_too_many_refuse_is_halted_once(repository: Repository, database_url: str) -> None:
    halter = FakeHalter()
    manifest = repository.roll_out()
    rolled = Rolled(repository, database_url, halter)
    rolled.receive(manifest, 100, 0)
    assert rolled.check() is Stage.OPEN
    assert halter.halted == []

    rolled.receive(manifest, 5, 10)
    rolled.check()
    assert halter.halted == [(LAPTOP, manifest)]

    repository.hold(manifest, halted=True)
    assert rolled.check() is Stage.HALTED
    assert halter.halted == [(LAPTOP, manifest)]


def test_an_operator_who_goes_on_is_not_overruled_by_the_same_receipts(
    repository: Repository, database_url: str
) -> None:
    halter = FakeHalter()
    manifest = repository.roll_out()
    rolled = Rolled(repository, database_url, halter)
    rolled.receive(manifest, 5, 10)
    rolled.check()
    repository.hold(manifest, halted=True)
    rolled.check()

    repository.hold(manifest, halted=False)
    assert rolled.check() is Stage.OPEN
    assert len(halter.halted) == 1

    rolled.receive(manifest, 5, 10)
    rolled.check()
    assert len(halter.halted) == 2


def test_a_release_for_everyone_at_once_has_no_threshold(repository: Repository, database_url: str) -> None:
    manifest = repository.roll_out()
    from tests.invented_repository import release_of

    repository.documents["targets"][f"bundle/{LAPTOP}.json"] = release_of(manifest, 1)
    repository.publish()
    halter = FakeHalter()
    rolled = Rolled(repository, database_url, halter)
    rolled.receive(manifest, 0, 100)

    assert rolled.check() is Stage.OPEN
    assert halter.halted == []


def test_without_keys_the_server_names_the_command_and_keeps_saying_so(
    repository: Repository, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = repository.roll_out()
    rolled = Rolled(repository, database_url, None)
    rolled.receive(manifest, 0, 100)

    assert rolled.check() is Stage.NEEDS_KEYS
    assert rolled.check() is Stage.NEEDS_KEYS
    command = f"pocketrec release promote releases --target {LAPTOP} --halt"
    assert command in rolled.halting.problems[LAPTOP]
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [command in record.getMessage() for record in errors] == [True]

    repository.hold(manifest, halted=True)
    assert rolled.check() is Stage.HALTED
    assert not rolled.halting.problems


def test_a_halt_that_fails_is_reported_and_tried_again(
    repository: Repository, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    halter = FakeHalter(BusyError("another process is writing"))
    manifest = repository.roll_out()
    rolled = Rolled(repository, database_url, halter)
    rolled.receive(manifest, 0, 100)
    assert rolled.check() is Stage.NEEDS_KEYS
    assert "another process is writing" in rolled.halting.problems[LAPTOP]

    halter.error = None
    now = __import__("time").monotonic()
    monkeypatch.setattr("server.halting.service.time.monotonic", lambda: now + RETRY_S + 1)
    rolled.check()
    assert halter.halted == [(LAPTOP, manifest)]


@pytest.fixture
def signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyRepository:
    monkeypatch.setenv("POCKETREC_PASSPHRASE", PASSPHRASE)
    made = make_repository(tmp_path)
    made.bundle()
    publish(made.path, made.bundles, made.ring(), rollout=Rollout(24.0, (0.01, 0.1, 1.0), 0.02))
    return made


def online(signed: TinyRepository, *names: str) -> Path:
    return signed.ring(*names).folders[0]


def final_manifest(signed: TinyRepository) -> str:
    store = RepositoryStore(signed.path)
    store.refresh()
    return store.view.channels[TARGET].sha256


def test_the_three_online_keys_are_enough_to_halt_and_a_client_verifies_it(
    signed: TinyRepository, tmp_path: Path
) -> None:
    signing = Signing(signed.path, online(signed, "rollout", "snapshot", "timestamp"))
    manifest = final_manifest(signed)
    client = signed.client(tmp_path / "client")
    assert client.document(f"rollout/{TARGET}.json") is None

    assert signing.halt(TARGET, manifest)

    document = parse_rollout(client.document(f"rollout/{TARGET}.json") or b"", TARGET)
    assert (document.manifest, document.halted) == (manifest, True)
    assert not signing.halt(TARGET, manifest)


def test_a_halt_continues_where_it_was_when_the_operator_goes_on(signed: TinyRepository) -> None:
    signing = Signing(signed.path, online(signed, "rollout", "snapshot", "timestamp"))
    signing.halt(TARGET, final_manifest(signed))

    opened = promote(signed.path, signed.ring(), target=TARGET)

    assert [(one.halted, one.open) for one in opened] == [(False, 0.01)]


def test_a_release_published_meanwhile_is_not_halted_for_the_one_before(signed: TinyRepository) -> None:
    signing = Signing(signed.path, online(signed, "rollout", "snapshot", "timestamp"))
    manifest = final_manifest(signed)
    signed.publish(seed=1)

    assert not signing.halt(TARGET, manifest)
    store = RepositoryStore(signed.path)
    store.refresh()
    assert store.view.channels[TARGET].rollout is None


def test_a_missing_key_is_noticed_when_the_server_starts(signed: TinyRepository) -> None:
    with pytest.raises(SigningError, match="rollout"):
        Signing(signed.path, online(signed, "snapshot", "timestamp"))
