"""Atomic and durable replacement of files."""

from pathlib import Path

import pytest

from edge_runtime.files import replacing, write_atomically


def test_a_file_is_replaced_without_leftovers(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old")

    write_atomically(path, b"new")

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"file": b"new"}


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
