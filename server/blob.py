"""An open file with a known digest, the source of every response body.

The file stays open, so that it can be read after its folder was replaced: a download of an older release can finish,
and resume, when a newer release is already at the same path. POSIX only (``os.pread``, replacing open files).
"""

import hashlib
import os
import stat
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol, Self

import anyio.to_thread

PIECE_BYTES: Final = 256 << 10


class Body(Protocol):
    """Content with a known digest that a response can have: a file, or an object."""

    @property
    def size(self) -> int:
        """Its size in bytes."""
        ...

    @property
    def sha256(self) -> str:
        """Its hex digest."""
        ...

    @property
    def etag(self) -> str:
        """Strong entity tag, which is the digest."""
        ...

    def is_intact(self) -> bool:
        """Return whether it is unchanged since it was opened, as far as is known without reading it."""
        ...

    def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to ``stop`` (exclusive) in small pieces.

        Raises:
            OSError: it has changed in the meantime; the response must be aborted.
        """
        ...


class Blob:
    """One open regular file.

    Attributes:
        size: size in bytes when it was opened.
        sha256: hex digest of its content when it was opened.
    """

    __slots__ = ("__weakref__", "_descriptor", "_stamp", "sha256", "size")

    def __init__(self, descriptor: int, stamp: tuple[int, int], sha256: str) -> None:
        self._descriptor = descriptor
        self._stamp = stamp
        self.size = stamp[0]
        self.sha256 = sha256
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file and compute its digest.

        Raises:
            OSError: the file is missing, unreadable, or not a regular file.
        """
        if not stat.S_ISREG(path.stat().st_mode):  # checked first, because opening a pipe would block
            raise FileNotFoundError(2, "not a regular file", str(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            stamp = _stamp(descriptor)
            sha256 = _digest(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        return cls(descriptor, stamp, sha256)

    @property
    def etag(self) -> str:
        """Strong entity tag, which is the digest."""
        return f'"{self.sha256}"'

    def is_intact(self) -> bool:
        """Return whether size and modification time are unchanged since the file was opened."""
        return _stamp(self._descriptor) == self._stamp

    async def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to ``stop`` (exclusive) in small pieces, read in a worker thread.

        Raises:
            OSError: the file was truncated in the meantime; the response must be aborted.
        """
        while start < stop:
            n_bytes = min(PIECE_BYTES, stop - start)
            piece = await anyio.to_thread.run_sync(os.pread, self._descriptor, n_bytes, start)
            if not piece:
                raise OSError(f"a file was truncated to {start} bytes while it was served, expected {stop}")
            yield piece
            start += len(piece)


def _stamp(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def _digest(descriptor: int) -> str:
    digest, at = hashlib.sha256(), 0
    while piece := os.pread(descriptor, 4 * PIECE_BYTES, at):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()
