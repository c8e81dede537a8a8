"""Arrays on disk are read without moving the file's position, which processes share after a fork."""

import os
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.disk_arrays import read_disk_arrays
from edge_runtime.errors import BundleError


@pytest.fixture
def descriptor(tmp_path: Path) -> int:
    path = tmp_path / "numbers.safetensors"
    path.write_bytes(dump_arrays({"numbers": np.arange(1000, dtype=np.uint32)}))
    return os.open(path, os.O_RDWR)  # closed with the arrays


def numbers(descriptor: int) -> "np.ndarray[tuple[int], np.dtype[np.uint32]]":
    array = read_disk_arrays(descriptor, os.fstat(descriptor).st_size, "numbers.safetensors")["numbers"]
    before = os.lseek(descriptor, 0, os.SEEK_CUR)
    found = array[10:13]
    assert os.lseek(descriptor, 0, os.SEEK_CUR) == before
    return found


def test_a_slice_is_read_without_moving_the_position(descriptor: int) -> None:
    assert numbers(descriptor).tolist() == [10, 11, 12]


def test_a_file_that_became_shorter_is_an_error(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    array = read_disk_arrays(descriptor, size, "numbers.safetensors")["numbers"]
    os.truncate(descriptor, size - 100)
    with pytest.raises(BundleError, match="found 0 bytes at"):
        array.item(999)
