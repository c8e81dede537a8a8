"""A device of signed releases: it installs what is signed for it, and nothing else, whoever serves the files."""

import shutil
from datetime import datetime
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.release import MAX_DELTAS, Wave, position
from edge_runtime.device_folder import current_bundle
from edge_runtime.errors import EngineError, ExpiredMetadataError, UpdateRefusedError
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedDevice, SignedShop, adapted, changed
from tests.edge_runtime.sync.tuf.repository import TODAY

DAY_S = 86_400.0
WAVE = Wave(start="2026-03-02T00:00:00Z", hours=24.0, rings=(0.1, 1.0), salt="ab" * 16, max_refused=0.02)


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    return SignedShop(tmp_path / "shop")


@pytest.fixture
def device(tmp_path: Path, shop: SignedShop) -> SignedDevice:
    shop.release(1)
    return SignedDevice(tmp_path / "device", shop)


def test_the_first_sync_installs_and_the_second_takes_two_requests_and_few_bytes(device: SignedDevice) -> None:
    assert device.sync().status == "installed"
    again = device.sync()
    assert (again.status, again.requests) == ("up to date", 2)
    assert again.fetched_bytes <= 700


def test_a_newer_release_comes_as_a_delta_where_that_is_smaller(shop: SignedShop, device: SignedDevice) -> None:
    first = device.sync()
    base = device.manifest()
    shop.release(2, bundle=adapted(shop, base, 2))
    second = device.sync()
    assert (second.status, second.previous_release, second.release) == ("installed", 1, 2)
    assert second.fetched_bytes < first.fetched_bytes / 3
    assert not second.notes


def test_a_damaged_delta_costs_bytes_and_nothing_else(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    base = device.manifest()
    newest = shop.release(2, bundle=adapted(shop, base, 2))
    for path in (shop.folder / "files").iterdir():
        if path.stat().st_size < 4000 and path.read_bytes()[:1] not in (b"{",):
            known = {entry.sha256 for folder in shop.bundles.values() for entry in open_folder(folder).manifest.files}
            if path.name not in known:
                path.write_bytes(b"?" * path.stat().st_size)
    report = device.sync()
    assert device.manifest() == newest
    assert any("the delta could not be used" in note for note in report.notes)


def test_a_delta_that_takes_too_much_memory_costs_bytes_and_nothing_else(
    shop: SignedShop, device: SignedDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> bytes:
        raise MemoryError

    device.sync()
    newest = shop.release(2, bundle=adapted(shop, device.manifest(), 2))
    monkeypatch.setattr("edge_runtime.bundle.delta.Pack.apply", exhausted)

    report = device.sync()

    assert device.manifest() == newest
    assert any("whole files were fetched: this device has too little memory for it" in note for note in report.notes)


def test_an_older_release_is_refused_once_a_newer_one_was_seen(
    shop: SignedShop, device: SignedDevice, tmp_path: Path
) -> None:
    shutil.copytree(shop.folder, tmp_path / "older")
    shop.release(2)
    device.sync()
    used = device.manifest()
    shutil.rmtree(shop.folder)
    shutil.copytree(tmp_path / "older", shop.folder)
    with pytest.raises(UpdateRefusedError, match="version"):
        device.sync()
    assert device.manifest() == used


def test_a_release_that_is_seen_but_not_installed_rules_the_older_one_out(
    shop: SignedShop, device: SignedDevice, tmp_path: Path
) -> None:
    shutil.copytree(shop.folder, tmp_path / "older")
    shop.release(2)

    def fails(_: Path) -> None:
        raise EngineError("no engine passes")

    with pytest.raises(EngineError):
        device.sync(test=fails)
    shutil.rmtree(shop.folder)
    shutil.copytree(tmp_path / "older", shop.folder)
    with pytest.raises(UpdateRefusedError, match="version"):
        device.sync()


def test_expired_metadata_refuses_updates_and_the_bundle_stays_in_use(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    device.now += 40 * DAY_S
    with pytest.raises(ExpiredMetadataError, match="goes on working"):
        device.sync()
    assert open_folder(shop.bundles[device.manifest()]).manifest.release == 1


def test_a_device_without_a_clock_learns_from_releases_what_time_has_passed(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.now = 0.0
    device.sync()
    created = open_folder(shop.bundles[device.manifest()]).manifest.created
    assert device.floor() == datetime.fromisoformat(created).timestamp()


def test_a_component_changes_what_it_owns(shop: SignedShop, device: SignedDevice) -> None:
    base = shop.release(2)
    final = shop.component("adapter", 3, adapted(shop, base, 3), base)
    report = device.sync()
    assert (device.manifest(), report.release, report.notes) == (final, 3, ())


def test_the_clock_of_a_rollout_is_not_moved_by_a_component(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    base = shop.release(2, wave=WAVE)
    folder = changed(shop, base, 3, "adapter.safetensors", created="2026-03-30T00:00:00Z")
    shop.component("adapter", 3, folder, base)
    assert device.sync().status == "waiting"
    assert device.sync().status == "waiting"


def test_a_damaged_bundle_is_repaired_and_does_not_jump_the_rollout(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    held = device.manifest()
    newest = shop.release(2, wave=WAVE)
    shop.roll_out(newest, 1.0, halted=True)
    codes = current_bundle(device.folder) / "codes.safetensors"
    codes.write_bytes(codes.read_bytes()[:-1] + b"?")

    assert (device.sync().status, device.manifest()) == ("repaired", held)
    assert device.sync().status == "waiting"


def test_a_halt_that_names_the_component_halts_its_base_too(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    base = shop.release(2, wave=WAVE)
    final = shop.component("adapter", 3, adapted(shop, base, 3), base)
    shop.roll_out(final, 1.0, halted=True)
    device.now = TODAY.timestamp() + 5 * DAY_S
    report = device.sync()
    assert report.status == "waiting"
    assert "the rollout of release 3 is halted" in report.notes


def test_files_of_others_among_the_documents_are_left_alone(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    (device.folder / "documents" / "thesis.txt").write_text("mine")
    shop.release(2)
    device.sync()
    assert (device.folder / "documents" / "thesis.txt").read_text() == "mine"


def test_a_component_of_another_base_is_skipped_with_a_note(shop: SignedShop, device: SignedDevice) -> None:
    base = shop.release(2)
    shop.component("adapter", 3, adapted(shop, base, 3), base)
    newest = shop.release(4)
    report = device.sync()
    assert device.manifest() == newest
    assert report.notes == ("adapter release 3 is for another base and was skipped",)


def test_a_document_signed_by_the_key_of_another_role_is_not_found(shop: SignedShop, device: SignedDevice) -> None:
    before = shop.release(2)
    data = shop.tuf.targets[next(path for path in shop.tuf.targets if path.startswith("bundle/"))]
    shop.tuf.add(f"codebook/{LAPTOP}.json", data, "adapter")
    shop.tuf.publish("adapter", "snapshot", "timestamp")
    shop.write()
    assert device.sync().notes == ()
    assert device.manifest() == before


def test_a_device_waits_for_its_place_in_a_staged_rollout(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    before = device.manifest()
    newest = shop.release(2, wave=WAVE)
    first_ring = position(WAVE.salt, device.draw()) < 0.1
    device.now = TODAY.timestamp() + 0.5 * DAY_S
    assert (device.sync().status, device.manifest()) == ("waiting", before)
    device.now = TODAY.timestamp() + 1.5 * DAY_S
    assert device.sync().status == ("installed" if first_ring else "waiting")
    device.now = TODAY.timestamp() + 2.5 * DAY_S
    device.sync()
    assert device.manifest() == newest


def test_waiting_takes_no_more_than_a_check(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    shop.release(2, wave=WAVE)
    device.sync()
    again = device.sync()
    assert (again.status, again.newer_release, again.requests) == ("waiting", 2, 2)


def test_a_halted_rollout_is_waited_for_until_it_goes_on(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    newest = shop.release(2, wave=WAVE)
    device.now = TODAY.timestamp() + 5 * DAY_S
    shop.roll_out(newest, 1.0, halted=True)
    assert device.sync().status == "waiting"
    shop.roll_out(newest, 1.0)
    assert device.sync().status == "installed"


def test_a_component_does_not_open_the_rollout_of_what_it_derives_from(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    before = device.manifest()
    base = shop.release(2, wave=WAVE)
    shop.roll_out(base, 1.0, halted=True)
    shop.component("adapter", 3, adapted(shop, base, 3), base)
    device.now = TODAY.timestamp() + 5 * DAY_S
    assert (device.sync().status, device.manifest()) == ("waiting", before)


def test_a_new_device_does_not_wait(shop: SignedShop, tmp_path: Path) -> None:
    newest = shop.release(1, wave=WAVE)
    device = SignedDevice(tmp_path / "device", shop)
    device.sync()
    assert device.manifest() == newest


def test_a_preview_is_complete_but_not_in_use_and_the_next_sync_fetches_nothing_more(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.sync()
    before = device.manifest()
    newest = shop.release(2)
    preview = device.sync(preview=True)
    assert (preview.status, preview.newer_release, device.manifest()) == ("previewed", 2, before)
    after = device.sync()
    assert (after.status, after.requests, device.manifest()) == ("installed", 2, newest)


@pytest.mark.parametrize("change", [b"", b"{}", b"[]"])
def test_a_document_that_does_not_match_its_digest_is_refused(
    shop: SignedShop, device: SignedDevice, change: bytes
) -> None:
    device.sync()
    used = device.manifest()
    shop.release(2)
    newest = max((shop.folder / "targets" / "bundle").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(change)
    with pytest.raises(UpdateRefusedError):
        device.sync()
    assert device.manifest() == used


def test_what_a_killed_sync_left_among_the_documents_is_removed_and_a_folder_stops_nothing(
    shop: SignedShop, device: SignedDevice
) -> None:
    shop.release(1)
    device.sync()
    left, folder = (device.folder / "documents" / name for name in ("a" * 64 + ".new", "b" * 64))
    left.write_bytes(b"half")
    folder.mkdir()
    shop.release(2)

    assert device.sync().release == 2

    assert (left.exists(), folder.exists()) == (False, True)


def test_a_device_installs_a_release_after_more_than_a_document_has_deltas_from(
    shop: SignedShop, device: SignedDevice
) -> None:
    for number in range(1, MAX_DELTAS + 3):
        shop.release(number)
    assert device.sync().release == MAX_DELTAS + 2


def test_documents_that_are_no_longer_used_are_removed(shop: SignedShop, device: SignedDevice) -> None:
    for number in range(2, 6):
        shop.release(number)
        device.sync()
    assert len(list((device.folder / "documents").iterdir())) == 2
