"""One file on its way to the device: what to ask for, and whether what comes may be kept. No IO."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from edge_runtime.bundle.manifest import CHUNK_BYTES, File
from edge_runtime.errors import BundleIntegrityError, ServerUnreachableError, UpdateRefusedError

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_LENGTH: Final = re.compile(r"\d{1,18}")
_TRY_LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Download:
    """The bytes of one file, fed in order from its start.

    Attributes:
        entry: what the manifest says of the file.
        received: bytes fed.
        good: bytes that chunk digests have proven; they may be kept whatever follows.
    """

    def __init__(self, entry: File) -> None:
        self.entry = entry
        self.restart()

    def restart(self) -> None:
        """Forget every byte: the file comes again from its start."""
        self.received = 0
        self.good = 0
        self._whole = hashlib.sha256()
        self._chunk = hashlib.sha256()

    @property
    def missing(self) -> int:
        """Bytes still to come."""
        return self.entry.bytes - self.received

    def feed(self, data: bytes) -> None:
        """Take the next bytes, at most :attr:`missing`.

        Raises:
            BundleIntegrityError: a chunk is complete and is not the one that was promised.
        """
        self._whole.update(data)
        if not self.entry.chunk_sha256:
            self.received += len(data)
            return
        rest = memoryview(data)
        while rest:
            to_boundary = CHUNK_BYTES - self.received % CHUNK_BYTES
            piece, rest = rest[:to_boundary], rest[to_boundary:]
            self._chunk.update(piece)
            self.received += len(piece)
            if self.received % CHUNK_BYTES == 0 or not self.missing:
                self._close_chunk()

    def finish(self) -> None:
        """Judge the whole file.

        Raises:
            BundleIntegrityError: it is short, or is not the file that was promised.
        """
        name = PurePath(self.entry.name)
        if self.missing:
            raise BundleIntegrityError(name, expected=f"{self.entry.bytes} bytes", found=f"{self.received} bytes")
        found = self._whole.hexdigest()
        if found != self.entry.sha256:
            self.good = 0
            raise BundleIntegrityError(
                name, expected=f"sha256 {self.entry.sha256[:12]}…", found=f"sha256 {found[:12]}…"
            )

    def _close_chunk(self) -> None:
        index = (self.received - 1) // CHUNK_BYTES
        found, promised = self._chunk.hexdigest(), self.entry.chunk_sha256[index]
        if found != promised:
            raise BundleIntegrityError(
                PurePath(self.entry.name),
                expected=f"sha256 {promised[:12]}… for piece {index}",
                found=f"sha256 {found[:12]}…",
            )
        self.good = self.received
        self._chunk = hashlib.sha256()


def request_headers(entry: File, have: int) -> dict[str, str]:
    """Return what to ask with when ``have`` bytes are here already.

    By the contract of the URLs a file's tag is its digest, so no tag need be remembered; a server that uses another one
    answers with the whole file, which is right as well.
    """
    return {"Range": f"bytes={have}-", "If-Range": f'"{entry.sha256}"'} if have else {}


@dataclass(frozen=True, slots=True)
class Head:
    """The part of an answer that comes before its body."""

    status: int
    content_range: str | None
    content_length: str | None
    content_encoding: str | None

    @classmethod
    def of(cls, status: int, header: Callable[[str], str | None]) -> "Head":
        """Return the head of an answer."""
        return cls(status, header("Content-Range"), header("Content-Length"), header("Content-Encoding"))


def body_start(entry: File, have: int, head: Head) -> int:
    """Return the position in the file at which the body of an answer starts: ``have``, or 0 for the whole file again.

    Raises:
        ServerUnreachableError: the server asks to come back later.
        UpdateRefusedError: the answer cannot be this file.
    """
    check_status(head.status, f"the file {entry.name}", allowed=(200, 206) if have else (200,))
    start = have if head.status == 206 else 0
    check_encoding(head.content_encoding, entry.name)
    if head.status == 206:
        match = _CONTENT_RANGE.fullmatch(head.content_range or "")
        promised = (have, entry.bytes - 1, entry.bytes)
        if match is None or tuple(map(int, match.groups())) != promised:
            raise UpdateRefusedError(
                f"{entry.name}: the server sent the range {head.content_range!r}, expected "
                f"'bytes {have}-{entry.bytes - 1}/{entry.bytes}'. It is not the file of the manifest."
            )
    if head.content_length is not None and not _says(head.content_length, entry.bytes - start):
        raise UpdateRefusedError(
            f"{entry.name}: the server has {head.content_length!r} bytes to send, the manifest says "
            f"{entry.bytes - start}. The file on the server was cut short or replaced."
        )
    return start


def check_status(status: int, what: str, *, allowed: tuple[int, ...]) -> None:
    """Refuse every status but those in ``allowed``.

    Raises:
        ServerUnreachableError: the server asks to come back later.
        UpdateRefusedError: it will not answer differently the next time.
    """
    if status in allowed:
        return
    if status in _TRY_LATER:
        raise ServerUnreachableError(f"the server cannot send {what} now (status {status}). Sync again later.")
    if 300 <= status < 400:
        raise UpdateRefusedError(
            f"the server answered with a redirect (status {status}) instead of {what}. Redirects are not followed: "
            "sync from the final address."
        )
    if status in (404, 410):
        raise UpdateRefusedError(
            f"the server does not have {what} (status {status}). It may have been replaced meanwhile: sync again."
        )
    raise UpdateRefusedError(f"the server answered with status {status} instead of {what}.")


def check_encoding(encoding: str | None, what: str) -> None:
    """Refuse a body that would have to be unpacked before its length is known.

    Raises:
        UpdateRefusedError: it is encoded.
    """
    if encoding not in (None, "identity"):
        raise UpdateRefusedError(f"the server sent {what} in the encoding {encoding[:40]!r}, but none was asked for.")


def _says(content_length: str, expected: int) -> bool:
    return _LENGTH.fullmatch(content_length) is not None and int(content_length) == expected
