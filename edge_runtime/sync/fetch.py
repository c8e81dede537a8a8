"""Asks a server for manifests and files by the contract of its URLs.

GET /v1/channels/{target}/manifest.json    the newest manifest; 304 when the tag still fits
GET /v1/files/{sha256}                     a file, named by its digest, or a range of it
GET /v1/channels                           what is on offer: asked only to give better advice
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge_runtime.bundle.manifest import MAX_MANIFEST_BYTES, File
from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.errors import SyncError, UpdateRefusedError
from edge_runtime.sync.download import check_status
from edge_runtime.sync.file import FileFetch, OnBytes
from edge_runtime.sync.session import Patience, Session
from edge_runtime.sync.slots import rename_durably
from edge_runtime.sync.transport import Transport

MAX_LIST_BYTES: Final = 64 << 10
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,200}"')
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Offered:
    """A manifest as the server sent it: judged by nobody yet. ``etag`` is None if the server's could not be kept."""

    raw: bytes
    etag: str | None


class _Offer(msgspec.Struct):
    target: str


class Source:
    """One server. ``clock`` gives seconds that only grow."""

    def __init__(
        self,
        transport: Transport,
        *,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = Session(transport, clock=clock, sleep=sleep)
        self._patience = patience or Patience()

    @property
    def requests(self) -> int:
        """Requests sent so far."""
        return self._session.requests

    @property
    def fetched_bytes(self) -> int:
        """Bytes of bodies received so far."""
        return self._session.fetched_bytes

    def manifest(self, target: str, etag: str | None) -> Offered | None:
        """Return the newest manifest of a target, or None if it is the one with the tag ``etag``.

        Raises:
            ServerUnreachableError: no whole answer in time.
            UpdateRefusedError: the server has none, or sends something that is too large to be one.
        """
        path = f"/v1/channels/{target}/manifest.json"
        end = self._session.end_after(self._patience.manifest_s)
        pauses_s = self._patience.manifest_pauses_s
        return self._session.patiently(lambda: self._manifest(path, target, etag, end), lambda: 0, pauses_s, end)

    def file(self, entry: File, folder: Path, on_bytes: OnBytes) -> Path:
        """Fetch a file into ``folder``, named by its digest, whole and checked; see :class:`FileFetch`.

        Args:
            entry: what the manifest says of the file.
            folder: where to; until it is whole its bytes are in ``{sha256}.part``.
            on_bytes: told how many bytes of the file are here.
        """
        part = folder / f"{entry.sha256}.part"
        end = self._session.end_after(self._patience.for_file(entry.bytes))
        FileFetch(self._session, entry, part, on_bytes, end).run(self._patience.pauses_s)
        return rename_durably(part, folder / entry.sha256)

    def _manifest(self, path: str, target: str, etag: str | None, end: float) -> Offered | None:
        with self._session.get(path, {"If-None-Match": etag} if etag else {}, end) as answer:
            if answer.status == 304 and etag:
                return None
            if answer.status != 404:
                check_status(answer.status, "the manifest", allowed=(200,))
                return Offered(self._session.body(answer, MAX_MANIFEST_BYTES), _kept_tag(answer.header("ETag")))
        raise UpdateRefusedError(f"the server has no bundle for {target!r}.{self._advice(end)}")

    def _advice(self, end: float) -> str:
        """Return what the server does offer; nothing if it does not say so properly."""
        try:
            with self._session.get("/v1/channels", {}, end) as answer:
                check_status(answer.status, "the list", allowed=(200,))
                offers = parse_json(self._session.body(answer, MAX_LIST_BYTES), list[_Offer])
        except (SyncError, JsonError):
            return " Check the address."
        names = [offer.target for offer in offers if _NAME.fullmatch(offer.target)]
        return f" It offers: {', '.join(names) or 'nothing yet'}. Choose one with --target."


def _kept_tag(etag: str | None) -> str | None:
    """Return a tag that is fit to be stored and sent back, or None."""
    return etag if etag is not None and _TAG.fullmatch(etag) else None
