"""Folders, pipes and links in place of the files of a device folder."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.errors import SyncError
from edge_runtime.sync.layout import RECEIPTS
from edge_runtime.sync.receipts import keep_receipt
from tests.edge_runtime.sync.device import Device
from tests.tiny_bundle import make_tiny_bundle

PART = f"{'0' * 64}.part"


def folder(path: Path) -> None:
    path.mkdir()


def file(path: Path) -> None:
    path.write_bytes(b"x")


def endless_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("name", "create", "found"),
    [
        ("lock", folder, "found a folder, expected a file"),
        ("current.json", folder, "found a folder, expected a file"),
        ("current.json", os.mkfifo, "found a pipe, expected a file"),
        ("current.json.new", folder, "found a folder, expected a file"),
        ("current.json.new", dangling_link, "found a link, expected a file"),
        ("incoming", file, "found a file, expected a folder"),
        ("incoming", dangling_link, "found a link, expected a folder"),
        (f"incoming/{PART}", folder, "found a folder, expected a file"),
        (f"incoming/{PART}", os.mkfifo, "found a pipe, expected a file"),
        (f"incoming/{PART}", endless_link, "found a link, expected a file"),
        ("trusted.sqlite", folder, "found a folder, expected a file"),
        ("receipts.jsonl", endless_link, "found a link, expected a file"),
        ("documents", file, "found a file, expected a folder"),
        ("documents", dangling_link, "found a link, expected a folder"),
        ("slots", file, "found a file, expected a folder"),
        ("slots/0123456789abcdef", file, "found a file, expected a folder"),
        ("slots/0123456789abcdef", dangling_link, "found a link, expected a folder"),
        ("slots/0123456789abcdef.new", file, "found a file, expected a folder"),
    ],
)
def test_what_is_in_the_way_is_named_before_anything_is_requested(
    device: Device, name: str, create: Callable[[Path], None], found: str
) -> None:
    path = device.folder / name
    path.parent.mkdir(parents=True)
    create(path)

    with pytest.raises(SyncError, match=f"{name}: {found}. Move it away or remove it"):
        device.sync()

    assert device.server.received == []


def test_a_file_in_place_of_the_device_folder_is_named(device: Device) -> None:
    device.folder.write_text("x")

    with pytest.raises(SyncError, match="found a file, expected a folder"):
        device.sync()


def test_a_folder_that_holds_something_else_is_refused_and_stays_as_it_is(device: Device) -> None:
    photo = device.folder / "slots" / "photo.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"x")
    (device.folder / "letter.txt").write_bytes(b"x")

    with pytest.raises(SyncError, match=r"found 'letter.txt', expected an empty folder .*Choose another folder"):
        device.sync()

    assert device.server.received == []
    assert sorted(path.name for path in device.folder.iterdir()) == ["letter.txt", "slots"]
    assert photo.exists()


def test_an_empty_disk_is_a_folder_to_sync_into(device: Device) -> None:
    for name in ("lost+found", ".Trash-1000"):
        (device.folder / name).mkdir(parents=True)

    device.sync()

    assert device.release() == 1


def test_files_that_a_sync_did_not_write_stay(device: Device, shop: Path) -> None:
    device.sync()
    kept = [
        device.folder / "letter.txt",
        *(device.folder / "slots" / name for name in ("album", "0123456789abcdef.old", "0123456789ABCDEF")),
        *(device.folder / "incoming" / name for name in ("x", "x.part", f"{'0' * 64}.part.bak", "0" * 63)),
    ]
    for path in kept:
        path.mkdir()
    own = [device.folder / "slots" / "0123456789abcdef", device.folder / "slots" / "0123456789abcdef.new"]
    for path in own:
        path.mkdir()
    (device.folder / "incoming" / PART).write_bytes(b"x")

    make_tiny_bundle(shop, release=2)
    device.sync()

    assert device.release() == 2
    assert [path for path in kept if not path.is_dir()] == []
    assert [path for path in (*own, device.folder / "incoming" / PART) if path.exists()] == []


def test_a_receipt_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / RECEIPTS).mkdir()

    with pytest.warns(UserWarning, match="could not be written to .*found a folder, expected a file"):
        keep_receipt(tmp_path, "http://127.0.0.1", [b"GET"], 0.0)


def test_a_link_to_a_folder_on_another_disk_is_followed(device: Device, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    device.folder.mkdir()
    (device.folder / "incoming").symlink_to(tmp_path / "elsewhere")

    device.sync()

    assert json.loads((device.folder / "current.json").read_bytes())["release"] == 1


@pytest.mark.parametrize("name", ["trusted.sqlite.new", "refused.json.new", "current.json.new", "documents"])
def test_what_the_first_sync_has_left_without_its_lock_is_no_other_folder(device: Device, name: str) -> None:
    path = device.folder / name
    path.parent.mkdir(parents=True)
    (folder if name == "documents" else file)(path)
    if name == "trusted.sqlite.new":
        file(device.folder / "trusted.sqlite.new-journal")

    device.sync()

    assert device.release() == 1
