"""A server whose files differ from its manifest: they are never used, and every download ends."""

from collections.abc import Callable, Mapping
from itertools import repeat
from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import dump_manifest, open_folder
from edge_runtime.bundle.manifest import CHUNK_BYTES
from edge_runtime.errors import ServerUnreachableError, UpdateRefusedError
from tests.edge_runtime.sync.device import LAPTOP, MANIFEST, Device
from tests.edge_runtime.sync.fake_server import FakeResponse, FakeServer, whole
from tests.tiny_bundle import make_tiny_bundle


def flipped(shop: Path, name: str, at: int) -> Callable[[str, Mapping[str, str]], FakeResponse | None]:
    """Respond correctly except for one changed byte of one file."""
    sha256 = open_folder(shop).manifest.file(name).sha256
    body = bytearray((shop / name).read_bytes())
    body[at] ^= 1
    return lambda path, _: whole(bytes(body)) if path == f"/v1/files/{sha256}" else None


def test_a_byte_flipped_in_transit_is_refused_and_the_old_release_stays(device: Device, shop: Path) -> None:
    device.sync()
    before = device.state()
    make_tiny_bundle(shop, seed=1, release=2)
    device.server.override = flipped(shop, "codes.safetensors", 100)

    with pytest.raises(UpdateRefusedError, match=r"codes\.safetensors.*bundle in use is unchanged"):
        device.sync()

    assert device.state() == before
    device.server.override = lambda path, headers: None
    assert device.sync().release == 2


def test_verified_chunks_of_a_large_file_with_a_flipped_byte_are_kept(tmp_path: Path) -> None:
    shop = tmp_path / LAPTOP
    make_tiny_bundle(shop, extra={"big.bin": ("other", bytes(2 * CHUNK_BYTES + 100))})
    device = Device(tmp_path / "device", FakeServer({LAPTOP: shop}))
    device.server.override = flipped(shop, "big.bin", CHUNK_BYTES + 7)
    with pytest.raises(UpdateRefusedError, match="chunk 1"):
        device.sync()
    (part,) = (device.folder / "incoming").glob("*.part")
    kept = part.stat().st_size

    device.server.override = lambda path, headers: None
    device.server.received.clear()
    device.sync()

    assert kept == CHUNK_BYTES
    assert [headers["Range"] for _, headers in device.server.file_requests() if headers] == [f"bytes={CHUNK_BYTES}-"]


def test_a_forged_manifest_is_refused_before_the_download(device: Device, shop: Path) -> None:
    manifest = open_folder(shop).manifest
    evil = msgspec.structs.replace(manifest.files[0], name="../../evil")
    forged = dump_manifest(msgspec.structs.replace(manifest, files=(evil, *manifest.files[1:])))
    device.server.override = lambda path, _: whole(forged) if path == MANIFEST else None

    with pytest.raises(UpdateRefusedError, match="plain file name"):
        device.sync()

    assert not device.server.file_requests()


def test_a_digest_shared_by_files_of_different_length_is_refused(device: Device, shop: Path) -> None:
    manifest = open_folder(shop).manifest
    other = msgspec.structs.replace(manifest.files[0], sha256=manifest.files[1].sha256)
    forged = dump_manifest(msgspec.structs.replace(manifest, files=(other, *manifest.files[1:])))
    device.server.override = lambda path, _: whole(forged) if path == MANIFEST else None

    with pytest.raises(UpdateRefusedError, match="share a digest"):
        device.sync()

    assert not device.server.file_requests()


def test_an_endless_manifest_is_cut_off(device: Device) -> None:
    device.server.override = lambda path, _: FakeResponse(200, {}, repeat(b" " * 65536)) if path == MANIFEST else None

    with pytest.raises(UpdateRefusedError, match="more than 1048576 bytes"):
        device.sync()


def test_an_endless_file_is_cut_off_at_its_stated_length(device: Device, shop: Path) -> None:
    sha256 = open_folder(shop).manifest.required_role("codes").sha256
    device.server.override = lambda path, _: FakeResponse(200, {}, repeat(b"x" * 1000)) if sha256 in path else None

    with pytest.raises(UpdateRefusedError, match="codes"):
        device.sync()

    assert sum(path.stat().st_size for path in (device.folder / "incoming").iterdir()) < 100_000


def test_a_file_truncated_on_the_server_is_refused(device: Device, shop: Path) -> None:
    sha256 = open_folder(shop).manifest.required_role("codes").sha256
    device.server.override = lambda path, _: whole(b"short") if sha256 in path else None

    with pytest.raises(UpdateRefusedError, match="'5' bytes"):
        device.sync()


def test_a_partial_file_with_wrong_bytes_is_downloaded_again(device: Device, shop: Path) -> None:
    device.server.break_after = [100, 0, 0, 0, 0]
    with pytest.raises(ServerUnreachableError):
        device.sync()
    (part,) = (device.folder / "incoming").glob("*.part")
    part.write_bytes(b"x" * 100)

    device.sync()

    assert device.release() == 1


@pytest.mark.parametrize("extra", [b"", b"and more"])
def test_a_partial_file_that_is_complete_or_too_long_is_handled(device: Device, shop: Path, extra: bytes) -> None:
    entry = open_folder(shop).manifest.required_role("codes")
    (device.folder / "incoming").mkdir(parents=True)
    (device.folder / "incoming" / f"{entry.sha256}.part").write_bytes((shop / entry.name).read_bytes() + extra)

    device.sync()

    requested = [path for path, _ in device.server.file_requests()]
    assert (f"/v1/files/{entry.sha256}" in requested) is bool(extra)


def test_a_redirect_is_not_followed(device: Device) -> None:
    device.server.override = lambda path, _: FakeResponse(302, {"Location": "http://elsewhere/"})

    with pytest.raises(UpdateRefusedError, match="Redirects are not followed"):
        device.sync()


def test_the_error_for_a_missing_target_lists_the_available_ones(device: Device) -> None:
    with pytest.raises(UpdateRefusedError, match="It offers: laptop-x86_64"):
        device.sync(target="phone")


def test_a_304_response_to_an_unconditional_request_is_refused(device: Device) -> None:
    device.server.override = lambda path, _: FakeResponse(304)

    with pytest.raises(UpdateRefusedError, match=r"status 304 \(not modified\) instead of the manifest"):
        device.sync()
