"""Which manifests are trusted, and which may replace the installed one."""

from pathlib import Path

import msgspec
import pytest

from edge_runtime.bundle import Manifest, dump_manifest
from edge_runtime.errors import BundleVersionError, UpdateRefusedError
from edge_runtime.sync.trust import Installed, check_succession, checked_manifest
from tests.tiny_bundle import make_tiny_bundle

LAPTOP = "laptop-x86_64"
FLOOR = Installed("tiny shop", LAPTOP, 5)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return make_tiny_bundle(tmp_path / "bundle", release=6)


def test_a_valid_manifest_is_trusted(manifest: Manifest) -> None:
    assert checked_manifest(dump_manifest(manifest), target=LAPTOP) == manifest


@pytest.mark.parametrize("raw", [b"", b"<html>Sign in to the hotel</html>", b"{}", b"[" * 50_000, b"\xff"])
def test_invalid_manifests_are_refused(raw: bytes) -> None:
    with pytest.raises(UpdateRefusedError, match="manifest is refused"):
        checked_manifest(raw, target=LAPTOP)


@pytest.mark.parametrize("name", ["../evil", "/etc/cron.d/evil", "a/b", "..", ".hidden", "C:x", "", "manifest.json"])
def test_a_file_name_that_leaves_the_folder_is_refused(manifest: Manifest, name: str) -> None:
    first = msgspec.structs.replace(manifest.files[0], name=name)
    forged = msgspec.structs.replace(manifest, files=(first, *manifest.files[1:]))

    with pytest.raises(UpdateRefusedError, match="not a plain file name"):
        checked_manifest(dump_manifest(forged), target=LAPTOP)


def test_a_bundle_for_another_target_is_refused(manifest: Manifest) -> None:
    with pytest.raises(UpdateRefusedError, match="expected one for 'phone'"):
        checked_manifest(dump_manifest(manifest), target="phone")


def test_a_bundle_that_needs_a_newer_runtime_is_reported(manifest: Manifest) -> None:
    newer = msgspec.structs.replace(manifest, minimum_runtime="99.0.0")

    with pytest.raises(BundleVersionError, match=r"99\.0\.0"):
        checked_manifest(dump_manifest(newer), target=LAPTOP)


def test_a_newer_release_is_accepted(manifest: Manifest) -> None:
    check_succession(manifest, FLOOR, allow_older=False)


@pytest.mark.parametrize("release", [1, 4, 5])
def test_a_release_that_is_not_newer_needs_allow_older(manifest: Manifest, release: int) -> None:
    replayed = msgspec.structs.replace(manifest, release=release)

    with pytest.raises(UpdateRefusedError, match="--allow-older"):
        check_succession(replayed, FLOOR, allow_older=False)

    check_succession(replayed, FLOOR, allow_older=True)


@pytest.mark.parametrize("change", [{"name": "another shop"}, {"target": "phone"}])
def test_another_catalogue_is_always_refused(manifest: Manifest, change: dict[str, str]) -> None:
    other = msgspec.structs.replace(manifest, **change)

    with pytest.raises(UpdateRefusedError, match="separate folder"):
        check_succession(other, FLOOR, allow_older=True)
