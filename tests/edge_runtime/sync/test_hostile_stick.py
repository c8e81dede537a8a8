"""A repository on a stick may hold anything: links, pipes, devices, huge files and files that cannot be read."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.errors import SyncError
from edge_runtime.sync.opening import sync
from tests.crash.signed_device import served_release
from tests.edge_runtime.sync.signed_shop import LAPTOP, SignedShop

SECRET = b"-----BEGIN PRIVATE KEY-----"


def link_to_a_secret(path: Path) -> None:
    secret = path.parents[2] / "secret"
    secret.write_bytes(SECRET)
    path.symlink_to(secret)


def sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 40)


def unreadable(path: Path) -> None:
    path.write_bytes(b"{}")
    path.chmod(0)


KINDS: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to a file of its user": link_to_a_secret,
    "a link to an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a device that waits": lambda path: path.symlink_to("/dev/tty"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a terabyte": sparse,
    "a file of somebody else": unreadable,
}


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    shop = SignedShop(tmp_path / "shop")
    shop.release(1)
    shop.renew()
    sync(shop.folder, tmp_path / "device", target=LAPTOP)
    shop.release(2)
    shutil.copytree(shop.folder, tmp_path / "stick")
    return tmp_path / "stick"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("where", ["metadata", "targets/bundle", "files"])
def test_what_is_not_the_file_that_was_signed_is_refused(
    stick: Path, tmp_path: Path, where: str, kind: Callable[[Path], None]
) -> None:
    device = tmp_path / "device"
    for path in (stick / where).iterdir():
        path.unlink()
        kind(path)

    with pytest.raises(SyncError) as caught:
        sync(stick, device)

    assert "PRIVATE KEY" not in str(caught.value)
    assert served_release(device) == 1
    written = [path for path in device.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in written) < 5_000_000
    assert not any(SECRET in path.read_bytes() for path in written)
    assert not any(path.is_symlink() for path in device.rglob("*"))
    assert sync(tmp_path / "shop", device).release == 2


def test_a_stick_whose_folders_are_links_is_read_like_any_other_and_never_written(stick: Path, tmp_path: Path) -> None:
    shutil.move(stick / "files", tmp_path / "elsewhere")
    (stick / "files").symlink_to(tmp_path / "elsewhere")
    before = {path: path.stat().st_mtime_ns for path in [*stick.rglob("*"), *(tmp_path / "elsewhere").iterdir()]}

    assert sync(stick, tmp_path / "device").release == 2

    assert {path: path.stat().st_mtime_ns for path in before} == before
