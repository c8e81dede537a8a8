"""Asks a server for manifests and files by the contract of its URLs, and goes on where a broken download ended.

GET /v1/channels/{target}/manifest.json    the newest manifest; 304 when the tag still fits
GET /v1/files/{sha256}                     a file, named by its digest, or a range of it
GET /v1/channels                           what is on offer: asked only to give better advice
"""

import os
import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from edge_runtime.bundle.manifest import MAX_MANIFEST_BYTES, File
from edge_runtime.errors import BundleIntegrityError, ServerUnreachableError, SyncError, UpdateRefusedError
from edge_runtime.sync.download import Download, Head, body_start, check_status, request_headers
from edge_runtime.sync.slots import rename_durably
from edge_runtime.sync.transport import Answer, Transport

PIECE_BYTES: Final = 64 << 10
MAX_LIST_BYTES: Final = 64 << 10
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,200}"')
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

OnBytes = Callable[[int], None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a device bears with a server.

    Attributes:
        manifest_s: for the whole manifest.
        grace_s: for a file, whatever its size.
        slowest: bytes a second below which a file is given up.
        pauses_s: waits between attempts at a file that brought nothing; as many further attempts are made.
        manifest_pauses_s: the same for the manifest; few, because a person may be waiting for the verdict.
    """

    manifest_s: float = 30.0
    grace_s: float = 60.0
    slowest: int = 4096
    pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    manifest_pauses_s: tuple[float, ...] = (0.5,)

    def for_file(self, n_bytes: int) -> float:
        """Return the seconds that a file may take, all attempts together."""
        return self.grace_s + n_bytes / self.slowest


@dataclass(frozen=True, slots=True)
class Offered:
    """A manifest as the server sent it: judged by nobody yet. ``etag`` is None if the server's could not be kept."""

    raw: bytes
    etag: str | None


class _Offer(msgspec.Struct):
    target: str


class Source:
    """One server.

    Attributes:
        requests: sent so far.
        fetched_bytes: of bodies, received so far.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._patience = patience or Patience()
        self._clock = clock
        self._sleep = sleep
        self.requests = 0
        self.fetched_bytes = 0

    def manifest(self, target: str, etag: str | None) -> Offered | None:
        """Return the newest manifest of a target, or None if it is the one with the tag ``etag``.

        Raises:
            ServerUnreachableError: no whole answer in time.
            UpdateRefusedError: the server has none, or sends something that is too large to be one.
        """
        path = f"/v1/channels/{target}/manifest.json"
        end = self._clock() + self._patience.manifest_s
        pauses_s = self._patience.manifest_pauses_s
        return self._patiently(lambda: self._manifest(path, target, etag, end), lambda: 0, pauses_s, end)

    def file(self, entry: File, folder: Path, on_bytes: OnBytes) -> Path:
        """Fetch a file into ``folder``, named by its digest, whole and checked.

        Bytes that came before a break stay in ``{sha256}.part`` and are hashed again before they count.

        Args:
            entry: what the manifest says of the file.
            folder: where to.
            on_bytes: told how many bytes of the file are here.

        Raises:
            ServerUnreachableError: the connection broke again and again, or was too slow; what came is kept.
            UpdateRefusedError: the server's bytes are not the file; pieces proven good are kept.
            OSError: the disk is full or cannot be written.
        """
        part = folder / f"{entry.sha256}.part"
        is_resumed = part.exists()
        end = self._clock() + self._patience.for_file(entry.bytes)
        try:
            self._fetch(entry, part, on_bytes, end)
        except BundleIntegrityError as error:
            if not is_resumed:
                raise _forged(error) from error
            try:  # bytes of an earlier run may have been the bad ones: once more, without them
                self._fetch(entry, part, on_bytes, end)
            except BundleIntegrityError as again:
                raise _forged(again) from again
        return rename_durably(part, folder / entry.sha256)

    def _fetch(self, entry: File, part: Path, on_bytes: OnBytes, end: float) -> None:
        pauses_s = self._patience.pauses_s
        self._patiently(lambda: self._continue(entry, part, on_bytes, end), lambda: _size(part), pauses_s, end)

    def _patiently(
        self, attempt: Callable[[], Result], progress: Callable[[], int], pauses_s: Sequence[float], end: float
    ) -> Result:
        """Try again after a break; attempts that brought bytes do not count, but time does."""
        failures = 0
        while True:
            before = progress()
            try:
                return attempt()
            except ServerUnreachableError:
                failures = 1 if progress() > before else failures + 1
                if failures > len(pauses_s) or self._clock() + pauses_s[failures - 1] >= end:
                    raise
                self._sleep(pauses_s[failures - 1])

    def _manifest(self, path: str, target: str, etag: str | None, end: float) -> Offered | None:
        with self._get(path, {"If-None-Match": etag} if etag else {}, end) as answer:
            if answer.status == 304 and etag:
                return None
            if answer.status != 404:
                check_status(answer.status, "the manifest", allowed=(200,))
                return Offered(self._bounded(answer, MAX_MANIFEST_BYTES), _kept_tag(answer.header("ETag")))
        raise UpdateRefusedError(f"the server has no bundle for {target!r}.{self._advice(end)}")

    def _advice(self, end: float) -> str:
        """Return what the server does offer; nothing if it does not say so properly."""
        try:
            with self._get("/v1/channels", {}, end) as answer:
                check_status(answer.status, "the list", allowed=(200,))
                offers = msgspec.json.decode(self._bounded(answer, MAX_LIST_BYTES), type=list[_Offer])
        except (SyncError, msgspec.MsgspecError, UnicodeDecodeError):
            return " Check the address."
        names = [offer.target for offer in offers if _NAME.fullmatch(offer.target)]
        return f" It offers: {', '.join(names) or 'nothing yet'}. Choose one with --target."

    def _bounded(self, answer: Answer, limit: int) -> bytes:
        """Return a whole body of unknown content, of at most ``limit`` bytes."""
        body = bytearray()
        while piece := answer.read(limit + 1 - len(body)):
            body += piece
            self.fetched_bytes += len(piece)
            if len(body) > limit:
                raise UpdateRefusedError(f"the server sent more than {limit} bytes, too many for what was asked.")
        length = answer.header("Content-Length")
        if length is not None and length != str(len(body)):
            raise ServerUnreachableError(f"the answer ended after {len(body)} of {length[:20]} bytes. Sync again.")
        return bytes(body)

    def _continue(self, entry: File, part: Path, on_bytes: OnBytes, end: float) -> None:
        """Make one attempt at the rest of a file; on return ``part`` is the whole file, checked and on the disk."""
        with part.open("a+b") as stream:
            download = _rehash(entry, stream)
            on_bytes(download.received)
            try:
                if download.missing:
                    self._receive(download, stream, on_bytes, end)
                download.finish()
            except BundleIntegrityError:
                stream.truncate(download.good)
                raise
            stream.flush()
            os.fsync(stream.fileno())

    def _receive(self, download: Download, stream: BinaryIO, on_bytes: OnBytes, end: float) -> None:
        entry = download.entry
        path = f"/v1/files/{entry.sha256}"
        with self._get(path, request_headers(entry, download.received), end) as answer:
            if body_start(entry, download.received, Head.of(answer.status, answer.header)) != download.received:
                stream.truncate(0)
                download.restart()
            while download.missing:
                piece = answer.read(min(PIECE_BYTES, download.missing))
                if not piece:
                    raise ServerUnreachableError(
                        f"{entry.name}: the connection ended after {download.received} of {entry.bytes} bytes. They "
                        "are kept; sync again to go on."
                    )
                stream.write(piece)
                self.fetched_bytes += len(piece)
                download.feed(piece)
                on_bytes(download.received)

    def _get(self, path: str, headers: dict[str, str], end: float) -> AbstractContextManager[Answer]:
        self.requests += 1
        return self._transport.get(path, headers, within_s=end - self._clock())


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


def _kept_tag(etag: str | None) -> str | None:
    """Return a tag that is fit to be stored and sent back, or None."""
    return etag if etag is not None and _TAG.fullmatch(etag) else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
