"""SHA-256 of texts, files and folders: what decides whether features may be used again."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_runtime.bundle.folder import open_file
from train.items.blocks import Inputs

# What a model's folder is made of; other files change nothing.
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


def text_digests(texts: Inputs[str]) -> Iterator[bytes]:
    """Yield the digest of each text."""
    for row in range(len(texts)):
        yield hashlib.sha256(texts[row].encode("utf-8", "surrogatepass")).digest()


def file_digests(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the digest of each file's bytes; nothing, ``b""``, for one that cannot be read."""
    for path in paths:
        try:
            yield file_digest(path)
        except OSError:  # then no picture can be read from it either, and the extractor says so
            yield b""


def file_digest(path: Path) -> bytes:
    """Return the digest of a file's bytes, read in pieces."""
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def folder_digest(folder: Path) -> str:
    """Return 16 hex digits over names and bytes of a model's files."""
    total = hashlib.sha256()
    found = {path for pattern in MODEL_FILES for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(found):
        total.update(path.name.encode("utf-8", "surrogatepass") + b"\0" + file_digest(path))
    return total.hexdigest()[:16]
