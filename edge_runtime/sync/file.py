"""One file on its way into the device's folder, over as many connections as it takes."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from edge_runtime.bundle.manifest import File
from edge_runtime.errors import BundleIntegrityError, ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync.download import Download, Head, body_start, request_headers
from edge_runtime.sync.session import Session

PIECE_BYTES: Final = 64 << 10

OnBytes = Callable[[int], None]


@dataclass(slots=True)
class FileFetch:
    """Fills ``part`` with the bytes of one file; on return they are checked and on the disk.

    Bytes that came before a break stay in ``part`` and are hashed again before they count.

    Attributes:
        session: with the server.
        entry: what the manifest says of the file.
        part: where its bytes are gathered.
        on_bytes: told how many bytes of the file are here.
        end: when the server's time is up, on the session's clock.
        gives_rests: the server has been seen to give out the rest of a file.
    """

    session: Session
    entry: File
    part: Path
    on_bytes: OnBytes
    end: float
    gives_rests: bool = False

    def run(self, pauses_s: Sequence[float]) -> None:
        """Fetch what is missing.

        Args:
            pauses_s: waits between attempts that brought nothing.

        Raises:
            ServerUnreachableError: the connection broke again and again, or was too slow; what came is kept.
            UpdateRefusedError: the server's bytes are not the file; pieces proven good are kept.
            OSError: the disk is full or cannot be written.
        """
        is_resumed = self.part.exists()
        try:
            self._fetch(pauses_s)
        except BundleIntegrityError as error:
            if not is_resumed:
                raise _forged(error) from error
            try:  # bytes of an earlier run may have been the bad ones: once more, without them
                self._fetch(pauses_s)
            except BundleIntegrityError as again:
                raise _forged(again) from again

    def _fetch(self, pauses_s: Sequence[float]) -> None:
        try:
            self.session.patiently(self._attempt, self._size, pauses_s, self.end)
        except (ServerUnreachableError, UpdateRefusedError):
            if self.gives_rests or not self._size():
                raise
            self._fetch_whole()

    def _fetch_whole(self) -> None:
        """Ask once for the whole file, because the server does not give out its rest."""
        try:
            self._attempt(whole=True)
        except UpdateRefusedError:
            self.part.unlink()  # refused in part and as a whole: the next sync begins anew
            raise

    def _attempt(self, *, whole: bool = False) -> None:
        with self.part.open("a+b") as stream:
            download = _rehash(self.entry, stream)
            self.on_bytes(download.received)
            try:
                if download.missing > 0:
                    self._receive(download, stream, have=0 if whole else download.received)
                download.finish()
            except BundleIntegrityError:
                stream.truncate(download.good)
                raise
            stream.flush()
            os.fsync(stream.fileno())

    def _receive(self, download: Download, stream: BinaryIO, *, have: int) -> None:
        """Take in an answer, to a request for the bytes from ``have`` on, to the end of the file."""
        with self.session.get(f"/v1/files/{self.entry.sha256}", request_headers(self.entry, have), self.end) as answer:
            start = body_start(self.entry, have, Head.of(answer.status, answer.header))
            self.gives_rests = self.gives_rests or start > 0
            left = self.entry.bytes - start
            while left > 0:
                piece = self.session.read(answer, min(PIECE_BYTES, left))
                if not piece:
                    raise ServerUnreachableError(
                        f"{self.entry.name}: the connection ended after {self.entry.bytes - left} of "
                        f"{self.entry.bytes} bytes. What came is kept; sync again to go on."
                    )
                if start < download.received and left == self.entry.bytes:
                    stream.truncate(0)  # not before the first bytes are here: a break until then loses nothing
                    download.restart()
                stream.write(piece)
                download.feed(piece)
                left -= len(piece)
                self.on_bytes(download.received)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0


def _rehash(entry: File, stream: BinaryIO) -> Download:
    """Take in what an earlier run left in a part file; what cannot be part of the file is cut off."""
    stream.seek(0, os.SEEK_END)
    if stream.tell() > entry.bytes:
        stream.truncate(0)
    while True:
        download = Download(entry)
        stream.seek(0)
        try:
            while piece := stream.read(PIECE_BYTES):
                download.feed(piece)
        except BundleIntegrityError:
            stream.truncate(download.good)
        else:
            return download


def _forged(error: BundleIntegrityError) -> UpdateRefusedError:
    return UpdateRefusedError(
        f"{error.path}: the server sent {error.found}, but the manifest says {error.expected}. The file is not used, "
        "and the device keeps what it has. The file on the server is damaged, or was changed on the way."
    )
