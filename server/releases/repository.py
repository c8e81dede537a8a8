"""Index of a repository of signed releases, as `pocketrec release` writes it.

The server does not verify signatures, because devices need not trust it: it hands out the signed metadata byte for
byte, and every file under its digest. It reads the documents only to list what is on offer, and so that a page can
fetch the newest manifest of a target.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from edge_runtime.bundle import Manifest, parse_manifest
from edge_runtime.bundle.manifest import MAX_MANIFEST_BYTES
from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.bundle.release import COMPONENTS, ComponentDocument, ReleaseDocument, RolloutDocument
from edge_runtime.errors import BundleError
from server.blob import Blob
from server.errors import StorageError
from server.releases.open_files import OpenFiles, Sha256
from server.releases.service import Release, View

log = logging.getLogger(__name__)

METADATA, TARGETS, FILES = "metadata", "targets", "files"
TIMESTAMP: Final = "timestamp.json"
# The largest files of these kinds that devices read.
MAX_METADATA_BYTES: Final = 5_000_000
MAX_DOCUMENT_BYTES: Final = 1 << 20

# The folder of each role's documents.
_FOLDERS: Final = {"targets": "bundle"} | {role: role for role in (*COMPONENTS, "rollout")}

_Stamp = tuple[int, int, int, int]


class _Meta(Struct):
    version: int


class _Hashes(Struct):
    sha256: Sha256


class _Target(Struct):
    hashes: _Hashes


class _Signed(Struct):
    meta: dict[str, _Meta] = {}
    targets: dict[str, _Target] = {}


class _Metadata(Struct):
    """The parts of signed metadata that name other files."""

    signed: _Signed


def is_repository(root: Path) -> bool:
    """Return whether a folder is a repository of signed releases."""
    return (root / METADATA / TIMESTAMP).is_file()


class Contents(Protocol):
    """Where a repository is: a folder, or object storage."""

    @property
    def files(self) -> OpenFiles:
        """The files by digest."""
        ...

    def stamp(self) -> object:
        """Return a value that is another one when something has changed."""
        ...

    def read(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Return the metadata by file name, and the documents by path."""
        ...


class RepositoryStore:
    """Index of one repository.

    Args:
        root: its folder, or what is in it.
    """

    def __init__(self, root: Path | Contents) -> None:
        self._contents = _Folder(root) if isinstance(root, Path) else root
        self._files = self._contents.files
        self._stamp: object = None
        self._view = View(files=self._files)

    @property
    def view(self) -> View:
        """What is on offer since the last :meth:`refresh`."""
        return self._view

    def refresh(self) -> None:
        """Read the metadata again if the timestamp has changed, or if files have come or gone.

        The timestamp is written last, but a copy of a repository may arrive in any order.

        Raises:
            OSError: the folder cannot be read.
            StorageError: the object storage does not answer.
            JsonError: the metadata cannot be read.
        """
        try:
            self._refresh()
        except (OSError, JsonError, StorageError) as error:
            why = f"The repository cannot be read ({_cause(error)}); what was read last stays on offer."
            self._view = replace(self._view, problems={**self._view.problems, "repository": why})
            self._stamp = None
            raise

    def _refresh(self) -> None:
        stamp = self._contents.stamp()
        if stamp == self._stamp:
            return
        metadata, documents = self._contents.read()
        channels, problems = self._channels(metadata, documents)
        self._view = View(channels, self._files, problems, metadata, documents)
        self._stamp = stamp

    def close(self) -> None:
        """Release all files."""
        self._files.clear()
        self._stamp, self._view = None, View(files=self._files)

    def _channels(
        self, metadata: Mapping[str, bytes], documents: Mapping[str, bytes]
    ) -> tuple[dict[str, Release], dict[str, str]]:
        newest = _newest_documents(metadata, documents)
        channels, problems = {}, {}
        for path in newest:
            folder, _, name = path.partition("/")
            if folder != "bundle":
                continue
            target = name.removesuffix(".json")
            try:
                channels[target] = self._final(target, newest)
            except (BundleError, JsonError, OSError) as error:
                problems[target] = f"{target}: {error}"
                log.warning("not offered: %s: %s", target, error)
        return channels, problems

    def _final(self, target: str, newest: Mapping[str, bytes]) -> Release:
        """Return the newest bundle of a target: that of its release document, changed by those of the components."""
        document = parse_json(newest[f"bundle/{target}.json"], ReleaseDocument)
        digest = document.manifest.sha256
        for component in COMPONENTS:
            raw = newest.get(f"{component}/{target}.json")
            if raw is not None and (derived := parse_json(raw, ComponentDocument)).base == digest:
                document, digest = derived, derived.manifest.sha256
        raw = self._files.read(digest, MAX_MANIFEST_BYTES)
        manifest: Manifest = parse_manifest(raw)
        return Release(manifest, raw, f'"{digest}"', {}, document, _rollout(target, digest, newest))


class _Folder:
    """A repository in a folder; see :class:`Contents`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.files = _Files(root / FILES)

    def stamp(self) -> tuple[_Stamp, ...]:
        """Return what changes with the timestamp, and with the names in the folders."""
        root = self._root
        folders = [root / METADATA, root / TARGETS, *sorted((root / TARGETS).glob("*/")), root / FILES]
        return tuple(
            _stamp(path) for path in (root / METADATA / TIMESTAMP, *folders) if path.name == TIMESTAMP or path.is_dir()
        )

    def read(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """Return the metadata and the documents."""
        metadata = dict(_contents(self._root / METADATA, "*.json", MAX_METADATA_BYTES))
        return metadata, dict(_contents(self._root / TARGETS, "**/*.json", MAX_DOCUMENT_BYTES))


class _Files(OpenFiles):
    """Files of a folder; each is read whole when it is opened, to check its digest."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._damaged: dict[str, _Stamp] = {}

    def _opened(self, sha256: str) -> Blob | None:
        path = self._folder / sha256
        try:
            stamp = _stamp(path)
            if self._damaged.get(sha256) == stamp:
                return None
            blob = Blob.open(path)
        except OSError:
            return None
        if blob.sha256 != sha256:
            log.warning("not offered: files/%s is damaged", sha256)
            self._damaged[sha256] = stamp
            return None
        self._damaged.pop(sha256, None)
        return blob

    def __iter__(self) -> Iterator[str]:
        """Yield the digests of all files."""
        yield from (path.name for path in self._folder.iterdir())

    def read(self, sha256: str, max_bytes: int) -> bytes:
        """Return the content of a small file.

        Raises:
            BundleError: it is missing, too large or damaged.
        """
        try:
            with (self._folder / sha256).open("rb") as stream:
                data = stream.read(max_bytes + 1)
        except FileNotFoundError as error:
            raise BundleError(f"files/{sha256} is missing; publish the release again.") from error
        if len(data) > max_bytes or hashlib.sha256(data).hexdigest() != sha256:
            raise BundleError(f"files/{sha256} is damaged; publish the release again.")
        return data


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _cause(error: Exception) -> str:
    """Return the reason without the server's path, because it is sent to clients."""
    if isinstance(error, StorageError):
        return "the object storage does not answer as expected; the server's log says why"
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__


def _contents(folder: Path, pattern: str, max_bytes: int) -> Iterator[tuple[str, bytes]]:
    """Yield path, relative to the folder, and content of its files."""
    for path in sorted(folder.glob(pattern)):
        if path.is_file() and path.stat().st_size <= max_bytes:
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _newest_documents(metadata: Mapping[str, bytes], documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the documents that the newest metadata names, by path without digest."""
    snapshot = _named(metadata, "snapshot", parse_json(metadata[TIMESTAMP], _Metadata))
    newest: dict[str, bytes] = {}
    for role, folder in _FOLDERS.items():
        signed = None if snapshot is None else _named(metadata, role, snapshot)
        for path, target in signed.signed.targets.items() if signed is not None else ():
            name = path.removeprefix(f"{folder}/")
            document = documents.get(f"{folder}/{target.hashes.sha256}.{name}")
            if document is not None:
                newest[path] = document
    return newest


def _rollout(target: str, manifest: str, newest: Mapping[str, bytes]) -> RolloutDocument | None:
    """Return what holds the rollout of a final manifest back; the document of another manifest does not count."""
    raw = newest.get(f"rollout/{target}.json")
    rollout = None if raw is None else parse_json(raw, RolloutDocument)
    return rollout if rollout is not None and rollout.manifest == manifest else None


def _named(metadata: Mapping[str, bytes], role: str, by: _Metadata) -> _Metadata | None:
    """Return the metadata of a role in the version that other metadata name, None if it is not there."""
    found = by.signed.meta.get(f"{role}.json")
    raw = None if found is None else metadata.get(f"{found.version}.{role}.json")
    return None if raw is None else parse_json(raw, _Metadata)
