"""Index of the files of the built web demo. Requests look paths up in the index and never access the file system.

As with the releases, ``refresh`` replaces the index.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from server.blob import Blob

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
}
ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}  # best first
# Vite's hashed names end in eight characters of base64url. Eight lower-case letters may be a word, and do not match.
_HASHED: Final = re.compile(r"assets/(?:.*/)?[^/]*-(?=[^/]*[A-Z0-9])[A-Za-z0-9_-]{8}\.[a-z0-9.]+")

_NOT_BUILT: Final = Path(__file__).with_name("not_built.html")

Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class WebFile:
    """One file of the web demo.

    Attributes:
        media_type: media type, from the suffix.
        immutable: whether the name contains a digest of the content.
        variants: file by content encoding; ``identity`` is the uncompressed file.
    """

    media_type: str
    immutable: bool
    variants: Mapping[str, Blob]

    def choose(self, accept_encoding: str | None) -> tuple[str, Blob]:
        """Return the best encoding that the client accepts, and its file."""
        accepted = accepted_encodings(accept_encoding or "")
        name = next((name for name in ENCODINGS if name in self.variants and name in accepted), "identity")
        return name, self.variants[name]


@dataclass(slots=True)
class WebFiles:
    """Index of the files below ``root``; empty if there is no such folder."""

    root: Path | None
    _index: Mapping[str, WebFile] = field(default_factory=dict)
    _blobs: dict[str, tuple[Stamp, Blob]] = field(default_factory=dict)

    def find(self, path: str) -> WebFile | None:
        """Return the file at a URL path without its leading slash, or None.

        The empty path is ``index.html``, or a page that explains how to build the demo.
        """
        if path:
            return self._index.get(path)
        return self._index.get("index.html") or _index({"not_built.html": Blob.open(_NOT_BUILT)})["not_built.html"]

    def refresh(self) -> None:
        """Read the files that have changed.

        Raises:
            OSError: a file vanished or cannot be read; the index is unchanged.
        """
        if self.root is None:
            return
        blobs: dict[str, tuple[Stamp, Blob]] = {}
        for path, file in _walk(self.root):
            status = file.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            known = self._blobs.get(path)
            blobs[path] = known if known is not None and known[0] == stamp else (stamp, Blob.open(file))
        if blobs == self._blobs:
            return
        self._blobs = blobs
        self._index = _index({path: blob for path, (_, blob) in blobs.items()})

    def close(self) -> None:
        """Release all files."""
        self._blobs, self._index = {}, {}


def accepted_encodings(header: str) -> frozenset[str]:
    """Return the encodings that an Accept-Encoding header accepts; quality 0 excludes an encoding."""
    accepted = set()
    for part in header.lower().split(","):
        name, _, parameters = part.partition(";")
        if not re.fullmatch(r"\s*q\s*=\s*0(?:\.0{0,3})?\s*", parameters):
            accepted.add(name.strip())
    return frozenset(accepted)


def _walk(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield URL path and file path of every regular file, without symbolic links and hidden names."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder) / name
            if not name.startswith(".") and file.is_file() and not file.is_symlink():
                yield file.relative_to(root).as_posix(), file


def _index(blobs: Mapping[str, Blob]) -> dict[str, WebFile]:
    compressed = {path + suffix for path in blobs for suffix in ENCODINGS.values()}
    return {
        path: WebFile(
            media_type=_TYPES.get(Path(path).suffix, "application/octet-stream"),
            immutable=_HASHED.fullmatch(path) is not None,
            variants={"identity": blob}
            | {name: blobs[path + suffix] for name, suffix in ENCODINGS.items() if path + suffix in blobs},
        )
        for path, blob in blobs.items()
        if path not in compressed
    }
