"""The releases on offer while folders are added, changed, damaged and removed."""

import errno
import logging
import os
import shutil
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from server.releases.service import ReleaseStore
from tests.tiny_bundle import make_tiny_bundle

LAPTOP = "laptop-x86_64"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_tiny_bundle(tmp_path / LAPTOP)
    return tmp_path


@pytest.fixture
def store(root: Path) -> ReleaseStore:
    store = ReleaseStore(root)
    store.refresh()
    return store


def test_every_bundle_folder_is_offered_under_its_target(root: Path, store: ReleaseStore) -> None:
    make_tiny_bundle(root / "browser-wasm", target="browser-wasm")

    store.refresh()

    assert list(store.view.channels) == ["browser-wasm", LAPTOP]
    assert store.view.channels[LAPTOP].raw == (root / LAPTOP / "manifest.json").read_bytes()
    assert not store.view.problems


def test_nothing_is_read_again_when_nothing_changed(store: ReleaseStore) -> None:
    before = store.view.channels[LAPTOP]

    store.refresh()

    assert store.view.channels[LAPTOP] is before


def test_a_new_release_is_noticed_and_the_files_of_the_previous_one_stay_available(
    root: Path, store: ReleaseStore
) -> None:
    old = store.view.channels[LAPTOP]
    make_tiny_bundle(root / LAPTOP, seed=1, release=2)

    store.refresh()

    new = store.view.channels[LAPTOP]
    assert new.manifest.release == 2
    assert set(old.blobs) | set(new.blobs) == set(store.view.files)
    assert all(blob.is_intact() for blob in store.view.files.values())


def test_older_releases_are_dropped(root: Path, store: ReleaseStore) -> None:
    first = store.view.channels[LAPTOP]
    for release in (2, 3):
        make_tiny_bundle(root / LAPTOP, seed=release, release=release)
        store.refresh()

    assert not set(first.blobs) & set(store.view.files)


def test_a_damaged_bundle_is_not_offered_and_the_others_are(root: Path) -> None:
    make_tiny_bundle(root / "browser-wasm", target="browser-wasm")
    flip_a_byte(root / "browser-wasm" / "codes.safetensors")
    store = ReleaseStore(root)

    store.refresh()

    assert list(store.view.channels) == [LAPTOP]
    assert "browser-wasm/codes.safetensors" in store.view.problems["browser-wasm"]
    assert str(root) not in store.view.problems["browser-wasm"]


def test_a_damaged_new_release_leaves_the_old_one_on_offer(
    root: Path, store: ReleaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    make_tiny_bundle(root / LAPTOP, seed=1, release=2)
    flip_a_byte(root / LAPTOP / "codes.safetensors")

    with caplog.at_level(logging.WARNING, logger="server"):
        store.refresh()
        store.refresh()

    assert store.view.channels[LAPTOP].manifest.release == 1
    assert LAPTOP in store.view.problems
    assert len(caplog.records) == 1


def test_a_file_modified_in_place_withdraws_its_release_until_it_is_restored(root: Path, store: ReleaseStore) -> None:
    path = root / LAPTOP / "codes.safetensors"
    good = path.read_bytes()
    flip_a_byte(path)
    store.refresh()
    withdrawn = dict(store.view.channels)

    path.write_bytes(good)
    store.refresh()

    assert not withdrawn
    assert store.view.channels[LAPTOP].manifest.release == 1
    assert not store.view.problems


def test_a_folder_that_is_being_replaced_stays_on_offer(root: Path, store: ReleaseStore) -> None:
    (root / LAPTOP).rename(root / f"{LAPTOP}.old")

    store.refresh()

    assert list(store.view.channels) == [LAPTOP]
    assert not store.view.problems


def test_a_removed_folder_is_withdrawn(root: Path, store: ReleaseStore) -> None:
    shutil.rmtree(root / LAPTOP)

    store.refresh()

    assert not store.view.channels
    assert not store.view.files


@pytest.mark.parametrize("name", [f"{LAPTOP}.new", f"{LAPTOP}.old", ".hidden", "with space"])
def test_folders_that_are_not_targets_are_ignored(root: Path, store: ReleaseStore, name: str) -> None:
    shutil.copytree(root / LAPTOP, root / name)

    store.refresh()

    assert list(store.view.channels) == [LAPTOP]
    assert not store.view.problems


def test_a_bundle_in_the_folder_of_another_target_is_refused(root: Path, store: ReleaseStore) -> None:
    (root / LAPTOP).rename(root / "phone")

    store.refresh()

    assert not store.view.channels
    assert "found a bundle for 'laptop-x86_64'" in store.view.problems["phone"]


def test_a_pipe_in_place_of_a_file_is_refused_without_waiting(root: Path, store: ReleaseStore) -> None:
    path = root / LAPTOP / "codes.safetensors"
    path.unlink()
    os.mkfifo(path)

    store.refresh()

    assert "no such file" in store.view.problems[LAPTOP]


def test_an_unreadable_folder_is_read_again_even_if_unchanged(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = ReleaseStore(root)
    for error in (OSError(errno.EMFILE, "Too many open files"), RuntimeError("nobody foresaw this")):
        with monkeypatch.context() as broken:
            broken.setattr("server.releases.service.read_release", MagicMock(side_effect=error))
            store.refresh()
            store.refresh()
        assert not store.view.channels

    store.refresh()

    assert list(store.view.channels) == [LAPTOP]
    assert not store.view.problems
    assert caplog.text.count("not offered") == 2


def test_files_that_changed_with_the_same_mtime_are_read_again(root: Path, store: ReleaseStore) -> None:
    path = root / LAPTOP / "codes.safetensors"
    before = path.stat()
    flip_a_byte(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    store.refresh()

    assert LAPTOP in store.view.problems


def test_a_pipe_in_place_of_the_manifest_is_refused_without_waiting(root: Path, store: ReleaseStore) -> None:
    (root / LAPTOP / "manifest.json").unlink()
    os.mkfifo(root / LAPTOP / "manifest.json")

    store.refresh()

    assert "manifest.json" in store.view.problems[LAPTOP]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b"{" * 100_000, b" " * (2 << 20)])
def test_an_invalid_manifest_is_reported(root: Path, store: ReleaseStore, data: bytes) -> None:
    (root / LAPTOP / "manifest.json").write_bytes(data)

    store.refresh()

    assert "manifest.json" in store.view.problems[LAPTOP]


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
