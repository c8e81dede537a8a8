"""Verification of a download: request headers, response checks and chunk digests. No I/O."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from edge_runtime.bundle.manifest import CHUNK_BYTES, File
from edge_runtime.errors import BundleIntegrityError, ServerUnreachableError, UpdateRefusedError

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_RETRY_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


class Download:
    """Digests of one file, updated with its bytes in order from the start.

    Attributes:
        entry: manifest entry of the file.
        received: number of bytes fed.
        verified: number of leading bytes verified by chunk digests; they can be kept whatever follows.
    """

    def __init__(self, entry: File) -> None:
        self.entry = entry
        self.restart()

    def restart(self) -> None:
        """Reset to the start of the file."""
        self.received = 0
        self.verified = 0
        self._whole = hashlib.sha256()
        self._chunk = hashlib.sha256()

    @property
    def missing(self) -> int:
        """Number of bytes still to be received."""
        return self.entry.bytes - self.received

    def feed(self, data: bytes) -> None:
        """Add the next bytes, at most :attr:`missing`.

        Raises:
            BundleIntegrityError: a complete chunk does not match its digest.
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
        """Verify the whole file.

        Raises:
            BundleIntegrityError: the file is too short, or does not match its digest.
        """
        name = PurePath(self.entry.name)
        if self.missing:
            raise BundleIntegrityError(name, expected=f"{self.entry.bytes} bytes", found=f"{self.received} bytes")
        found = self._whole.hexdigest()
        if found != self.entry.sha256:
            self.verified = 0
            raise BundleIntegrityError(
                name, expected=f"sha256 {self.entry.sha256[:12]}…", found=f"sha256 {found[:12]}…"
            )

    def _close_chunk(self) -> None:
        index = (self.received - 1) // CHUNK_BYTES
        found, expected = self._chunk.hexdigest(), self.entry.chunk_sha256[index]
        if found != expected:
            raise BundleIntegrityError(
                PurePath(self.entry.name),
                expected=f"sha256 {expected[:12]}… for chunk {index}",
                found=f"sha256 {found[:12]}…",
            )
        self.verified = self.received
        self._chunk = hashlib.sha256()


def request_headers(entry: File, have: int) -> dict[str, str]:
    """Return the request headers for the bytes from ``have`` on.

    The entity tag of a file is its digest (docs/serving.md), so no tag has to be stored. A server with other tags
    responds with the whole file, which is handled too.
    """
    return {"Range": f"bytes={have}-", "If-Range": f'"{entry.sha256}"'} if have else {}


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and headers of a response."""

    status: int
    content_range: str | None
    content_length: str | None
    content_encoding: str | None

    @classmethod
    def of(cls, status: int, header: Callable[[str], str | None]) -> "ResponseHead":
        """Return the head of a response."""
        return cls(status, header("Content-Range"), header("Content-Length"), header("Content-Encoding"))


def body_start(entry: File, have: int, head: ResponseHead) -> int:
    """Return the file position of the first byte of a response body: ``have``, or 0 for the whole file.

    Raises:
        ServerUnreachableError: the server is temporarily unavailable.
        UpdateRefusedError: the response does not match the manifest entry.
    """
    check_status(head.status, f"the file {entry.name}", allowed=(200, 206) if have else (200,))
    start = have if head.status == 206 else 0
    check_encoding(head.content_encoding, entry.name)
    if head.status == 206:
        match = _CONTENT_RANGE.fullmatch(head.content_range or "")
        expected = (have, entry.bytes - 1, entry.bytes)
        if match is None or tuple(map(int, match.groups())) != expected:
            raise UpdateRefusedError(
                f"{entry.name}: the server sent the range {head.content_range!r}, expected "
                f"'bytes {have}-{entry.bytes - 1}/{entry.bytes}'. This is not the file in the manifest."
            )
    if head.content_length is not None and not _is_length(head.content_length, entry.bytes - start):
        raise UpdateRefusedError(
            f"{entry.name}: the server announced {head.content_length!r} bytes, expected {entry.bytes - start} as in "
            "the manifest. The file on the server was truncated or replaced."
        )
    return start


def check_status(status: int, what: str, *, allowed: tuple[int, ...]) -> None:
    """Check that a status is in ``allowed``.

    Raises:
        ServerUnreachableError: the server is temporarily unavailable.
        UpdateRefusedError: a retry would not help.
    """
    if status in allowed:
        return
    if status in _RETRY_STATUSES:
        raise ServerUnreachableError(f"the server cannot send {what} now (status {status}). Sync again later.")
    if status == 304:
        raise UpdateRefusedError(
            f"the server responded with status 304 (not modified) instead of {what}, although no earlier version was "
            "stated. Sync again, without a cache between this device and the server."
        )
    if 300 <= status < 400:
        raise UpdateRefusedError(
            f"the server responded with a redirect (status {status}) instead of {what}. Redirects are not followed: "
            "sync from the final address."
        )
    if status in (404, 410):
        raise UpdateRefusedError(
            f"the server does not have {what} (status {status}). It may have been replaced in the meantime: sync again."
        )
    raise UpdateRefusedError(f"the server responded with status {status} instead of {what}.")


def check_encoding(encoding: str | None, what: str) -> None:
    """Refuse a compressed body, whose length is unknown before it is decompressed.

    Raises:
        UpdateRefusedError: the body has a content encoding.
    """
    if encoding is not None and encoding.strip().lower() != "identity":
        raise UpdateRefusedError(f"the server sent {what} with the encoding {encoding[:40]!r}, expected none.")


def _is_length(content_length: str, expected: int) -> bool:
    return _LENGTH.fullmatch(content_length) is not None and int(content_length) == expected
