"""A server in memory whose responses a test can replace; it is a transport, so no socket is needed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.bundle import open_folder
from edge_runtime.errors import ServerUnreachableError


@dataclass(slots=True)
class FakeResponse:
    """One response; ``body`` may be endless. The connection breaks after ``broken_after`` bytes."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterator[bytes] = field(default_factory=lambda: iter(()))
    broken_after: int | None = None
    _rest: bytes = b""
    _sent: int = 0

    def header(self, name: str) -> str | None:
        return {key.lower(): value for key, value in self.headers.items()}.get(name.lower())

    def read(self, n_bytes: int) -> bytes:
        if self.broken_after is not None:
            n_bytes = min(n_bytes, self.broken_after - self._sent)
            if n_bytes <= 0:
                raise ServerUnreachableError("the fake connection broke")
        if not self._rest:
            self._rest = next(self.body, b"")
        piece, self._rest = self._rest[:n_bytes], self._rest[n_bytes:]
        self._sent += len(piece)
        return piece


Handler = Callable[[str, Mapping[str, str]], FakeResponse | None]


@dataclass(slots=True)
class FakeServer:
    """Serves bundle folders under the URLs of docs/serving.md.

    Attributes:
        folders: target to bundle folder.
        received: path and headers of every request.
        override: called first; its response, if not None, replaces the regular one.
        break_after: break each of the next file responses after this many bytes of body.
    """

    folders: dict[str, Path]
    received: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    override: Handler = lambda path, headers: None
    break_after: list[int] = field(default_factory=list)

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> Iterator[FakeResponse]:
        if within_s <= 0:
            raise ServerUnreachableError("no time left")
        self.received.append((path, dict(headers)))
        response = self.override(path, headers) or self._regular(path, headers)
        if self.break_after and path.startswith("/v1/files/"):
            response.broken_after = self.break_after.pop(0)
        yield response

    def file_requests(self) -> list[tuple[str, Mapping[str, str]]]:
        """Return the requests for files."""
        return [(path, headers) for path, headers in self.received if path.startswith("/v1/files/")]

    def _regular(self, path: str, headers: Mapping[str, str]) -> FakeResponse:
        for target, folder in self.folders.items():
            if path == f"/v1/channels/{target}/manifest.json":
                return _conditional((folder / "manifest.json").read_bytes(), headers)
            for entry in open_folder(folder).manifest.files:
                if path == f"/v1/files/{entry.sha256}":
                    return _ranged((folder / entry.name).read_bytes(), entry.sha256, headers)
        if path == "/v1/channels":
            return whole(b"[" + b",".join(b'{"target":"%s"}' % name.encode() for name in self.folders) + b"]")
        return FakeResponse(404)


def whole(body: bytes, **headers: str) -> FakeResponse:
    """Return a 200 response with a body."""
    return FakeResponse(200, {"Content-Length": str(len(body)), **headers}, iter([body]))


def _conditional(body: bytes, headers: Mapping[str, str]) -> FakeResponse:
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    return FakeResponse(304, {"ETag": etag}) if headers.get("If-None-Match") == etag else whole(body, ETag=etag)


def _ranged(body: bytes, sha256: str, headers: Mapping[str, str]) -> FakeResponse:
    byte_range = headers.get("Range")
    if byte_range is None or headers.get("If-Range") != f'"{sha256}"':
        return whole(body)
    start = int(byte_range.removeprefix("bytes=").removesuffix("-"))
    fields = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", "Content-Length": str(len(body) - start)}
    return FakeResponse(206, fields, iter([body[start:]]))
