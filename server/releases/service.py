"""Index of the releases in one folder and of their files.

The module depends on the bundle format only, not on HTTP, models or engines. ``refresh`` does all disk access and
replaces an immutable view; requests only look up entries in it, so a check for an update reads no disk.
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, Protocol, runtime_checkable

from edge_runtime.bundle import Manifest, parse_manifest
from edge_runtime.bundle.folder import read_manifest
from edge_runtime.bundle.manifest import MANIFEST_NAME
from edge_runtime.bundle.names import is_plain_name
from edge_runtime.bundle.release import ReleaseDocument, RolloutDocument
from edge_runtime.errors import BundleError, BundleIntegrityError
from server.blob import Blob, Body

log = logging.getLogger(__name__)

# Suffixes of folders that the exporter is writing or replacing.
UNFINISHED: Final = (".new", ".old")

Stamp = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Release:
    """One verified bundle.

    Attributes:
        manifest: the parsed manifest.
        raw: the bytes of ``manifest.json``, which are served unchanged.
        etag: entity tag of ``raw``.
        blobs: the files by digest.
        document: the signed document that gives the manifest; None if the release is not signed.
        rollout: what holds the rollout of this manifest back, if anything does.
    """

    manifest: Manifest
    raw: bytes
    etag: str
    blobs: Mapping[str, Body]
    document: ReleaseDocument | None = None
    rollout: RolloutDocument | None = None

    @property
    def sha256(self) -> str:
        """Digest of the manifest."""
        return self.etag.strip('"')

    def is_intact(self) -> bool:
        """Return whether all files are unchanged since they were verified."""
        return all(blob.is_intact() for blob in self.blobs.values())


@runtime_checkable
class Opening(Protocol):
    """Files that are opened, and read whole, when they are asked for."""

    def held(self, sha256: str) -> Body | None:
        """Return a file that is open already."""
        ...

    def opening(self, sha256: str) -> Future[Body | None]:
        """Open a file in a thread; None if there is none, or if it is damaged."""
        ...


@dataclass(frozen=True, slots=True)
class View:
    """Index at one moment.

    Attributes:
        channels: the newest release of each target.
        files: files by digest.
        problems: why a folder or a target is not offered.
        metadata: signed metadata by file name; empty if the releases are not signed.
        documents: signed documents by path, with their digest in the name.
    """

    channels: Mapping[str, Release] = field(default_factory=dict)
    files: Mapping[str, Body] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, bytes] = field(default_factory=dict)
    documents: Mapping[str, bytes] = field(default_factory=dict)

    async def file(self, sha256: str) -> Body | None:
        """Return a file, or None; the event loop goes on while it is opened."""
        if not isinstance(self.files, Opening):
            return self.files.get(sha256)
        held = self.files.held(sha256)
        # Shielded, because others may wait for the same file.
        return held or await asyncio.shield(asyncio.wrap_future(self.files.opening(sha256)))


@runtime_checkable  # the framework checks what it injects
class Releases(Protocol):
    """What is on offer in a folder of bundles, or in a repository of signed releases."""

    @property
    def view(self) -> View:
        """The index since the last :meth:`refresh`."""
        ...

    def refresh(self) -> None:
        """Read again what has changed.

        Raises:
            OSError: the folder cannot be read.
        """
        ...

    def close(self) -> None:
        """Release all files."""
        ...


@dataclass(frozen=True, slots=True)
class _Channel:
    """State of one folder at the last refresh.

    Attributes:
        stamp: file metadata; None if the folder could not be read, so that the next refresh reads it again.
        current: the offered release.
        previous: the replaced release, whose files stay available.
        problem: why the current content of the folder is not offered.
    """

    stamp: Stamp | None
    current: Release | None
    previous: Release | None = None
    problem: str | None = None


class ReleaseStore:
    """Index of the bundle folders ``root/<target>``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[str, _Channel] = {}
        self._view = View()

    @property
    def view(self) -> View:
        """The releases on offer since the last :meth:`refresh`."""
        return self._view

    def refresh(self) -> None:
        """Read and verify the folders that have changed.

        A damaged bundle is not offered; the previous release of its folder stays on offer as long as its files are
        intact.

        Raises:
            OSError: the root folder cannot be read.
        """
        seen = {name: self._inspect(name) for name in _targets(self._root)}
        for name, channel in self._seen.items():
            if name not in seen and _is_being_replaced(self._root / name):
                seen[name] = channel
        self._seen = seen
        self._view = _view_of(seen)

    def close(self) -> None:
        """Release all files."""
        self._seen = {}
        self._view = View()

    def _inspect(self, name: str) -> _Channel:
        folder, before = self._root / name, self._seen.get(name)
        # Taken before the files are read, so that the next refresh sees changes in the meantime.
        stamp = _stamp(folder)
        if before is not None and before.stamp == stamp:
            return before
        try:
            release = read_release(folder)
        except BundleError as error:
            return _refused(stamp, before, str(error))
        except Exception as error:  # noqa: BLE001 - an error in one folder must not affect the others
            return _refused(None, before, f"{name}: {_short(error)}")
        if before is not None and before.current is not None and before.current.etag == release.etag:
            return _Channel(stamp, release, before.previous)
        log.info("%s: release %d of %r is on offer", name, release.manifest.release, release.manifest.name)
        return _Channel(stamp, release, previous=before.current if before else None)


def read_release(folder: Path) -> Release:
    """Open a bundle and verify all of it.

    Raises:
        BundleError: it violates the format, a file does not match, or the folder is not named after the target.
        OSError: a file cannot be read.
    """
    raw = read_manifest(folder)
    manifest = parse_manifest(raw)
    if manifest.target != folder.name:
        raise BundleError(
            f"{folder.name}/{MANIFEST_NAME}: found a bundle for {manifest.target!r}, expected one for "
            f"{folder.name!r}: the folder of a bundle must have the name of its target. Rename the folder."
        )
    blobs: dict[str, Body] = {}
    for entry in manifest.files:
        shown = PurePath(folder.name) / entry.name  # without the server's path, because the message is sent to clients
        try:
            blob = Blob.open(folder / entry.name)
        except FileNotFoundError as error:
            raise BundleIntegrityError(shown, expected=f"{entry.bytes} bytes", found="no such file") from error
        if (blob.size, blob.sha256) != (entry.bytes, entry.sha256):
            raise BundleIntegrityError(
                shown,
                expected=f"{entry.bytes} bytes with sha256 {entry.sha256[:12]}…",
                found=f"{blob.size} bytes with {blob.sha256[:12]}…",
            )
        blobs[entry.sha256] = blob
    return Release(manifest, raw, f'"{hashlib.sha256(raw).hexdigest()}"', blobs)


def _targets(root: Path) -> Iterator[str]:
    with os.scandir(root) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    for name in names:
        if is_plain_name(name) and not name.endswith(UNFINISHED) and (root / name / MANIFEST_NAME).exists():
            yield name


def _is_being_replaced(folder: Path) -> bool:
    """Return whether the exporter has moved the folder away and not yet moved the new one there."""
    return any(folder.with_name(folder.name + suffix).exists() for suffix in UNFINISHED)


def _refused(stamp: Stamp | None, before: _Channel | None, reason: str) -> _Channel:
    kept = before.current if before and before.current and before.current.is_intact() else None
    if before is None or before.problem != reason:
        log.warning("not offered: %s%s", reason, " The previous release stays on offer." if kept else "")
    return _Channel(stamp, kept, before.previous if before else None, reason)


def _stamp(folder: Path) -> Stamp:
    """Return names, inodes, sizes and times of the folder's files, to detect changes; empty if it does not exist.

    The times include ctime, which changes with permissions, and with copies that preserve mtime.
    """
    try:
        with os.scandir(folder) as entries:
            files = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return ()
    return tuple(sorted((name, s.st_ino, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in files))


def _view_of(seen: Mapping[str, _Channel]) -> View:
    files: dict[str, Body] = {}
    for channel in seen.values():
        for release in (channel.previous, channel.current):
            files |= release.blobs if release else {}
    return View(
        channels={name: channel.current for name, channel in seen.items() if channel.current},
        files=files,
        problems={name: channel.problem for name, channel in seen.items() if channel.problem},
    )


def _short(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
