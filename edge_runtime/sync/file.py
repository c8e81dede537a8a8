"""Download of one file, resumed over as many connections as necessary."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from edge_runtime.bundle.manifest import File
from edge_runtime.errors import BundleIntegrityError, ServerUnreachableError, UpdateRefusedError
from edge_runtime.sync.download import Download, ResponseHead, body_start, request_headers
from edge_runtime.sync.session import Session

PIECE_BYTES: Final = 64 << 10

OnBytes = Callable[[int], None]


@dataclass(slots=True)
class FileFetch:
    """Downloads one file into ``part``; when :meth:`run` returns, it is verified and durable.

    Bytes received before an interruption stay in ``part`` and are hashed again before they are used.

    Attributes:
        session: connection to the server.
        entry: manifest entry of the file.
        part: path of the partial file.
        on_bytes: called with the number of bytes of the file received.
        end: deadline, on the session's clock.
        supports_ranges: the server has sent a range of this file.
    """

    session: Session
    entry: File
    part: Path
    on_bytes: OnBytes
    end: float
    supports_ranges: bool = False

    def run(self, pauses_s: Sequence[float]) -> None:
        """Download the missing bytes.

        Args:
            pauses_s: delays between attempts that made no progress.

        Raises:
            ServerUnreachableError: the connection broke repeatedly or was too slow; received bytes are kept.
            UpdateRefusedError: the bytes do not match the manifest; verified chunks are kept.
            OSError: the disk is full or cannot be written.
        """
        is_resumed = self.part.exists()
        try:
            self._fetch(pauses_s)
        except BundleIntegrityError as error:
            if not is_resumed:
                raise _integrity_refusal(error) from error
            try:  # the wrong bytes may be from an earlier run: try once more without them
                self._fetch(pauses_s)
            except BundleIntegrityError as again:
                raise _integrity_refusal(again) from again

    def _fetch(self, pauses_s: Sequence[float]) -> None:
        try:
            self.session.with_retries(self._attempt, self._size, pauses_s, self.end)
        except (ServerUnreachableError, UpdateRefusedError):
            if self.supports_ranges or not self._size():
                raise
            self._fetch_whole()

    def _fetch_whole(self) -> None:
        """Request the whole file once, because the server does not send ranges of it."""
        try:
            self._attempt(whole=True)
        except UpdateRefusedError:
            self.part.unlink()  # range and whole file refused: the next sync starts over
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
                stream.truncate(download.verified)
                raise
            stream.flush()
            os.fsync(stream.fileno())

    def _receive(self, download: Download, stream: BinaryIO, *, have: int) -> None:
        """Request the bytes from ``have`` on and append them up to the end of the file."""
        with self.session.get(
            f"/v1/files/{self.entry.sha256}", request_headers(self.entry, have), self.end
        ) as response:
            start = body_start(self.entry, have, ResponseHead.of(response.status, response.header))
            self.supports_ranges = self.supports_ranges or start > 0
            left = self.entry.bytes - start
            while left > 0:
                piece = self.session.read(response, min(PIECE_BYTES, left))
                if not piece:
                    raise ServerUnreachableError(
                        f"{self.entry.name}: the connection ended after {self.entry.bytes - left} of "
                        f"{self.entry.bytes} bytes. The received bytes are kept; sync again to resume."
                    )
                if start < download.received and left == self.entry.bytes:
                    stream.truncate(0)  # only once the first bytes have arrived, so that an earlier break loses nothing
                    download.restart()
                stream.write(piece)
                download.feed(piece)
                left -= len(piece)
                self.on_bytes(download.received)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0


def _rehash(entry: File, stream: BinaryIO) -> Download:
    """Hash the partial file of an earlier run, and truncate it where it does not match."""
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
            stream.truncate(download.verified)
        else:
            return download


def _integrity_refusal(error: BundleIntegrityError) -> UpdateRefusedError:
    return UpdateRefusedError(
        f"{error.path}: the server sent {error.found}, expected {error.expected} as in the manifest. The file is not "
        "used, and the bundle in use is unchanged. The file is damaged on the server, or was changed in transit."
    )
