"""The releases in one folder: which are offered, and which files belong to them.

Knows the bundle format and nothing of HTTP, models or engines. ``refresh`` does all the disk work and replaces one
immutable view; requests only look things up in it, so a check for an update touches no disk.
"""

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from edge_runtime.bundle import Manifest, parse_manifest
from edge_runtime.bundle.folder import read_manifest
from edge_runtime.bundle.manifest import MANIFEST_NAME
from edge_runtime.errors import BundleError, BundleIntegrityError
from server.blob import Blob

log = logging.getLogger(__name__)

# What the exporter calls a folder that is being written or replaced.
UNFINISHED: Final = (".new", ".old")
_TARGET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Stamp = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Release:
    """One bundle, every byte of it checked.

    Attributes:
        manifest: what it holds.
        raw: the bytes of ``manifest.json``, passed on and never re-encoded.
        etag: of ``raw``.
        blobs: its files, by digest.
    """

    manifest: Manifest
    raw: bytes
    etag: str
    blobs: Mapping[str, Blob]

    def is_intact(self) -> bool:
        """Say whether all files are still as they were when they were checked."""
        return all(blob.is_intact() for blob in self.blobs.values())


@dataclass(frozen=True, slots=True)
class View:
    """What is offered at one moment. Targets to releases, digests to files, folders that are refused to the reason."""

    channels: Mapping[str, Release] = field(default_factory=dict)
    files: Mapping[str, Blob] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Channel:
    """One folder as last seen.

    Attributes:
        stamp: what it looked like; None where it could not be read, so that the next look tries again.
        current: the release on offer.
        previous: keeps the files of the replaced release within reach.
        problem: why what is in the folder now is not on offer.
    """

    stamp: Stamp | None
    current: Release | None
    previous: Release | None = None
    problem: str | None = None


class ReleaseStore:
    """The bundle folders ``root/<target>``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: dict[str, _Channel] = {}
        self._view = View()

    @property
    def view(self) -> View:
        """What the last :meth:`refresh` found."""
        return self._view

    def refresh(self) -> None:
        """Look at the folder again; check what changed, keep what did not.

        A folder that is damaged is not offered; the release that stood there before stays on offer while its files
        are intact, because devices are better served by the last good release than by none.

        Raises:
            OSError: the root folder cannot be read.
        """
        seen = {name: self._look(name) for name in _targets(self._root)}
        for name, channel in self._seen.items():
            if name not in seen and _is_being_replaced(self._root / name):
                seen[name] = channel
        self._seen = seen
        self._view = _view_of(seen)

    def close(self) -> None:
        """Let go of every file."""
        self._seen = {}
        self._view = View()

    def _look(self, name: str) -> _Channel:
        folder, before = self._root / name, self._seen.get(name)
        # Taken before the files are read: what changes meanwhile is then seen as a change the next time.
        stamp = _stamp(folder)
        if before is not None and before.stamp == stamp:
            return before
        try:
            release = read_release(folder)
        except BundleError as error:
            return _refused(stamp, before, str(error))
        except Exception as error:  # noqa: BLE001 - one folder must not take the others from the devices
            return _refused(None, before, f"{name}: {_short(error)}")
        if before is not None and before.current is not None and before.current.etag == release.etag:
            return _Channel(stamp, release, before.previous)
        log.info("%s: release %d of %r is on offer", name, release.manifest.release, release.manifest.name)
        return _Channel(stamp, release, previous=before.current if before else None)


def read_release(folder: Path) -> Release:
    """Open a bundle and check all of it.

    Raises:
        BundleError: it breaks the format, a file does not match, or it stands in another target's folder.
        OSError: a file cannot be read.
    """
    raw = read_manifest(folder)
    manifest = parse_manifest(raw)
    if manifest.target != folder.name:
        raise BundleError(
            f"{folder.name}/{MANIFEST_NAME}: found a bundle for {manifest.target!r}, expected one for "
            f"{folder.name!r}: a bundle lies in the folder that its target names. Rename the folder."
        )
    blobs = {}
    for entry in manifest.files:
        shown = PurePath(folder.name) / entry.name  # never the server's own path: this text reaches the network
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
        if _TARGET.fullmatch(name) and not name.endswith(UNFINISHED) and (root / name / MANIFEST_NAME).exists():
            yield name


def _is_being_replaced(folder: Path) -> bool:
    """Say whether the exporter has moved the folder away and not yet put the next one there."""
    return any(folder.with_name(folder.name + suffix).exists() for suffix in UNFINISHED)


def _refused(stamp: Stamp | None, before: _Channel | None, reason: str) -> _Channel:
    kept = before.current if before and before.current and before.current.is_intact() else None
    if before is None or before.problem != reason:
        log.warning("not offered: %s%s", reason, " The release before it stays on offer." if kept else "")
    return _Channel(stamp, kept, before.previous if before else None, reason)


def _stamp(folder: Path) -> Stamp:
    """Return what changes when any file of the folder does: names, inodes, sizes and times; empty if it is gone.

    The time of the last change of the inode is among them: rights change it, and copies that keep the other time.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return ()
    stamps = ((name, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for name, one in found)
    return tuple(sorted(stamps))


def _view_of(seen: Mapping[str, _Channel]) -> View:
    files: dict[str, Blob] = {}
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
