"""Write and replace files and folders durably and atomically."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name ``path`` in an error of the system that names no file, as those of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_durably(path: Path, data: bytes, mode: Literal["wb", "xb"] = "wb", permissions: int = 0o666) -> None:
    """Write a file, and flush it to the disk; with the mode ``xb`` only if there is none.

    If that fails, as on a full disk, no part of the file remains.
    """
    with open(path, mode, opener=partial(os.open, mode=permissions)) as stream:
        try:
            with naming(path):
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def write_atomically(path: Path, data: bytes) -> None:
    """Create or replace a file durably: readers see the old content or the new one, never a part.

    What is at the path beside it, where the new content is written first, is removed: a link there would lead the
    write into another file, and a pipe would block it.
    """
    fresh = _beside(path)
    fresh.unlink(missing_ok=True)
    write_durably(fresh, data)
    rename_durably(fresh, path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside ``path`` to write a file to, which replaces ``path`` durably if the block succeeds."""
    fresh = _beside(path)
    try:
        with naming(path):
            yield fresh
            flush_file(fresh)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    rename_durably(fresh, path)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new, empty folder beside ``path``, which replaces it durably if the block succeeds.

    Folders cannot be exchanged in one step: between two renames the old one is at ``path.old`` and nothing at ``path``.
    :func:`recover_folder` restores it if the process was killed there.
    """
    recover_folder(path)
    fresh, old = _beside(path), _old(path)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        with naming(path):
            yield fresh
            for entry in sorted(fresh.rglob("*")):
                if entry.is_file():
                    flush_file(entry)
                else:
                    sync_folder(entry)
            sync_folder(fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    rename_durably(fresh, path)
    shutil.rmtree(old, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Restore the old folder at ``path`` if :func:`replacing_folder` was killed between its two renames."""
    if not path.exists() and _old(path).exists():
        _old(path).rename(path)


def make_folder_durably(path: Path) -> None:
    """Create a folder, and those above it, unless they exist; their names are on the disk afterwards."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_folder(folder.parent)


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


def flush_file(path: Path) -> None:
    """Flush what another function or library wrote into a file to the disk."""
    with path.open("rb+") as stream:  # Windows flushes only what is open for writing
        os.fsync(stream.fileno())


def _old(path: Path) -> Path:
    return path.with_name(path.name + ".old")


def _beside(path: Path) -> Path:
    """Return where the new content of a path is written first.

    Raises:
        FileExistsError: there is a pipe or a device. Renaming would replace it, as root also ``/dev/null``.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise FileExistsError(
            errno.EEXIST, "found a pipe or a device, expected a file, or nothing. Choose another path", str(path)
        )
    return path.with_name(path.name + ".new")
