"""SHA-256 digests of texts, files and folders, as keys of cached features."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_runtime.bundle.folder import open_file
from train.items.blocks import Inputs

# The files of a model; others do not affect it.
MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


def text_digests(texts: Inputs[str]) -> Iterator[bytes]:
    """Yield the digest of each text."""
    for row in range(len(texts)):
        yield hashlib.sha256(texts[row].encode("utf-8", "surrogatepass")).digest()


def file_digests(paths: Iterable[Path]) -> Iterator[bytes]:
    """Yield the digest of each file's bytes; ``b""`` for a file that cannot be read."""
    for path in paths:
        try:
            yield file_digest(path)
        except OSError:  # the extractor will report it
            yield b""


def file_digest(path: Path) -> bytes:
    """Return the digest of a file, read in chunks."""
    with open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").digest()


def folder_digest(folder: Path) -> str:
    """Return 16 hex digits of a digest over the names and contents of a model's files."""
    total = hashlib.sha256()
    paths = {path for pattern in MODEL_FILES for path in folder.glob(pattern) if path.is_file()}
    for path in sorted(paths):
        total.update(path.name.encode("utf-8", "surrogatepass") + b"\0" + file_digest(path))
    return total.hexdigest()[:16]
