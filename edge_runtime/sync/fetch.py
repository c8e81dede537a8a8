"""Client for the URLs of a server (docs/serving.md).

GET /v1/channels/{target}/manifest.json    the newest manifest; 304 if the tag still matches
GET /v1/files/{sha256}                     a file, or a range of it, named by its digest
GET /v1/channels                           the available targets, requested only for an error message
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge_runtime.bundle.manifest import MAX_MANIFEST_BYTES, File
from edge_runtime.bundle.names import is_plain_name
from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.device_folder import slot_name
from edge_runtime.errors import SyncError, UpdateRefusedError
from edge_runtime.files import rename_durably
from edge_runtime.sync.download import check_status
from edge_runtime.sync.file import FileFetch, OnBytes
from edge_runtime.sync.session import RetryPolicy, Session
from edge_runtime.sync.transport import Transport

MAX_LIST_BYTES: Final = 64 << 10
# A file may be sent several times: a server without ranges starts over after each break.
MAX_TIMES: Final = 4
_TAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,200}"')


@dataclass(frozen=True, slots=True)
class OfferedManifest:
    """A manifest as received, not verified yet. ``etag`` is None if the server's tag cannot be stored."""

    raw: bytes
    etag: str | None

    def is_of(self, slot: str) -> bool:
        """Return whether it is the manifest of a slot."""
        return slot_name(self.raw) == slot


class _Offer(msgspec.Struct):
    target: str


class Source:
    """Manifests and files of one server. ``clock`` must be monotonic, in seconds."""

    def __init__(
        self,
        transport: Transport,
        *,
        retries: RetryPolicy | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._retries = retries or RetryPolicy()
        self._session = Session(
            transport,
            seconds=self._retries.session_s,
            n_bytes=self._retries.session_bytes,
            clock=clock,
            sleep=sleep,
        )

    @property
    def requests(self) -> int:
        """Number of requests sent so far."""
        return self._session.requests

    @property
    def fetched_bytes(self) -> int:
        """Bytes of response bodies received so far."""
        return self._session.fetched_bytes

    def manifest(self, target: str, etag: str | None) -> OfferedManifest | None:
        """Return the newest manifest of a target, or None if its tag is still ``etag``.

        Raises:
            ServerUnreachableError: no complete response in time.
            UpdateRefusedError: the server has no manifest for the target, or the response is too large.
        """
        path = f"/v1/channels/{target}/manifest.json"
        end = self._session.end_after(self._retries.manifest_s)
        pauses_s = self._retries.manifest_pauses_s
        return self._session.with_retries(lambda: self._manifest(path, target, etag, end), lambda: 0, pauses_s, end)

    def small(self, path: str, max_bytes: int, what: str) -> bytes | None:
        """Return a small file at a path below ``/v1/``, or None if the server does not have it.

        Args:
            path: the path.
            max_bytes: a longer response is refused.
            what: what it is, for messages.

        Raises:
            ServerUnreachableError: no complete response in time.
            UpdateRefusedError: the response is too large.
        """
        end = self._session.end_after(self._retries.manifest_s)

        def attempt() -> bytes | None:
            with self._session.get(f"/v1/{path}", {}, end) as response:
                if response.status in (403, 404):  # a folder of a static host may have no right to be listed
                    self._session.skip(response)
                    return None
                check_status(response.status, what, allowed=(200,))
                return self._session.body(response, max_bytes)

        return self._session.with_retries(attempt, lambda: 0, self._retries.manifest_pauses_s, end)

    def file(self, entry: File, folder: Path, on_bytes: OnBytes) -> Path:
        """Download a file into ``folder`` under its digest and verify it; see :class:`FileFetch` for the errors.

        Args:
            entry: manifest entry of the file.
            folder: destination; until the file is complete its bytes are in ``{sha256}.part``.
            on_bytes: called with the number of bytes of the file received.
        """
        part = folder / f"{entry.sha256}.part"
        self._session.allow(self._retries.file_s(entry.bytes), MAX_TIMES * entry.bytes)
        end = self._session.end_after(self._retries.file_s(entry.bytes))
        FileFetch(self._session, entry, part, on_bytes, end).run(self._retries.pauses_s)
        return rename_durably(part, folder / entry.sha256)

    def _manifest(self, path: str, target: str, etag: str | None, end: float) -> OfferedManifest | None:
        with self._session.get(path, {"If-None-Match": etag} if etag else {}, end) as response:
            if response.status == 304 and etag:
                return None
            if response.status != 404:
                check_status(response.status, "the manifest", allowed=(200,))
                return OfferedManifest(
                    self._session.body(response, MAX_MANIFEST_BYTES), _valid_tag(response.header("ETag"))
                )
        raise UpdateRefusedError(f"the server has no bundle for {target!r}.{self._advice(end)}")

    def _advice(self, end: float) -> str:
        """Return a sentence that lists the available targets, or generic advice if they cannot be listed."""
        try:
            with self._session.get("/v1/channels", {}, end) as response:
                check_status(response.status, "the list", allowed=(200,))
                offers = parse_json(self._session.body(response, MAX_LIST_BYTES), list[_Offer])
        except (SyncError, JsonError):
            return " Check the address."
        names = [offer.target for offer in offers if is_plain_name(offer.target)]
        return f" It offers: {', '.join(names) or 'nothing yet'}. Choose one with --target."


def _valid_tag(etag: str | None) -> str | None:
    """Return a tag if it is safe to store and to send back, else None."""
    return etag if etag is not None and _TAG.fullmatch(etag) else None
