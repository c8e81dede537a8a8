"""Folders, pipes and links in place of the files of a device folder."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.errors import SyncError
from tests.edge_runtime.sync.device import Device

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
        ("incoming/x", folder, "found a folder, expected a file"),
        ("slots", file, "found a file, expected a folder"),
        ("slots/0123456789abcdef", file, "found a file, expected a folder"),
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


def test_a_link_to_a_folder_on_another_disk_is_followed(device: Device, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    device.folder.mkdir()
    (device.folder / "incoming").symlink_to(tmp_path / "elsewhere")

    device.sync()

    assert json.loads((device.folder / "current.json").read_bytes())["release"] == 1
