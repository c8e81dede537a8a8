"""Write and replace files durably and atomically."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Write a file, and flush it to the disk."""
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def write_atomically(path: Path, data: bytes) -> None:
    """Create or replace a file durably: readers see the old content or the new one, never a part."""
    fresh = _beside(path)
    write_durably(fresh, data)
    rename_durably(fresh, path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write a file to, which replaces ``path`` durably if the block succeeds."""
    fresh = _beside(path)
    yield fresh
    with fresh.open("rb") as stream:
        os.fsync(stream.fileno())
    rename_durably(fresh, path)


def rename_durably(source: Path, target: Path) -> Path:
    """Rename a file or folder, flush the target's folder to the disk, and return ``target``."""
    source.replace(target)
    sync_folder(target.parent)
    return target


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk."""
    if os.name == "nt":  # Windows has no such call, and writes names at once
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".new")
