"""A process that is killed at any write leaves the old release or the new one on offer, and nothing that blocks."""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from edge_runtime import files
from edge_runtime.bundle.release import parse_release
from server.repository.offer import offer_of
from server.repository.publish import publish, roll_back
from server.repository.repository import open_repository
from server.repository.rotate import renew, rotate
from server.repository.status import read_status
from tests.tiny_repository import TARGET, TinyRepository

DOCUMENT = f"bundle/{TARGET}.json"


def killed_at(write: int, action: Callable[[], object]) -> bool:
    """Run an action in a child that is killed just before its ``write``-th rename; return whether it came so far."""
    child = os.fork()
    if child == 0:
        left, rename = [write], files.rename_durably

        def rename_or_die(source: Path, target: Path) -> Path:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return rename(source, target)

        try:
            with mock.patch.object(files, "rename_durably", rename_or_die):
                action()
        finally:
            os._exit(0)
    return os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


def kill_at_each_write(repository: TinyRepository, folder: Path, action: Callable[[], object]) -> list[int]:
    """Kill an action at each of its writes, and return which release a client sees after each.

    Each time the repository is as it was before, so that every write is reached.
    """
    shutil.copytree(repository.path, folder / "before")
    seen = []
    for write in range(1, 100):
        shutil.rmtree(repository.path)
        shutil.copytree(folder / "before", repository.path)
        is_killed = killed_at(write, action)
        data = repository.client(folder / f"client-{write}").document(DOCUMENT)
        assert data is not None
        seen.append(parse_release(data, TARGET).release)
        state = open_repository(repository.path)
        manifest = offer_of(state, TARGET).final.manifest
        assert all(state.store.read(entry.sha256) for entry in manifest.files)
        if not is_killed:
            return seen
    raise AssertionError("the action never ended")


def test_a_publish_that_is_killed_at_any_write_leaves_the_old_release(
    repository: TinyRepository, tmp_path: Path
) -> None:
    repository.publish(0)
    repository.bundle(1)
    ring = repository.ring()

    seen = kill_at_each_write(repository, tmp_path, lambda: publish(repository.path, repository.bundles, ring))

    assert len(seen) > 12
    assert seen == [1] * (len(seen) - 1) + [2]


def test_a_rollback_that_is_killed_at_any_write_leaves_the_old_release(
    repository: TinyRepository, tmp_path: Path
) -> None:
    repository.publish(0)
    repository.publish(1)
    ring = repository.ring()

    seen = kill_at_each_write(repository, tmp_path, lambda: roll_back(repository.path, ring))

    assert seen == [2] * (len(seen) - 1) + [3]


@pytest.mark.parametrize("name", ["adapter", "targets", "snapshot", "timestamp", "root-2"])
def test_a_rotation_that_is_killed_at_any_write_leaves_what_clients_accept(
    repository: TinyRepository, tmp_path: Path, name: str
) -> None:
    repository.publish(0)
    ring = repository.ring()

    seen = kill_at_each_write(repository, tmp_path, lambda: rotate(repository.path, name, ring))

    assert set(seen) == {1}
    assert renew(repository.path, ["timestamp"], repository.ring())
    assert repository.publish(1).release == 2


def test_a_timer_that_is_killed_leaves_the_timestamp(repository: TinyRepository, tmp_path: Path) -> None:
    repository.publish(0)
    ring = repository.ring()

    assert set(kill_at_each_write(repository, tmp_path, lambda: renew(repository.path, ["timestamp"], ring))) == {1}


@pytest.mark.parametrize("name", ["targets", "snapshot", "timestamp"])
def test_a_rotation_that_is_killed_after_the_old_key_was_lost_goes_on_with_the_next_signature(
    repository: TinyRepository, tmp_path: Path, name: str
) -> None:
    repository.publish(0)
    for file in repository.keys.glob(f"{name}.*.pem"):
        file.unlink()
    shutil.copytree(repository.path, tmp_path / "before")
    unfinished = []
    for write in range(1, 20):
        shutil.rmtree(repository.path)
        shutil.copytree(tmp_path / "before", repository.path)
        is_killed = killed_at(write, lambda: rotate(repository.path, name, repository.ring()))
        unfinished.append(read_status(repository.path).unfinished)
        if unfinished[-1]:
            renew(repository.path, ["timestamp"], repository.ring())
        elif is_killed:
            rotate(repository.path, name, repository.ring())

        assert read_status(repository.path).unfinished == ()
        assert repository.client(tmp_path / f"client-{write}").document(DOCUMENT) is not None
        if not is_killed:
            break

    assert unfinished.count((name,)) == 1
    assert repository.publish(1).release == 2
