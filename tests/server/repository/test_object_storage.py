"""Repositories in object storage, on a real S3 server: releases, two publishers, kills, and what may go wrong there."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from tuf.ngclient import Updater

from edge_runtime.bundle.release import parse_release
from edge_runtime.errors import BusyError, PocketRecError
from server.errors import RepositoryError, StorageError
from server.objects import Objects, place_of
from server.repository import key_file, prune, remote
from server.repository.create import create
from server.repository.keys import KeyRing
from server.repository.offer import offer_of
from server.repository.passphrase import PASSPHRASE as VARIABLE
from server.repository.publish import publish, roll_back
from server.repository.remote import push
from server.repository.repository import reading
from server.repository.rotate import renew, rotate
from server.repository.status import read_status
from tests.live_s3 import URL, LiveS3, s3
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_repository import PASSPHRASE, TARGET, TufClient
from tests.tiny_transitions import WITH_ENGINES

DOCUMENT = f"bundle/{TARGET}.json"


@pytest.fixture(scope="module")
def server() -> Iterator[LiveS3]:
    with s3() as running:
        yield running


@pytest.fixture
def keys(server: LiveS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys of a new repository at URL."""
    for name, value in (server.environment | {VARIABLE: PASSPHRASE}).items():
        monkeypatch.setenv(name, value)
    server.empty()
    with mock.patch.object(key_file, "ITERATIONS", 1000):
        create(URL, tmp_path / "keys", {})
    return tmp_path / "keys"


def bundle(folder: Path, seed: int) -> Path:
    make_tiny_bundle(folder / TARGET, seed=seed, target=TARGET, n_items=40, transitions=WITH_ENGINES)
    return folder


def release(folder: Path, keys: Path, seed: int) -> int:
    return publish(URL, bundle(folder, seed), KeyRing([keys]))[0].release


def downloaded(folder: Path) -> Path:
    """Copy what devices may read."""
    objects = Objects(URL)
    for name, listed in objects.list().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(objects.pieces(name, 0, listed.size, listed.version)))
    return folder


def seen_by_a_client(folder: Path) -> int:
    """Return the release that python-tuf's client finds, after checking that all files of it are there."""
    copy = downloaded(folder / "copy")
    client = TufClient(copy, folder / "client", (copy / "metadata" / "1.root.json").read_bytes())
    updater: Updater = client.refresh()
    info = updater.get_targetinfo(DOCUMENT)
    assert info is not None
    data = Path(updater.download_target(info)).read_bytes()
    with reading(URL) as repository:
        manifest = offer_of(repository, TARGET).final.manifest
        assert all(repository.store.read(entry.sha256) for entry in manifest.files)
    return parse_release(data, TARGET).release


class KilledError(BaseException):
    """Stands for a kill: no handler of the code under test sees it."""


def killed_at(write: int, action: Callable[[], object]) -> bool:
    """Run an action that ends just before its ``write``-th write to the storage; return whether it came so far."""
    left = [write]

    def dying(method: Callable[..., object]) -> Callable[..., object]:
        def write_or_die(*arguments: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise KilledError
            return method(*arguments)

        return write_or_die

    with ExitStack() as patches:
        for name in ("write", "create", "replace"):
            patches.enter_context(mock.patch.object(Objects, name, dying(getattr(Objects, name))))
        try:
            action()
        except KilledError:
            return True
    return False


def test_releases_are_published_rolled_back_and_shown(keys: Path, tmp_path: Path) -> None:
    assert release(tmp_path / "bundles", keys, 1) == 1
    assert release(tmp_path / "bundles", keys, 2) == 2
    assert roll_back(URL, KeyRing([keys]))[0].restores == 1

    status = read_status(URL)

    assert [entry.release for entry in status.releases[0].history] == [1, 2, 3]
    assert seen_by_a_client(tmp_path) == 3


def test_a_change_has_a_delta_although_the_release_before_is_in_the_storage_only(keys: Path, tmp_path: Path) -> None:
    release(tmp_path / "bundles", keys, 1)

    done = publish(URL, bundle(tmp_path / "bundles", 2), KeyRing([keys]))

    assert done[0].deltas


def test_of_two_publishers_the_second_to_finish_is_refused_and_may_repeat_it(keys: Path, tmp_path: Path) -> None:
    release(tmp_path / "bundles", keys, 1)
    pushes = iter((lambda: release(tmp_path / "others", keys, 3), lambda: None))

    def push_after_the_other(folder: Path, copy: remote.Remote) -> None:
        next(pushes)()
        push(folder, copy)

    with (
        mock.patch("server.repository.repository.push", push_after_the_other),
        pytest.raises(BusyError, match="another process has changed"),
    ):
        release(tmp_path / "bundles", keys, 2)

    assert seen_by_a_client(tmp_path) == 2
    assert release(tmp_path / "bundles", keys, 2) == 3


def test_publishers_that_are_killed_at_any_write_leave_the_old_release_and_block_nothing(
    keys: Path, tmp_path: Path
) -> None:
    release(tmp_path / "bundles", keys, 1)

    for write in range(1, 100):
        if not killed_at(write, lambda: release(tmp_path / "bundles", keys, 2)):
            break
        assert read_status(URL).releases[0].release == 1

    assert write > 5
    assert seen_by_a_client(tmp_path) == 2
    assert release(tmp_path / "bundles", keys, 3) == 3


@pytest.mark.parametrize("key", ["timestamp", "snapshot", "targets"])
def test_a_rotation_that_is_killed_at_any_write_heals_although_the_old_key_is_lost(
    keys: Path, tmp_path: Path, key: str
) -> None:
    release(tmp_path / "bundles", keys, 1)
    for file in keys.glob(f"{key}.*.pem"):
        file.unlink()

    with mock.patch.object(key_file, "ITERATIONS", 1000):
        for write in range(1, 20):
            if not killed_at(write, lambda: rotate(URL, key, KeyRing([keys]))):
                break
            unfinished = read_status(URL).unfinished
            if unfinished:
                break

    assert unfinished == (key,)
    renew(URL, ["timestamp"], KeyRing([keys]))
    assert read_status(URL).unfinished == ()
    assert seen_by_a_client(tmp_path) == 1
    assert release(tmp_path / "bundles", keys, 2) == 2


def test_a_bucket_that_does_not_exist_is_named(keys: Path) -> None:
    with pytest.raises(StorageError, match="found no such bucket"):
        read_status("s3://no-such-bucket/shop")


def test_a_place_without_a_repository_is_named_with_the_command_that_makes_one(keys: Path) -> None:
    with pytest.raises(RepositoryError, match="pocketrec release init s3://releases/elsewhere"):
        read_status("s3://releases/elsewhere")


def test_a_repository_is_not_created_over_another(keys: Path, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="found a repository"):
        create(URL, tmp_path / "other-keys", {})

    assert not (tmp_path / "other-keys").exists()


def test_an_endpoint_that_does_not_answer_is_an_error_with_advice(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    with pytest.raises(StorageError, match="the storage does not answer"):
        read_status(URL)


def test_plain_http_is_refused_unless_it_is_permitted(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ALLOW_HTTP")

    with pytest.raises(StorageError, match="AWS_ALLOW_HTTP=true"):
        read_status(URL)


def test_a_file_that_changes_while_it_is_published_is_not_kept(keys: Path, tmp_path: Path) -> None:
    bundles = bundle(tmp_path / "bundles", 1)
    largest = max((bundles / TARGET).iterdir(), key=lambda path: path.stat().st_size)

    def changed(folder: Path, copy: remote.Remote) -> None:
        largest.write_bytes(largest.read_bytes()[:-1] + b"?")
        push(folder, copy)

    with (
        mock.patch("server.repository.repository.push", changed),
        pytest.raises(RepositoryError, match="changed while"),
    ):
        publish(URL, bundles, KeyRing([keys]))

    assert not read_status(URL).releases


def test_files_that_nothing_needs_are_deleted_after_a_day(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (1, 2, 3, 4):
        release(tmp_path / "bundles", keys, seed)
    assert prune.prune(URL, keep=1).files == 0

    monkeypatch.setattr(prune, "YOUNG", timedelta(0))
    assert prune.prune(URL, keep=1).files > 0

    assert seen_by_a_client(tmp_path) == 4


def test_keys_are_rotated_and_the_timestamp_is_renewed(keys: Path, tmp_path: Path) -> None:
    release(tmp_path / "bundles", keys, 1)

    with mock.patch.object(key_file, "ITERATIONS", 1000):
        rotate(URL, "timestamp", KeyRing([keys]))
        rotate(URL, "adapter", KeyRing([keys]))
    renew(URL, ["timestamp"], KeyRing([keys]))

    assert seen_by_a_client(tmp_path) == 1
    assert release(tmp_path / "bundles", keys, 2) == 2


@pytest.mark.parametrize("text", ["ftp://x/y", "s3://", "s3://user@bucket/x", "s3://bucket/x?y", "https://bucket/x"])
def test_urls_of_other_kinds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a folder, or s3://BUCKET/PREFIX"):
        place_of(text)


def test_a_file_url_is_a_folder() -> None:
    assert place_of("file:///srv/my%20releases") == Path("/srv/my releases")
    assert isinstance(StorageError("x"), PocketRecError)
