"""Reads a bundle folder with digest checks, and writes one atomically.

The order of checks follows SPEC section 1: size before reading, digest before parsing.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import msgspec

from edge_runtime.bundle.arrays import Array, load_arrays
from edge_runtime.bundle.disk_arrays import DiskArray, read_disk_arrays
from edge_runtime.bundle.manifest import (
    CHUNK_BYTES,
    MANIFEST_NAME,
    MAX_MANIFEST_BYTES,
    File,
    Manifest,
    dump_manifest,
    parse_manifest,
)
from edge_runtime.errors import BundleError, BundleIntegrityError
from edge_runtime.files import replacing_folder
from edge_runtime.paths import AnyPath

_CHUNK = 1 << 18
"""Bytes that are hashed at a time: few enough for the processor's cache."""


@dataclass(frozen=True, slots=True)
class BundleFolder:
    """A bundle on disk with a checked manifest; its files are checked when they are read."""

    path: Path
    manifest: Manifest

    def read(self, entry: File) -> bytes:
        """Return the bytes of one file, after checking length and digest.

        Raises:
            BundleIntegrityError: the file is missing, or its length or digest differ.
        """
        path = self.path / entry.name
        with _opened(path, entry) as stream:
            data = stream.read(entry.bytes + 1)
        check_digest(path, data, entry)
        return data

    def arrays(self, role: str) -> dict[str, Array]:
        """Return the arrays of the file with this role."""
        entry = self.manifest.required_role(role)
        return load_arrays(self.read(entry), entry.name)

    def disk_arrays(self, role: str) -> dict[str, DiskArray]:
        """Return the arrays of the file with this role, which stay on disk; the digest is checked first, in chunks."""
        entry = self.manifest.required_role(role)
        path = self.path / entry.name
        with _opened(path, entry) as stream:
            _check_stream(path, stream, entry)
            descriptor = os.dup(stream.fileno())  # of the file that was checked, also if another replaces it
        return read_disk_arrays(descriptor, entry.bytes, entry.name)

    def checked_path(self, entry: File) -> Path:
        """Check a file in chunks and return its path, for a library that opens the file itself."""
        path = self.path / entry.name
        with _opened(path, entry) as stream:
            _check_stream(path, stream, entry)
        return path

    def check_all(self) -> None:
        """Check every file against its digest.

        Raises:
            BundleIntegrityError: for the first file that does not match.
        """
        for entry in self.manifest.files:
            self.checked_path(entry)


def open_folder(path: AnyPath) -> BundleFolder:
    """Read and check the manifest of the bundle in ``path``; no other file is opened.

    Raises:
        BundleError: there is no bundle, or its manifest is invalid.
    """
    folder = Path(path)
    return BundleFolder(folder, parse_manifest(read_manifest(folder)))


def read_manifest(path: Path) -> bytes:
    """Return the bytes of the manifest in ``path``, at most one more than ``MAX_MANIFEST_BYTES``.

    Raises:
        BundleError: there is no bundle.
    """
    try:
        with open_file(path / MANIFEST_NAME) as stream:
            return stream.read(MAX_MANIFEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"{path}: found no {MANIFEST_NAME}, expected a bundle folder. "
            "Create one with `pocketrec export` or fetch one with `pocketrec sync`."
        ) from error


def open_file(path: Path) -> BufferedReader:
    """Open a regular file for reading; anything else, such as a pipe, could block and counts as missing.

    Raises:
        FileNotFoundError: there is no regular file.
        OSError: the file cannot be opened.
    """
    if path.exists() and not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "not a regular file", str(path))
    return path.open("rb")


def read_file(path: Path) -> bytes:
    """Return the bytes of a regular file; see :func:`open_file`."""
    with open_file(path) as stream:
        return stream.read()


def describe(name: str, role: str, data: bytes) -> File:
    """Return the manifest entry of a file."""
    chunks = range(0, len(data), CHUNK_BYTES) if len(data) > CHUNK_BYTES else ()
    return File(
        name=name,
        role=role,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        chunk_sha256=tuple(hashlib.sha256(data[start : start + CHUNK_BYTES]).hexdigest() for start in chunks),
    )


def write_folder(
    path: AnyPath,
    manifest: Manifest,
    contents: Mapping[str, tuple[str, bytes]],
    *,
    check: Callable[[Path], None] = lambda _: None,
) -> Manifest:
    """Write a bundle folder; an existing one at ``path`` is replaced only after the new one is complete on disk.

    Args:
        path: the folder to write.
        manifest: the manifest; ``files`` is filled in.
        contents: file name to role and bytes.
        check: called with the complete new folder; if it raises, the new folder is removed and the old one stays.

    Returns:
        The manifest as written.
    """
    path = Path(path)
    files = tuple(describe(name, role, data) for name, (role, data) in contents.items())
    complete = parse_manifest(dump_manifest(msgspec.structs.replace(manifest, files=files)))
    with replacing_folder(path) as fresh:
        for name, (_, data) in contents.items():
            (fresh / name).write_bytes(data)
        (fresh / MANIFEST_NAME).write_bytes(dump_manifest(complete))
        check(fresh)
    return complete


def check_digest(path: Path, data: bytes, entry: File) -> None:
    """Compare bytes in memory with their manifest entry.

    Raises:
        BundleIntegrityError: the length or the digest differs.
    """
    if len(data) != entry.bytes:
        raise BundleIntegrityError(path, expected=f"{entry.bytes} bytes", found=f"{len(data)} bytes")
    _compare(path, hashlib.sha256(data).hexdigest(), entry)


@contextmanager
def _opened(path: Path, entry: File) -> Iterator[BinaryIO]:
    """Open a regular file after checking its length; a pipe is never opened, because that could block."""
    expected = f"{entry.bytes} bytes"
    try:
        if not path.is_file():
            raise BundleIntegrityError(path, expected=expected, found="not a file" if path.exists() else "no such file")
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != entry.bytes:
                raise BundleIntegrityError(path, expected=expected, found=f"{size} bytes")
            yield stream
    except FileNotFoundError as error:
        raise BundleIntegrityError(path, expected=expected, found="no such file") from error


def _check_stream(path: Path, stream: BinaryIO, entry: File) -> None:
    digest, chunk = hashlib.sha256(), memoryview(bytearray(min(_CHUNK, entry.bytes + 1)))
    while n_read := stream.readinto(chunk):  # type: ignore[attr-defined]  # a file has it
        digest.update(chunk[:n_read])
    _compare(path, digest.hexdigest(), entry)


def _compare(path: Path, found: str, entry: File) -> None:
    if found != entry.sha256:
        raise BundleIntegrityError(path, expected=f"sha256 {entry.sha256[:12]}…", found=f"sha256 {found[:12]}…")
