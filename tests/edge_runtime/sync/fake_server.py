"""A server in memory, as honest as the test wants it: a transport, so no socket is needed."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge_runtime.bundle import open_folder
from edge_runtime.errors import ServerUnreachableError


@dataclass(slots=True)
class FakeAnswer:
    """One answer; ``body`` may be endless. ``broken_after`` bytes the connection breaks."""

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


Handler = Callable[[str, Mapping[str, str]], FakeAnswer | None]


@dataclass(slots=True)
class FakeServer:
    """Serves bundle folders by the contract of the URLs.

    Attributes:
        folders: target to bundle folder.
        asked: path and headers of every request.
        instead: asked first; its answer, if any, is given in place of the honest one.
        break_after: break each of the next connections after so many bytes of body.
    """

    folders: dict[str, Path]
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    instead: Handler = lambda path, headers: None
    break_after: list[int] = field(default_factory=list)

    @contextmanager
    def get(self, path: str, headers: Mapping[str, str], *, within_s: float) -> Iterator[FakeAnswer]:
        if within_s <= 0:
            raise ServerUnreachableError("no time left")
        self.asked.append((path, dict(headers)))
        answer = self.instead(path, headers) or self._honest(path, headers)
        if self.break_after and path.startswith("/v1/files/"):
            answer.broken_after = self.break_after.pop(0)
        yield answer

    def file_requests(self) -> list[tuple[str, Mapping[str, str]]]:
        """Return the requests for files."""
        return [(path, headers) for path, headers in self.asked if path.startswith("/v1/files/")]

    def _honest(self, path: str, headers: Mapping[str, str]) -> FakeAnswer:
        for target, folder in self.folders.items():
            if path == f"/v1/channels/{target}/manifest.json":
                return _conditional((folder / "manifest.json").read_bytes(), headers)
            for entry in open_folder(folder).manifest.files:
                if path == f"/v1/files/{entry.sha256}":
                    return _ranged((folder / entry.name).read_bytes(), entry.sha256, headers)
        if path == "/v1/channels":
            return whole(b"[" + b",".join(b'{"target":"%s"}' % name.encode() for name in self.folders) + b"]")
        return FakeAnswer(404)


def whole(body: bytes, **headers: str) -> FakeAnswer:
    """Return a plain answer with a body."""
    return FakeAnswer(200, {"Content-Length": str(len(body)), **headers}, iter([body]))


def _conditional(body: bytes, headers: Mapping[str, str]) -> FakeAnswer:
    etag = f'"{hashlib.sha256(body).hexdigest()}"'
    return FakeAnswer(304, {"ETag": etag}) if headers.get("If-None-Match") == etag else whole(body, ETag=etag)


def _ranged(body: bytes, sha256: str, headers: Mapping[str, str]) -> FakeAnswer:
    asked = headers.get("Range")
    if asked is None or headers.get("If-Range") != f'"{sha256}"':
        return whole(body)
    start = int(asked.removeprefix("bytes=").removesuffix("-"))
    told = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}", "Content-Length": str(len(body) - start)}
    return FakeAnswer(206, told, iter([body[start:]]))
