"""What nothing needs is deleted, and nothing else."""

from pathlib import Path

import pytest

from edge_runtime.bundle.release import parse_release
from server.errors import RepositoryError
from server.repository.offer import offer_of
from server.repository.prune import prune
from server.repository.publish import publish, roll_back
from server.repository.repository import open_repository
from server.repository.rotate import rotate
from tests.tiny_repository import TARGET, TinyRepository


def test_files_of_old_releases_are_deleted_and_those_on_offer_stay(repository: TinyRepository, tmp_path: Path) -> None:
    old_client = repository.client(tmp_path / "old")
    for seed in range(4):
        repository.publish(seed)
    rotate(repository.path, "root-1", repository.ring())
    stray = repository.path / "files" / "left.new"
    stray.write_bytes(b"left by a process that was killed")
    n_before = len(list(repository.path.rglob("*")))

    planned = prune(repository.path, keep=2, dry_run=True)
    assert len(list(repository.path.rglob("*"))) == n_before
    pruned = prune(repository.path, keep=2)

    assert pruned == planned
    assert pruned.files > 10
    assert not stray.exists()
    store = open_repository(repository.path).store
    offer = offer_of(open_repository(repository.path), TARGET)
    assert store.has(offer.final.manifest)
    assert all(store.file(delta.sha256).is_file() for delta in offer.final.document.deltas)
    data = old_client.document(f"bundle/{TARGET}.json")
    assert data is not None
    assert parse_release(data, TARGET).release == 4
    assert prune(repository.path, keep=2).files == 0


def test_a_pruned_release_cannot_be_restored_and_gets_no_delta(repository: TinyRepository) -> None:
    for seed in range(4):
        repository.publish(seed)
    kept = [entry.final for entry in open_repository(repository.path).log.of(TARGET)[-2:]]
    prune(repository.path, keep=2)

    with pytest.raises(RepositoryError, match=r"the files of release 1 were pruned\. Publish its"):
        roll_back(repository.path, repository.ring(), to=1)
    assert roll_back(repository.path, repository.ring(), to=3)[0].restores == 3
    document = offer_of(open_repository(repository.path), TARGET).final.document
    assert {delta.from_manifest for delta in document.deltas} <= set(kept)


def test_components_and_what_they_derive_from_stay(repository: TinyRepository, tmp_path: Path) -> None:
    repository.publish()
    data = bytearray((repository.bundles / TARGET / "adapter.safetensors").read_bytes())
    data[-8:] = bytes(8)
    repository.changed_file("adapter.safetensors", bytes(data))
    publish(repository.path, repository.bundles, repository.ring(), component="adapter")

    prune(repository.path, keep=1)

    offer = offer_of(open_repository(repository.path), TARGET)
    assert [step.what for step in offer.steps] == ["bundle", "adapter"]
    assert all(repository.path.joinpath("files", step.sha256).is_file() for step in offer.steps)
    assert repository.client(tmp_path / "client").document(f"adapter/{TARGET}.json") is not None
