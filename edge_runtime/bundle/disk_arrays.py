"""Arrays of a safetensors file that stay on disk: each access reads a range of bytes.

Not a memory map: the pages of a map that were ever touched count as the process's memory, and a file that is cut short
while it is mapped kills the process. A short read is an error that can be caught.
"""

import os
import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import HEAD_BYTES, header_bytes, read_entries
from edge_runtime.errors import BundleError


class DiskFile:
    """An open file that threads may read.

    Args:
        descriptor: of the file; closed when the last array is gone.
        source: file name, for error messages.
    """

    def __init__(self, descriptor: int, source: str) -> None:
        self._descriptor = descriptor
        self._source = source
        self._lock = threading.Lock()

    def __del__(self) -> None:
        os.close(self._descriptor)

    def read(self, offset: int, n_bytes: int) -> bytes:
        """Return a range of bytes.

        Raises:
            BundleError: the file has become shorter.
        """
        if sys.platform != "win32":
            # Processes that were forked from this one share the position of the descriptor, so none is moved.
            data = os.pread(self._descriptor, n_bytes, offset)
        else:
            with self._lock:
                os.lseek(self._descriptor, offset, os.SEEK_SET)
                data = os.read(self._descriptor, n_bytes)
        if len(data) != n_bytes:
            raise BundleError(f"{self._source}: found {len(data):,} bytes at {offset:,}, expected {n_bytes:,}")
        return data


class DiskArray:
    """A one-dimensional array of integers on disk; slices of it are arrays in memory."""

    def __init__(self, file: DiskFile, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        """Create the array that starts at the byte ``offset``."""
        self._file = file
        self._offset = offset
        self.dtype = dtype
        self.shape = shape

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __len__(self) -> int:
        return self.shape[0]

    def item(self, index: int) -> int:
        """Return one element."""
        return int(self[index : index + 1][0])

    def __getitem__(self, part: slice) -> NDArray[Any]:
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError(f"found a slice with the step {step}, expected 1")
        return np.frombuffer(self.read_bytes(start, max(start, stop)), self.dtype)

    def read_bytes(self, start: int, stop: int) -> bytes:
        """Return the bytes of some elements."""
        size = self.dtype.itemsize
        return self._file.read(self._offset + start * size, (stop - start) * size)


def read_disk_arrays(descriptor: int, n_bytes: int, source: str) -> dict[str, DiskArray]:
    """Return the arrays of an open safetensors file.

    Args:
        descriptor: of the file, whose digest was checked; the result closes it.
        n_bytes: size of the file.
        source: file name, for error messages.

    Raises:
        BundleError: the header violates SPEC section 9, or a tensor holds floats.
    """
    file = DiskFile(descriptor, source)
    head = file.read(0, min(HEAD_BYTES, n_bytes))
    length = header_bytes(head, n_bytes, source)
    entries = read_entries(file.read(HEAD_BYTES, length), n_bytes - HEAD_BYTES - length, source)
    for entry in entries:
        if entry.dtype.kind == "f":
            raise BundleError(f"{source}: tensor {entry.name[:100]!r} holds floats, expected integers")
    start = HEAD_BYTES + length
    return {entry.name: DiskArray(file, start + entry.start, entry.dtype, entry.shape) for entry in entries}
