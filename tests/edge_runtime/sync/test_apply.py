"""Installing releases from a server in memory."""

import hashlib
import json
import os
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import dump_manifest, open_folder
from edge_runtime.device_folder import current_bundle
from edge_runtime.errors import BundleError, EngineError, SyncError, UpdateRefusedError
from edge_runtime.sync import refusals
from tests.edge_runtime.sync.device import LAPTOP, MANIFEST, MODEL, SHARED, Device
from tests.edge_runtime.sync.fake_server import FakeServer, whole
from tests.tiny_bundle import make_tiny_bundle


def test_a_new_device_downloads_every_file_and_tests_the_bundle_before_using_it(device: Device, shop: Path) -> None:
    report = device.sync()

    bundle = current_bundle(device.folder)
    assert report.status == "installed"
    assert report.bundle == bundle
    assert {path.name: path.read_bytes() for path in bundle.iterdir()} == {
        path.name: path.read_bytes() for path in shop.iterdir()
    }
    assert len(device.tested) == 1


def test_the_folder_layout_is_as_documented(device: Device, shop: Path) -> None:
    device.sync()

    slot = hashlib.sha256((shop / "manifest.json").read_bytes()).hexdigest()[:16]
    assert json.loads((device.folder / "current.json").read_bytes())["slot"] == slot
    assert [path.name for path in (device.folder / "slots").iterdir()] == [slot]
    assert not list((device.folder / "incoming").iterdir())
    assert {path.name for path in device.folder.iterdir()} == {"current.json", "incoming", "lock", "slots"}


def test_the_current_bundle_of_a_bundle_folder_is_the_folder(shop: Path) -> None:
    assert current_bundle(shop) == shop


def test_a_folder_without_a_bundle_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="pocketrec sync"):
        current_bundle(tmp_path)


@pytest.mark.parametrize(
    "pointer", ["", "{}", '{"slot": "../../etc"}', '{"slot": "0123456789ABCDEF"}', "\x00" * 40, "[" * 1500 + "]" * 1500]
)
def test_a_damaged_pointer_is_refused(tmp_path: Path, pointer: str) -> None:
    (tmp_path / "current.json").write_text(pointer)

    with pytest.raises(BundleError, match=r"current\.json"):
        current_bundle(tmp_path)


def test_a_pipe_in_place_of_the_pointer_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "current.json")

    with pytest.raises(BundleError, match=r"current\.json"):
        current_bundle(tmp_path)


def test_the_next_sync_repairs_a_damaged_pointer_without_downloading_again(device: Device) -> None:
    device.sync()
    (device.folder / "current.json").write_bytes(b"\0" * 100)

    report = device.sync()

    assert report.status == "installed"
    assert len(device.server.file_requests()) == 8
    assert device.release() == 1


def test_a_sync_without_changes_takes_one_request_and_no_bytes(device: Device) -> None:
    device.sync()
    device.server.received.clear()

    report = device.sync()

    assert report.status == "up to date"
    assert (report.requests, report.fetched_bytes) == (1, 0)
    assert "If-None-Match" in device.server.received[0][1]
    assert len(device.tested) == 1


def test_a_server_without_entity_tags_is_supported(device: Device, shop: Path) -> None:
    device.server.override = lambda path, _: whole((shop / "manifest.json").read_bytes()) if path == MANIFEST else None
    device.sync()

    assert device.sync().status == "up to date"
    assert len(device.server.file_requests()) == 8


def test_an_update_downloads_only_changed_files_and_keeps_the_previous_release(device: Device, shop: Path) -> None:
    device.sync()
    old = current_bundle(device.folder)
    make_tiny_bundle(shop, seed=1, release=2, extra=SHARED)
    device.server.received.clear()

    report = device.sync()

    assert (report.release, report.previous_release) == (2, 1)
    assert report.reused_bytes >= len(MODEL)
    assert f"/v1/files/{hashlib.sha256(MODEL).hexdigest()}" not in [path for path, _ in device.server.received]
    assert old.exists()
    assert old != current_bundle(device.folder)


def test_only_the_bundle_in_use_and_the_previous_one_are_kept(device: Device, shop: Path) -> None:
    device.sync()
    for release in (2, 3, 4):
        make_tiny_bundle(shop, seed=release, release=release)
        device.sync()

    kept = {open_folder(path).manifest.release for path in (device.folder / "slots").iterdir()}
    assert kept == {3, 4}


@pytest.mark.parametrize("release", [1, 2])
def test_a_replayed_release_is_refused_and_the_installed_one_stays(device: Device, shop: Path, release: int) -> None:
    make_tiny_bundle(shop, seed=2, release=2)
    device.sync()
    before = device.state()
    make_tiny_bundle(shop, seed=1, release=release)

    with pytest.raises(UpdateRefusedError, match="--allow-older"):
        device.sync()

    assert device.state() == before
    assert device.sync(allow_older=True).release == release


def test_going_back_to_the_previous_release_downloads_nothing(device: Device, shop: Path) -> None:
    device.sync()
    make_tiny_bundle(shop, seed=2, release=2)
    device.sync()
    make_tiny_bundle(shop, extra=SHARED)
    device.server.received.clear()

    report = device.sync(allow_older=True)

    assert report.release == 1
    assert not device.server.file_requests()


@pytest.mark.parametrize("name", ["codes.safetensors", "manifest.json"])
def test_only_the_damaged_file_on_the_device_is_replaced(device: Device, name: str) -> None:
    device.sync()
    good = device.state()
    damaged = current_bundle(device.folder) / name
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    device.server.received.clear()

    report = device.sync()

    assert report.status == "repaired"
    assert device.state() == good
    assert len(device.server.file_requests()) == (name != "manifest.json")


def test_a_missing_slot_is_restored(device: Device) -> None:
    device.sync()
    slot = current_bundle(device.folder)
    slot.rename(device.folder / "slots" / "elsewhere")

    assert device.sync().status == "repaired"
    assert device.release() == 1


def test_a_release_that_fails_its_self_test_is_not_used_and_not_downloaded_twice(
    device: Device, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.sync()
    before = device.state()
    make_tiny_bundle(shop, seed=1, release=2)

    def refuse(bundle: Path) -> None:
        raise EngineError(f"no engine likes {open_folder(bundle).manifest.release}")

    with pytest.raises(EngineError, match="likes 2"):
        device.sync(test=refuse)
    assert device.state() == before
    device.server.received.clear()
    monkeypatch.setattr(refusals, "__version__", "9.9.9")  # an update, which tries it again
    assert device.sync().release == 2
    assert not device.server.file_requests()


def test_a_release_with_wrong_golden_vectors_fails_the_real_self_test(tmp_path: Path, shop: Path) -> None:
    make_tiny_bundle(tmp_path / "other", seed=9)
    manifest = open_folder(shop).manifest
    (shop / "golden.safetensors").write_bytes((tmp_path / "other" / "golden.safetensors").read_bytes())
    strange = open_folder(tmp_path / "other").manifest.required_role("golden")
    files = tuple(strange if entry.role == "golden" else entry for entry in manifest.files)
    (shop / "manifest.json").write_bytes(dump_manifest(msgspec.structs.replace(manifest, files=files)))
    device = Device(tmp_path / "device", FakeServer({LAPTOP: shop}))

    with pytest.raises(EngineError, match="no engine passes"):
        device.sync()

    assert not (device.folder / "current.json").exists()


def test_too_little_disk_space_is_reported_before_the_download(device: Device) -> None:
    with pytest.raises(SyncError, match="bytes of disk space"):
        device.sync(free_bytes=1000)

    assert not device.server.file_requests()


def test_progress_ends_at_the_total(device: Device) -> None:
    calls: list[tuple[int, int]] = []

    report = device.sync(progress=lambda have, total: calls.append((have, total)))

    manifest_bytes = (report.bundle / "manifest.json").stat().st_size
    assert calls[-1] == (report.fetched_bytes - manifest_bytes,) * 2
    assert calls == sorted(calls)
