"""Atomic and durable replacement of files and folders."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.files import recover_folder, replacing, replacing_folder, write_atomically, write_durably


def test_a_file_is_replaced_without_leftovers(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    write_atomically(path, b"new")

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"file": b"new"}


@pytest.mark.parametrize("place", [os.symlink, os.link])
def test_a_link_where_a_file_is_prepared_leads_no_write_elsewhere(
    tmp_path: Path, place: Callable[[Path, Path], None]
) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"kept")
    place(other, tmp_path / "file.new")

    write_atomically(tmp_path / "file", b"new")

    assert (other.read_bytes(), (tmp_path / "file").read_bytes()) == (b"kept", b"new")
    assert not (tmp_path / "file").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in folders")
def test_a_pipe_where_a_file_is_prepared_blocks_no_write(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "file.new")
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's folders")
def test_a_pipe_or_a_device_is_never_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(FileExistsError, match="found a pipe or a device"):
        write_atomically(pipe, b"new")
    with pytest.raises(FileExistsError, match="found a pipe or a device"), replacing(pipe):
        pass

    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_a_file_stays_as_it_is_if_writing_its_replacement_fails(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def fail() -> None:
        with replacing(path) as fresh:
            fresh.write_bytes(b"ne")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()

    assert path.read_bytes() == b"old"


def write_into(folder: Path, text: str) -> None:
    with replacing_folder(folder) as fresh:
        (fresh / "inner").mkdir()
        (fresh / "inner" / "file").write_text(text)


def test_a_folder_is_replaced_as_a_whole_and_without_leftovers(tmp_path: Path) -> None:
    folder = tmp_path / "missing" / "folder"
    write_into(folder, "old")
    (folder / "only in the old one").touch()

    write_into(folder, "new")

    assert [path.name for path in folder.parent.iterdir()] == ["folder"]
    assert {path.name for path in folder.rglob("*")} == {"inner", "file"}
    assert (folder / "inner" / "file").read_text() == "new"


def test_a_folder_stays_as_it_is_if_writing_its_replacement_fails(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write_into(folder, "old")

    def fail() -> None:
        with replacing_folder(folder) as fresh:
            (fresh / "file").write_text("ne")
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        fail()
    assert {path.name for path in folder.rglob("*")} == {"inner", "file"}

    write_into(folder, "new")
    assert {path.name for path in folder.rglob("*")} == {"inner", "file"}


def test_a_folder_that_was_moved_away_for_its_replacement_is_restored(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write_into(folder, "old")
    folder.rename(tmp_path / "folder.old")  # where a kill between the two renames leaves it

    recover_folder(folder)

    assert (folder / "inner" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def full_disk(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_of_a_file_that_the_disk_has_no_room_for_nothing_remains_and_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", full_disk)

    with pytest.raises(OSError, match=r"No space left on device: '.*file'"):
        write_durably(tmp_path / "file", b"data", "xb")
    with pytest.raises(OSError, match=r"No space left on device: '.*folder'"):
        write_into(tmp_path / "folder", "new")

    assert list(tmp_path.iterdir()) == []
