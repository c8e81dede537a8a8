"""An open file whose digest is known: what every answer with a body is read from.

The file stays open, so that its bytes outlive a replaced folder: a download that has begun can finish, and resume,
while a newer release already lies at the same path. POSIX only (``os.pread``, and open files can be replaced).
"""

import hashlib
import os
import stat
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Self

import anyio.to_thread

PIECE_BYTES: Final = 256 << 10


class Blob:
    """The bytes of one regular file, as they were when it was opened.

    Attributes:
        size: in bytes.
        sha256: hex digest of all bytes.
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
        """Open a file and compute its digest, in pieces.

        Raises:
            OSError: it is missing, unreadable, or something other than a regular file.
        """
        if not stat.S_ISREG(path.stat().st_mode):  # before opening: opening a pipe would wait for ever
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
        """The strong entity tag: equal tags, equal bytes."""
        return f'"{self.sha256}"'

    def is_intact(self) -> bool:
        """Say whether nobody has written into the file since it was opened, as far as length and time tell."""
        return _stamp(self._descriptor) == self._stamp

    async def pieces(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` up to ``stop``, never much at a time, disk waits off the event loop.

        Raises:
            OSError: the file was cut short meanwhile; the answer must then break off, not end well.
        """
        while start < stop:
            wanted = min(PIECE_BYTES, stop - start)
            piece = await anyio.to_thread.run_sync(os.pread, self._descriptor, wanted, start)
            if not piece:
                raise OSError(f"a file being served was cut short at byte {start}, expected {stop}")
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
