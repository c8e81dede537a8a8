"""Rollouts are held back, go on ring by ring, and halt."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_runtime.bundle.release import parse_rollout
from server.errors import RepositoryError, SigningError
from server.repository.keys import KeyRing
from server.repository.publish import Rollout, publish
from server.repository.rollout import promote
from server.repository.rotate import rotate
from server.repository.status import read_status
from tests.tiny_repository import TARGET, TinyRepository

ROLLOUT = f"rollout/{TARGET}.json"
START = datetime.now(UTC).replace(microsecond=0)
LATER = START + timedelta(hours=30)
RINGS = Rollout(hours=24, rings=(0.01, 0.1, 0.5, 1.0), max_refused=0.02)


@pytest.fixture
def rolled_out(repository: TinyRepository) -> TinyRepository:
    """A repository with a release that is rolled out in rings."""
    repository.bundle()
    publish(repository.path, repository.bundles, repository.ring(), rollout=RINGS, now=START)
    return repository


def test_a_halt_reaches_clients_as_a_signed_document(rolled_out: TinyRepository, tmp_path: Path) -> None:
    (halted,) = promote(rolled_out.path, rolled_out.ring("rollout", "snapshot", "timestamp"), halt=True, now=LATER)

    data = rolled_out.client(tmp_path / "client").document(f"rollout/{TARGET}.json")
    assert data is not None
    document = parse_rollout(data, TARGET)
    assert (document.halted, document.share) == (True, 0.1)
    assert document.manifest == read_status(rolled_out.path).releases[0].manifest
    assert (halted.open, halted.scheduled, halted.halted) == (0.0, 0.1, True)


def test_a_halted_rollout_goes_on_where_it_was(rolled_out: TinyRepository) -> None:
    promote(rolled_out.path, rolled_out.ring(), halt=True, now=LATER)

    (opened,) = promote(rolled_out.path, rolled_out.ring(), now=LATER + timedelta(hours=100))

    assert (opened.share, opened.open, opened.halted) == (0.1, 0.1, False)


def test_a_rollout_that_is_held_back_opens_ring_by_ring(rolled_out: TinyRepository) -> None:
    promote(rolled_out.path, rolled_out.ring(), share=0.01, now=START)
    late = START + timedelta(days=30)

    shares = [promote(rolled_out.path, rolled_out.ring(), now=late)[0].open for _ in range(3)]

    assert shares == [0.1, 0.5, 1.0]
    with pytest.raises(RepositoryError, match="nothing holds release 1 back; its schedule has opened 100% of the dev"):
        promote(rolled_out.path, rolled_out.ring(), now=late)


def test_the_schedule_goes_on_by_itself(rolled_out: TinyRepository) -> None:
    opened = [read_status(rolled_out.path, START + timedelta(hours=hours)).releases[0].open for hours in (0, 25, 80)]

    assert opened == [0.01, 0.1, 1.0]
    with pytest.raises(RepositoryError, match="nothing holds release 1 back; its schedule has opened 1% of the"):
        promote(rolled_out.path, rolled_out.ring(), now=START)


def test_a_hold_of_an_earlier_release_does_not_hold_the_next_one(rolled_out: TinyRepository) -> None:
    promote(rolled_out.path, rolled_out.ring(), halt=True)
    rolled_out.publish(1)

    (state,) = read_status(rolled_out.path).releases

    assert (state.release, state.open, state.halted) == (2, 1.0, False)


def test_there_must_be_a_release_to_hold_back(repository: TinyRepository) -> None:
    with pytest.raises(RepositoryError, match="found no release yet"):
        promote(repository.path, repository.ring(), halt=True)
    repository.publish()
    with pytest.raises(RepositoryError, match=f"no release for the target 'phone', expected one of: {TARGET}"):
        promote(repository.path, repository.ring(), target="phone", halt=True)


def test_a_release_without_rings_cannot_be_held_back(repository: TinyRepository) -> None:
    repository.publish()

    with pytest.raises(RepositoryError, match=r"release 1 has no rollout: .* Undo it with `pocketrec rel"):
        promote(repository.path, repository.ring(), halt=True)


def test_without_a_target_only_releases_with_a_rollout_are_held_back(repository: TinyRepository) -> None:
    repository.bundle(target="browser-wasm")
    publish(repository.path, repository.bundles, repository.ring())
    repository.bundle(1)
    publish(repository.path, repository.bundles, repository.ring(), rollout=RINGS, now=START)

    halted = promote(repository.path, repository.ring(), halt=True)

    assert [one.target for one in halted] == [TARGET]


def test_a_component_goes_on_with_the_rollout_of_what_it_derives_from(rolled_out: TinyRepository) -> None:
    train_adapter(rolled_out)
    publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), component="adapter", now=LATER)

    (state,) = read_status(rolled_out.path, LATER).releases

    assert (state.release, state.open, state.start) == (2, 0.1, START.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_a_component_of_a_release_that_is_held_back_is_refused(rolled_out: TinyRepository) -> None:
    promote(rolled_out.path, rolled_out.ring(), halt=True, now=LATER)
    train_adapter(rolled_out)

    with pytest.raises(RepositoryError, match="release 1 is held back, and a release of a component would bring it to"):
        publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), component="adapter", now=LATER)


def test_publishing_the_same_files_without_rings_opens_a_rollout_to_everyone(rolled_out: TinyRepository) -> None:
    (opened,) = publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), now=LATER)

    (state,) = read_status(rolled_out.path, LATER).releases
    assert (state.release, state.open, state.rings, opened.changed_bytes) == (2, 1.0, (), 0)
    with pytest.raises(RepositoryError, match="found the files that are on offer already"):
        publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), now=LATER)


@pytest.mark.parametrize("held", [{"halt": True}, {"share": 0.1}])
def test_publishing_the_same_files_does_not_undo_a_hold(rolled_out: TinyRepository, held: "dict[str, float]") -> None:
    promote(rolled_out.path, rolled_out.ring(), now=LATER, **held)  # type: ignore[arg-type]

    with pytest.raises(RepositoryError, match="expected a change, or a rollout in progress that nothing holds back"):
        publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), now=LATER)


def test_publishing_the_same_files_in_rings_again_is_refused(rolled_out: TinyRepository) -> None:
    with pytest.raises(RepositoryError, match="found the files that are on offer already"):
        publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), rollout=RINGS, now=LATER)


def test_a_halt_survives_that_what_an_adapter_key_signed_is_dropped(rolled_out: TinyRepository, tmp_path: Path) -> None:
    base = read_status(rolled_out.path).releases[0].manifest
    train_adapter(rolled_out)
    publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), component="adapter", now=LATER)
    promote(rolled_out.path, rolled_out.ring(), halt=True, now=LATER)

    rotated = rotate(rolled_out.path, "adapter", rolled_out.ring(), drop=True)

    assert (rotated.dropped, rotated.held) == ((f"adapter/{TARGET}.json",), (ROLLOUT,))
    data = rolled_out.client(tmp_path / "client").document(ROLLOUT)
    assert data is not None
    document = parse_rollout(data, TARGET)
    assert (document.manifest, document.halted, document.share) == (base, True, 0.1)
    (state,) = read_status(rolled_out.path, LATER).releases
    assert (state.release, state.open, state.halted) == (1, 0.0, True)


def test_a_halt_needs_the_key_of_the_rollout_to_survive_a_drop(rolled_out: TinyRepository) -> None:
    train_adapter(rolled_out)
    publish(rolled_out.path, rolled_out.bundles, rolled_out.ring(), component="adapter", now=LATER)
    promote(rolled_out.path, rolled_out.ring(), halt=True, now=LATER)

    with pytest.raises(SigningError, match="rollout: found 0 of its keys"):
        rotate(rolled_out.path, "adapter", rolled_out.ring("targets", "snapshot", "timestamp"), drop=True)


@pytest.mark.parametrize("drop", [False, True])
def test_a_hold_survives_a_new_key_of_the_rollout(rolled_out: TinyRepository, tmp_path: Path, drop: bool) -> None:
    promote(rolled_out.path, rolled_out.ring(), share=0.05, now=LATER)
    client = rolled_out.client(tmp_path / "client")
    before = client.document(ROLLOUT)

    rotated = rotate(rolled_out.path, "rollout", rolled_out.ring("targets", "snapshot", "timestamp"), drop=drop)

    assert (rotated.dropped, rotated.held or rotated.documents) == ((), (ROLLOUT,))
    assert before is not None
    assert client.document(ROLLOUT) == before
    keys = KeyRing([rolled_out.keys, rolled_out.keys.with_name("some-keys")])
    assert promote(rolled_out.path, keys, now=LATER)[0].share == 0.1


def test_a_halt_that_names_the_base_needs_no_key_of_the_rollout(rolled_out: TinyRepository) -> None:
    promote(rolled_out.path, rolled_out.ring(), halt=True, now=LATER)

    rotated = rotate(rolled_out.path, "adapter", rolled_out.ring("targets", "snapshot", "timestamp"), drop=True)

    assert rotated.held == ()
    assert read_status(rolled_out.path, LATER).releases[0].halted


def test_what_holds_nothing_on_offer_back_is_dropped(rolled_out: TinyRepository) -> None:
    promote(rolled_out.path, rolled_out.ring(), halt=True)
    rolled_out.publish(1)

    rotated = rotate(rolled_out.path, "rollout", rolled_out.ring(), drop=True)

    assert (rotated.dropped, rotated.held) == ((ROLLOUT,), ())


def train_adapter(repository: TinyRepository) -> None:
    """Give the bundle to publish an adapter with other values."""
    data = bytearray((repository.bundles / TARGET / "adapter.safetensors").read_bytes())
    data[-8:] = bytes(8)
    repository.changed_file("adapter.safetensors", bytes(data))
