"""The first sync decides whom a device trusts; afterwards nothing else is accepted, whichever way it comes."""

import shutil
from pathlib import Path

import pytest

from edge_runtime.errors import DamagedStoreError, SyncError, UpdateRefusedError
from edge_runtime.sync.layout import RECEIPTS, TRUSTED
from edge_runtime.sync.opening import machine_target, sync
from edge_runtime.sync.receipts import MAX_BYTES, keep_receipt, read_receipts
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedShop
from tests.live_server import serving
from tests.tiny_bundle import make_tiny_bundle


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    shop = SignedShop(tmp_path / "shop")
    shop.release(1)
    shop.renew()
    return shop


def test_releases_that_are_not_signed_are_refused_unless_allowed(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundles" / LAPTOP)
    with serving(tmp_path / "bundles") as server:
        with pytest.raises(UpdateRefusedError, match=r"not signed.*release init.*--insecure"):
            sync(server.url, tmp_path / "device", target=LAPTOP)
        assert sync(server.url, tmp_path / "device", target=LAPTOP, insecure=True).status == "installed"


def test_the_keys_that_a_server_presents_first_are_trusted_from_then_on(shop: SignedShop, tmp_path: Path) -> None:
    with serving(shop.folder) as server:
        assert sync(server.url, tmp_path / "device", target=LAPTOP).status == "installed"
    other = SignedShop(tmp_path / "other")
    other.release(2)
    other.renew()
    with serving(other.folder) as server, pytest.raises(UpdateRefusedError):
        sync(server.url, tmp_path / "device", insecure=True)


def test_a_device_that_trusts_keys_never_falls_back_to_what_is_not_signed(shop: SignedShop, tmp_path: Path) -> None:
    sync(shop.folder, tmp_path / "device", target=LAPTOP)
    make_tiny_bundle(tmp_path / "bundles" / LAPTOP, release=9)
    with serving(tmp_path / "bundles") as server, pytest.raises(UpdateRefusedError):
        sync(server.url, tmp_path / "device", insecure=True)


def test_a_stick_that_is_not_there_is_named_as_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"found no folder and no http or https address in '.*stick'"):
        sync(tmp_path / "stick", tmp_path / "device", target=LAPTOP)


def test_a_preview_on_a_new_device_is_refused_and_installs_nothing(shop: SignedShop, tmp_path: Path) -> None:
    device = tmp_path / "device"
    with pytest.raises(SyncError, match=r"no bundle in use.*Sync without --preview first"):
        sync(shop.folder, device, target=LAPTOP, preview=True)
    assert not device.exists()
    assert sync(shop.folder, device, target=LAPTOP).status == "installed"
    assert sync(shop.folder, device, preview=True).status == "up to date"


def test_a_preview_on_a_device_whose_pointer_is_damaged_is_refused(shop: SignedShop, tmp_path: Path) -> None:
    device = tmp_path / "device"
    sync(shop.folder, device, target=LAPTOP)
    (device / "current.json").write_bytes(b"{")
    with pytest.raises(SyncError, match="no bundle in use"):
        sync(shop.folder, device, target=LAPTOP, preview=True)
    assert (device / "current.json").read_bytes() == b"{"


def test_a_given_root_is_trusted_and_another_repository_is_refused(shop: SignedShop, tmp_path: Path) -> None:
    other = SignedShop(tmp_path / "other")
    root = (other.folder / "metadata" / "1.root.json").read_bytes()
    with pytest.raises(UpdateRefusedError):
        sync(shop.folder, tmp_path / "device", target=LAPTOP, root=root)
    assert not (tmp_path / "device" / "current.json").exists()
    right = shop.folder / "metadata" / "1.root.json"
    assert sync(shop.folder, tmp_path / "device", target=LAPTOP, root=right).status == "installed"


def test_a_root_that_is_given_later_is_compared_and_not_ignored(shop: SignedShop, tmp_path: Path) -> None:
    sync(shop.folder, tmp_path / "device", target=LAPTOP)
    other = SignedShop(tmp_path / "other")
    other.renew()
    with pytest.raises(UpdateRefusedError, match="another repository"):
        sync(shop.folder, tmp_path / "device", root=other.folder / "metadata" / "2.root.json")
    report = sync(shop.folder, tmp_path / "device", root=shop.folder / "metadata" / "1.root.json")
    assert any("was not used" in note for note in report.notes)


def test_the_first_keys_are_named(shop: SignedShop, tmp_path: Path) -> None:
    report = sync(shop.folder, tmp_path / "device", target=LAPTOP)
    assert any("trusts from now on the keys" in note and "sha256" in note for note in report.notes)


def test_an_update_comes_from_a_stick_and_the_next_one_from_a_server(shop: SignedShop, tmp_path: Path) -> None:
    shutil.copytree(shop.folder, tmp_path / "stick")
    report = sync(tmp_path / "stick", tmp_path / "device", target=LAPTOP)
    assert (report.release, read_receipts(tmp_path / "device")) == (1, [])
    shop.release(2)
    with serving(shop.folder) as server:
        assert sync(server.url, tmp_path / "device").release == 2


def test_a_damaged_store_of_metadata_is_an_error_that_a_root_mends(shop: SignedShop, tmp_path: Path) -> None:
    sync(shop.folder, tmp_path / "device", target=LAPTOP)
    (tmp_path / "device" / TRUSTED).write_bytes(b"not a database" * 100)
    with pytest.raises(DamagedStoreError, match="--root"):
        sync(shop.folder, tmp_path / "device")
    root = (shop.folder / "metadata" / "1.root.json").read_bytes()
    report = sync(shop.folder, tmp_path / "device", root=root)
    assert report.status == "up to date"
    assert any("was damaged" in note for note in report.notes)


def test_every_byte_that_was_sent_has_a_receipt(shop: SignedShop, tmp_path: Path) -> None:
    with serving(shop.folder) as server:
        sync(server.url, tmp_path / "device", target=LAPTOP)
        report = sync(server.url, tmp_path / "device")
        first, second = read_receipts(tmp_path / "device")
    assert len(second.requests) == report.requests == 2
    assert second.requests[1].startswith("GET /v1/metadata/timestamp.json HTTP/1.1\r\nHost: 127.0.0.1")
    assert "cookie" not in "".join(first.requests + second.requests).lower()


def test_a_failed_sync_has_a_receipt_too(tmp_path: Path) -> None:
    make_tiny_bundle(tmp_path / "bundles" / LAPTOP)
    with serving(tmp_path / "bundles") as server, pytest.raises(UpdateRefusedError):
        sync(server.url, tmp_path / "device")
    assert len(read_receipts(tmp_path / "device")) == 1


def test_receipts_do_not_grow_for_ever(tmp_path: Path) -> None:
    for number in range(40):
        keep_receipt(tmp_path, "http://127.0.0.1", [b"x" * 50_000], float(number))
    assert (tmp_path / RECEIPTS).stat().st_size <= MAX_BYTES
    assert read_receipts(tmp_path)[-1].time == 39


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ("Raspberry Pi 5 Model B Rev 1.0\0", ("raspberry-pi-5", "raspberry-pi-3")),
        ("Raspberry Pi 3 Model B\0", ("raspberry-pi-3",) * 2),
    ],
)
def test_a_board_gets_its_own_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, target: tuple[str, str]
) -> None:
    (tmp_path / "model").write_text(model)
    for machine, expected in zip(("arm64", "armv7l"), target, strict=True):
        monkeypatch.setattr("edge_runtime.sync.opening.machine_name", lambda machine=machine: machine)
        assert machine_target(tmp_path / "model") == expected


@pytest.mark.parametrize(("machine", "target"), [("x86_64", LAPTOP), ("arm64", "laptop-arm64"), ("riscv64", "minimal")])
def test_a_machine_gets_its_own_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, target: str
) -> None:
    monkeypatch.setattr("edge_runtime.sync.opening.machine_name", lambda: machine)
    assert machine_target(tmp_path / "none") == target
