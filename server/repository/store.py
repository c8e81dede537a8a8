"""The files of a repository, named by their digests: documents in ``targets/``, everything else in ``files/``."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace
from tuf.api.metadata import TargetFile

from edge_runtime.bundle import BundleFolder, Manifest, parse_manifest
from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.disk_arrays import DiskArray
from edge_runtime.bundle.manifest import File
from edge_runtime.files import make_folder_durably, replacing, write_atomically
from server.errors import RepositoryError
from server.repository.remote import FILES, TARGETS, Remote

__all__ = ["FILES", "TARGETS", "FilesOfBundle", "Store", "digest_of"]


@dataclass(frozen=True, slots=True)
class Store:
    """The content-addressed files of the repository at ``path``; of a working copy, those of ``remote`` as well."""

    path: Path
    remote: Remote | None = None

    def file(self, sha256: str) -> Path:
        """Return the path of a file."""
        return self.path / FILES / sha256

    def is_there(self, sha256: str, size: int | None = None) -> bool:
        """Return whether there is a file, by its size."""
        path = self.file(sha256)
        if path.is_file():
            return size in (None, path.stat().st_size)
        return self.remote is not None and self.remote.has(f"{FILES}/{sha256}", size)

    def local(self, sha256: str) -> Path:
        """Return the path of a file, after fetching it into a working copy.

        Raises:
            RepositoryError: it is damaged.
        """
        path, name = self.file(sha256), f"{FILES}/{sha256}"
        if self.remote is not None and not path.is_file() and self.remote.has(name):
            self.remote.fetch(name, path, sha256)
        return path

    def write(self, data: bytes) -> str:
        """Write bytes, unless they are there, and return their sha256."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.file(sha256)
        if not _is_there(path, sha256):
            make_folder_durably(path.parent)
            write_atomically(path, data)
        return sha256

    def copy(self, source: Path, sha256: str) -> None:
        """Copy a file whose sha256 is known, unless it is there.

        Raises:
            RepositoryError: the file has changed since.
        """
        path = self.file(sha256)
        if self.remote is not None:
            self._link(source, path, self.remote)
            return
        if _is_there(path, sha256):
            return
        make_folder_durably(path.parent)
        with replacing(path) as fresh:
            shutil.copyfile(source, fresh)
            if digest_of(fresh) != sha256:
                raise RepositoryError(f"{source}: the file changed while it was published. Publish again.")

    def read(self, sha256: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            RepositoryError: it is missing or damaged.
        """
        try:
            data = self.local(sha256).read_bytes()
        except FileNotFoundError as error:
            raise RepositoryError(f"{self.file(sha256)}: found no such file, expected one of a release.") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise RepositoryError(f"{self.file(sha256)}: the file is damaged; restore it from a copy.")
        return data

    def manifest(self, sha256: str) -> Manifest:
        """Return a manifest."""
        return parse_manifest(self.read(sha256))

    def bundle(self, manifest: Manifest) -> BundleFolder:
        """Return a released bundle as a folder whose files are named by their digests."""
        files = tuple(replace(entry, name=entry.sha256) for entry in manifest.files)
        named = replace(manifest, files=files)
        return (
            BundleFolder(self.path / FILES, named)
            if self.remote is None
            else _FetchedFolder(self.path / FILES, named, self)
        )

    def has(self, manifest: Manifest) -> bool:
        """Return whether all files of a release are there, by their sizes."""
        return all(self.is_there(entry.sha256, entry.bytes) for entry in manifest.files)

    def write_document(self, file: TargetFile, data: bytes) -> None:
        """Write a signed document under the name by which clients fetch it."""
        path = self._document(file)
        make_folder_durably(path.parent)
        write_atomically(path, data)

    def read_document(self, file: TargetFile) -> bytes:
        """Return the bytes of a signed document.

        Raises:
            RepositoryError: it is missing or damaged.
        """
        path = self._document(file)
        if not path.is_file() or not _is_there(path, file.hashes["sha256"]):
            raise RepositoryError(f"{path}: found no such document, or a damaged one; restore it from a copy.")
        return path.read_bytes()

    def _document(self, file: TargetFile) -> Path:
        return self.path / TARGETS / file.get_prefixed_paths()[0]

    def _link(self, source: Path, path: Path, remote: Remote) -> None:
        """Note a file for the storage, which checks it while it is written; nothing is copied to this disk."""
        name = f"{FILES}/{path.name}"
        if source.is_file():
            if not path.exists():
                path.symlink_to(source.resolve())
            if not remote.has(name, source.stat().st_size):
                return
        remote.relied_on.add(name)


@dataclass(frozen=True, slots=True)
class _FetchedFolder(BundleFolder):
    """A released bundle of a working copy; each file is fetched when it is asked for."""

    store: Store

    def read(self, entry: File) -> bytes:
        """Return the bytes of one file; see :class:`BundleFolder`."""
        self.store.local(entry.sha256)
        return BundleFolder.read(self, entry)

    def arrays(self, role: str) -> dict[str, Array]:
        """Return the arrays of a file; see :class:`BundleFolder`."""
        self.store.local(self.manifest.required_role(role).sha256)
        return BundleFolder.arrays(self, role)

    def disk_arrays(self, role: str) -> dict[str, DiskArray]:
        """Return arrays that stay on disk; see :class:`BundleFolder`."""
        self.store.local(self.manifest.required_role(role).sha256)
        return BundleFolder.disk_arrays(self, role)

    def checked_path(self, entry: File) -> Path:
        """Check a file; see :class:`BundleFolder`."""
        self.store.local(entry.sha256)
        return BundleFolder.checked_path(self, entry)


class FilesOfBundle(Mapping[str, bytes]):
    """The files of a bundle by name, read and checked when they are asked for.

    Args:
        manifest: its manifest.
        folder: its folder, whose manifest has the same entries in the same order, perhaps under other names.
    """

    def __init__(self, manifest: Manifest, folder: BundleFolder) -> None:
        entries = zip(manifest.files, folder.manifest.files, strict=True)
        self._entries: dict[str, File] = {entry.name: stored for entry, stored in entries}
        self._folder = folder

    def __getitem__(self, name: str) -> bytes:
        return self._folder.read(self._entries[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def digest_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_there(path: Path, sha256: str) -> bool:
    return path.is_file() and digest_of(path) == sha256
