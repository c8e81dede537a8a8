"""A component that is missing, damaged, expired, forged or unusable is left out: it neither stops what it derives from
nor brings back what was before it.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.release import Wave
from edge_runtime.device_folder import current_bundle, read_pointer
from edge_runtime.errors import SelfTestError, ServerUnreachableError, UpdateRefusedError
from tests.edge_runtime.sync.fake_server import FakeResponse
from tests.edge_runtime.sync.faulty_transport import FaultyTransport
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedDevice, SignedShop, adapted, changed
from tests.edge_runtime.sync.tuf.repository import TODAY

DAY_S = 86_400.0
FAR = Wave(start="2099-01-01T00:00:00Z", hours=24.0, rings=(1.0,), salt="ab" * 16, max_refused=0.02)
OPEN = Wave(start="2026-02-01T00:00:00Z", hours=24.0, rings=(1.0,), salt="cd" * 16, max_refused=0.02)


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    return SignedShop(tmp_path / "shop")


@pytest.fixture
def device(tmp_path: Path, shop: SignedShop) -> SignedDevice:
    """Return a device that may install release 1."""
    shop.release(1)
    return SignedDevice(tmp_path / "device", shop)


def failing(*manifests: str) -> Callable[[Path], None]:
    """Return a self-test that bundles with these manifests fail."""

    def test(bundle: Path) -> None:
        if hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest() in manifests:
            raise SelfTestError("no engine passes")

    return test


def damage(device: SignedDevice, name: str = "codes.safetensors") -> None:
    path = current_bundle(device.folder) / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def test_a_component_that_changes_what_it_does_not_own_is_refused_and_the_rest_installed(
    shop: SignedShop, device: SignedDevice
) -> None:
    base = shop.release(2)
    shop.component("adapter", 3, adapted(shop, base, 3, also="prompts.safetensors"), base)
    report = device.sync()
    assert device.manifest() == base
    assert any("adapter was left out" in note and "prompts.safetensors" in note for note in report.notes)


def test_a_server_that_hides_a_component_does_not_bring_back_what_was_before_it(
    shop: SignedShop, device: SignedDevice
) -> None:
    base = shop.release(2)
    shop.component("adapter", 3, adapted(shop, base, 3), base)
    device.sync()
    held = device.manifest()
    shop.component("adapter", 4, adapted(shop, base, 4), base)
    shop.hide_document("adapter")

    report = device.sync()

    assert (report.status, device.manifest()) == ("up to date", held)
    assert any("adapter was left out" in note for note in report.notes)


def test_a_component_that_fails_the_self_test_does_not_stop_the_release_it_derives_from(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.sync()
    base = shop.release(2)
    bad = shop.component("adapter", 3, adapted(shop, base, 3), base)

    def test(bundle: Path) -> None:
        if hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest() == bad:
            raise SelfTestError("no engine passes")

    report = device.sync(test=test)

    assert (report.status, device.manifest()) == ("installed", base)
    assert any("release 3 could not be used" in note for note in report.notes)


def test_a_document_longer_than_any_is_not_fetched(shop: SignedShop, device: SignedDevice) -> None:
    base = shop.release(2)
    shop.tuf.add(f"adapter/{LAPTOP}.json", b" " * 40_000, "adapter")
    shop.tuf.publish("adapter", "snapshot", "timestamp")
    shop.write()

    report = device.sync()

    assert device.manifest() == base
    assert any("40000 bytes are signed" in note for note in report.notes)


def test_a_component_whose_file_the_server_lacks_is_left_out(shop: SignedShop, device: SignedDevice) -> None:
    base = shop.release(2)
    adapter = open_folder(adapted(shop, base, 3))
    shop.component("adapter", 3, shop.folder.parent / "made" / "changed-3", base)
    shop.hide(adapter.manifest.required_role("adapter").sha256)

    report = device.sync()

    assert (report.status, report.release, device.manifest()) == ("installed", 2, base)
    assert any("release 3 could not be used" in note for note in report.notes)


def test_a_server_that_cannot_send_a_component_now_is_asked_again_later(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    base = shop.release(2)
    final = shop.component("adapter", 3, adapted(shop, base, 3), base)

    def busy(path: str, _: bytes) -> FakeResponse | None:
        return FakeResponse(503) if path.startswith("targets/adapter/") else None

    with pytest.raises(ServerUnreachableError):
        device.sync(transport=FaultyTransport(shop.folder, busy))
    device.sync()
    assert device.manifest() == final


def test_a_component_that_must_not_be_used_does_not_hold_back_what_it_derives_from(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.sync()
    base = shop.release(2)
    final = shop.component("adapter", 3, adapted(shop, base, 3), base, wave=FAR)
    shop.hide(final)

    report = device.sync()

    assert (report.status, device.manifest()) == ("installed", base)


def test_a_server_that_hides_a_component_does_not_open_the_rollout_that_it_is_named_in(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.sync()
    before = device.manifest()
    base = shop.release(2, wave=OPEN)
    final = shop.component("adapter", 3, adapted(shop, base, 3), base, wave=OPEN)
    shop.roll_out(final, 1.0, halted=True)
    shop.hide_document("adapter")

    assert (device.sync().status, device.manifest()) == ("waiting", before)

    shop.roll_out(final, 1.0)
    shop.hide_document("adapter")
    assert (device.sync().status, device.manifest()) == ("installed", base)


def test_the_next_component_applies_to_what_is_there_without_the_one_that_was_left_out(
    shop: SignedShop, device: SignedDevice
) -> None:
    base = shop.release(2)
    hidden = shop.component("codebook", 3, changed(shop, base, 3, "codes.safetensors"), base)
    prompts = shop.component("prompts", 4, changed(shop, base, 4, "prompts.safetensors"), base)
    shop.hide(hidden)

    report = device.sync()

    assert device.manifest() == prompts
    assert [note.partition(":")[0] for note in report.notes] == ["the release of codebook was left out"]


@pytest.mark.parametrize("how", ["missing", "expired", "forged", "malformed"])
def test_metadata_of_a_component_that_must_not_be_used_leaves_it_out_and_undoes_nothing(
    shop: SignedShop, device: SignedDevice, tmp_path: Path, how: str
) -> None:
    base = shop.release(2)
    held = shop.component("adapter", 3, adapted(shop, base, 3), base)
    device.sync()
    shop.tuf.metadata["adapter"].signed.version += 1
    if how == "expired":
        shop.tuf.metadata["adapter"].signed.expires = TODAY - timedelta(days=1)
    if how == "forged":
        shop.tuf.signers["adapter"] = [shop.tuf.new_signer()]
    shop.tuf.publish("adapter", "snapshot", "timestamp")
    name = shop.tuf.name_of("adapter")
    if how == "malformed":
        shop.tuf.files[name] = b"{}"
    shop.write()
    if how == "missing":
        (shop.folder / "metadata" / name).unlink()

    report = device.sync()

    assert (report.status, report.release, device.manifest()) == ("up to date", 3, held)
    assert any("adapter was left out" in note for note in report.notes)
    new = SignedDevice(tmp_path / "new", shop)
    new.sync()
    assert new.manifest() == base


def test_a_component_that_was_left_out_does_not_confirm_the_bundle_in_use(
    shop: SignedShop, device: SignedDevice
) -> None:
    base = shop.release(2)
    shop.component("adapter", 3, adapted(shop, base, 3), base)
    device.sync()
    until = read_pointer(device.folder).fresh_until
    for metadata in shop.tuf.metadata.values():
        metadata.signed.expires += timedelta(days=60)
    shop.tuf.publish("root", "targets", "adapter", "snapshot", "timestamp")
    shop.write()
    shop.hide_document("adapter")
    device.sync()
    assert (read_pointer(device.folder).fresh_until or 0) > (until or 0), "it is the same document, which is kept"

    until = read_pointer(device.folder).fresh_until
    for metadata in shop.tuf.metadata.values():
        metadata.signed.expires += timedelta(days=60)
    shop.component("adapter", 4, adapted(shop, base, 4), base)
    shop.hide_document("adapter")
    device.sync()
    assert read_pointer(device.folder).fresh_until == until


def test_a_server_that_hides_a_first_component_does_not_confirm_the_bundle_in_use(
    shop: SignedShop, device: SignedDevice
) -> None:
    base = shop.release(2)
    device.sync()
    until = read_pointer(device.folder).fresh_until
    for metadata in shop.tuf.metadata.values():
        metadata.signed.expires += timedelta(days=60)
    shop.tuf.publish("root", "targets")
    shop.component("adapter", 3, adapted(shop, base, 3), base)
    shop.hide_document("adapter")

    assert (device.sync().status, device.manifest()) == ("up to date", base)
    assert read_pointer(device.folder).fresh_until == until


def test_a_component_that_is_withdrawn_brings_back_what_it_derives_from(shop: SignedShop, device: SignedDevice) -> None:
    base = shop.release(2)
    shop.component("adapter", 3, adapted(shop, base, 3), base)
    device.sync()
    shop.tuf.role("adapter").targets.clear()
    shop.tuf.publish("adapter", "snapshot", "timestamp")
    shop.write()

    assert (device.sync().release, device.manifest()) == (2, base)


def test_a_damaged_bundle_is_repaired_where_a_component_of_it_is_hidden(shop: SignedShop, device: SignedDevice) -> None:
    base = shop.release(2)
    held = shop.component("adapter", 3, adapted(shop, base, 3), base)
    device.sync()
    until = read_pointer(device.folder).fresh_until
    shop.component("adapter", 4, adapted(shop, base, 4), base)
    shop.hide_document("adapter")
    damage(device)

    assert (device.sync().status, device.manifest()) == ("repaired", held)
    assert until is not None
    assert read_pointer(device.folder).fresh_until == until


def test_a_damaged_bundle_that_nothing_repairs_is_replaced_by_what_there_is(
    shop: SignedShop, device: SignedDevice
) -> None:
    base = shop.release(2)
    shop.component("adapter", 3, adapted(shop, base, 3), base)
    device.sync()
    damage(device, "adapter.safetensors")
    lost = open_folder(current_bundle(device.folder)).manifest.required_role("adapter").sha256
    shop.component("adapter", 4, adapted(shop, base, 4), base)
    shop.hide_document("adapter")
    shop.hide(lost)

    assert (device.sync().status, device.manifest()) == ("installed", base)


def test_a_damaged_bundle_is_repaired_if_the_newest_one_fails_its_self_test(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.sync()
    held = device.manifest()
    newest = shop.release(2)
    damage(device)

    report = device.sync(test=failing(newest))

    assert (report.status, report.refused_release, device.manifest()) == ("repaired", 2, held)


def test_a_damaged_bundle_that_waits_and_cannot_be_repaired_is_replaced_before_its_turn(
    shop: SignedShop, device: SignedDevice
) -> None:
    device.sync()
    damage(device)
    lost = open_folder(current_bundle(device.folder)).manifest.required_role("codes").sha256
    newest = shop.release(2, wave=FAR)
    shop.hide(lost)

    assert (device.sync().status, device.manifest()) == ("installed", newest)


def test_a_preview_repairs_a_damaged_bundle_first(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    held = device.manifest()
    shop.release(2)
    damage(device)

    assert (device.sync(preview=True).status, device.manifest()) == ("repaired", held)
    assert device.sync(preview=True).status == "previewed"


def test_a_preview_shows_the_release_that_can_be_used(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    base = shop.release(2)
    bad = shop.component("adapter", 3, adapted(shop, base, 3), base)

    report = device.sync(test=failing(bad), preview=True)

    assert (report.status, report.newer_release, report.refused_release) == ("previewed", 2, 3)


def test_another_target_is_refused_even_while_its_release_is_for_later(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    pointer = device.folder / "current.json"
    pointer.write_bytes(pointer.read_bytes().replace(LAPTOP.encode(), b"another"))
    shop.release(2, wave=FAR)

    with pytest.raises(UpdateRefusedError, match="separate folder"):
        device.sync()


def test_new_timestamp_keys_that_start_over_do_not_hide_a_release(shop: SignedShop, device: SignedDevice) -> None:
    device.sync()
    device.sync()
    version = shop.tuf.timestamp.version
    for role in ("timestamp", "snapshot"):
        shop.tuf.rotate(role)
    shop.tuf.publish("root")
    newest = shop.release(2)
    shop.tuf.republish("timestamp", version)
    shop.write()

    assert (device.sync().status, device.manifest()) == ("installed", newest)
    assert device.now == TODAY.timestamp()
