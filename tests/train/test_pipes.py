"""Pipes, devices and folders are refused in place of files, because opening a pipe could block."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.errors import BusyError
from edge_runtime.lock import locked
from tests.train.data.data_folders import EVENTS, ITEMS, write
from train.data.folder import read_folder
from train.distill.student import STUDENT_FILE, load_student
from train.errors import DataError, RunError
from train.loop.runs import RUN_FILE, RunFolder

Make = Callable[[Path], None]


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


pytestmark = [
    pytest.mark.timeout(30),
    pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, link_to_a_device], ids=["pipe", "folder", "device"]),
]


@pytest.mark.parametrize("name", ["interactions.csv", "items.jsonl"])
def test_in_a_data_folder(tmp_path: Path, make: Make, name: str) -> None:
    folder = write(tmp_path, {"interactions.csv": EVENTS, "items.jsonl": ITEMS})
    (folder / name).unlink()
    make(folder / name)

    with pytest.raises(DataError, match=f"{name}: this is a folder, a pipe, a device"):
        read_folder(folder)


def test_in_a_run(tmp_path: Path, make: Make) -> None:
    make(tmp_path / RUN_FILE)

    with pytest.raises(RunError, match=f"found no {RUN_FILE}"):
        RunFolder(tmp_path).about()


def test_in_a_student(tmp_path: Path, make: Make) -> None:
    make(tmp_path / STUDENT_FILE)

    with pytest.raises(RunError, match=f"found no {STUDENT_FILE}"):
        load_student(tmp_path)


def test_in_place_of_a_lock(tmp_path: Path, make: Make) -> None:
    make(tmp_path / "lock")

    with pytest.raises(BusyError, match="expected a plain lock file"), locked(tmp_path / "lock", "sync"):
        pass
