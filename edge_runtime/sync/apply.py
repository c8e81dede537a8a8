"""Install the newest release of a server; the bundle in use changes atomically in the last step.

Order: lock, fetch the manifest, verify it, find files that are present already, check the free space, download,
assemble the slot, verify every digest, self-test, switch, clean up. If the process or the machine stops at any point,
at most the bytes in flight are lost: the next sync resumes.
"""

import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.bundle.manifest import MANIFEST_NAME, File
from edge_runtime.device_folder import Pointer
from edge_runtime.errors import SyncError
from edge_runtime.files import write_durably
from edge_runtime.lock import locked
from edge_runtime.paths import AnyPath
from edge_runtime.sync.fetch import OfferedManifest, Source
from edge_runtime.sync.file import OnBytes
from edge_runtime.sync.layout import require_file, require_folder
from edge_runtime.sync.slots import Slots, link_or_copy, slot_name
from edge_runtime.sync.trust import Installed, check_succession, trusted_manifest

# Disk space to leave free for manifests, folders and the state file.
SPARE_BYTES: Final = 4 << 20

_DISK_FULL_ERRNOS: Final = (errno.ENOSPC, errno.EDQUOT)

SelfTest = Callable[[Path], None]
Progress = Callable[[int, int], None]
"""Called with the bytes received and the total bytes of the files to download."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """Result of a sync.

    Attributes:
        status: ``installed``, ``repaired`` (damaged files of the installed release were replaced) or ``up to date``.
        target: requested target.
        name: name of the bundle in use.
        release: release in use now.
        previous_release: release that it replaced, if any.
        bundle: folder of the bundle in use.
        requests: number of requests sent.
        fetched_bytes: bytes of response bodies received.
        reused_bytes: bytes of files that were on the device already.
    """

    status: Literal["installed", "repaired", "up to date"]
    target: str
    name: str
    release: int
    previous_release: int | None = None
    bundle: Path
    requests: int
    fetched_bytes: int
    reused_bytes: int = 0


def apply(
    into: AnyPath,
    *,
    source: Source,
    target: str,
    self_test: SelfTest,
    allow_older: bool = False,
    progress: Progress | None = None,
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> SyncReport:
    """Update the device folder ``into`` to the newest release that the server offers.

    Args:
        into: the device's folder, created if missing.
        source: the server.
        target: target of the requested bundle.
        self_test: called with the verified bundle before it is used; raises if no engine passes.
        allow_older: accept a release that is not newer than the installed one.
        progress: called as bytes arrive.
        free_bytes: returns the free disk space at a path.

    Raises:
        ServerUnreachableError: the server does not respond, or the response is incomplete.
        UpdateRefusedError: the offered release must not be used.
        BusyError: another sync is running.
        SyncError: there is too little disk space, before or during the download, or something in the folder is in the
            way.
        BundleVersionError: the release needs a newer runtime.
        EngineError: no engine passes the self-test on the new release.
        OSError: the disk cannot be written.
    """
    into = Path(into)
    require_folder(into)
    into.mkdir(parents=True, exist_ok=True)
    require_file(into / "lock")
    with locked(into / "lock", "sync"):
        slots = Slots(into)
        slots.prepare()
        work = _Work(slots, source, target, self_test, progress or (lambda have, total: None), free_bytes)
        try:
            return work.run(allow_older=allow_older)
        except OSError as error:
            if error.errno not in _DISK_FULL_ERRNOS:
                raise
            raise SyncError(
                f"{into}: {error.strerror}. The bundle in use is complete, and downloaded data is kept. Free some "
                "space and sync again."
            ) from error


@dataclass(frozen=True, slots=True)
class _Work:
    """One sync and its inputs."""

    slots: Slots
    source: Source
    target: str
    self_test: SelfTest
    progress: Progress
    free_bytes: Callable[[Path], int]

    def run(self, *, allow_older: bool) -> SyncReport:
        installed = self.slots.pointer()
        is_intact = installed is not None and self.slots.is_intact(installed.slot)
        etag = installed.etag if installed is not None and is_intact and installed.target == self.target else None
        offered = self.source.manifest(self.target, etag)
        if offered is None and installed is not None:
            self.slots.clean_up()
            return self._report("up to date", installed)
        if offered is None:
            raise SyncError("the server responded 304 (not modified), but nothing is installed. Sync again.")
        manifest = trusted_manifest(offered.raw, target=self.target)
        if installed is not None and installed.slot != slot_name(offered.raw):
            current = Installed(installed.name, installed.target, installed.release)
            check_succession(manifest, current, allow_older=allow_older)
        return self._install(offered, manifest, installed, is_intact=is_intact)

    def _install(
        self, offered: OfferedManifest, manifest: Manifest, installed: Pointer | None, *, is_intact: bool
    ) -> SyncReport:
        slot = slot_name(offered.raw)
        is_same = installed is not None and installed.slot == slot
        reused_bytes = 0
        if is_same and is_intact:
            status: Literal["installed", "repaired", "up to date"] = "up to date"
        else:
            status = "repaired" if is_same else "installed"
            reused_bytes = self._assemble(slot, offered.raw, manifest)
        pointer = Pointer(
            slot=slot,
            previous=_previous(slot, installed, is_intact=is_intact),
            name=manifest.name,
            target=manifest.target,
            release=manifest.release,
            etag=offered.etag,
        )
        if pointer != installed:
            self.slots.switch(pointer)
        self.slots.clean_up()
        before = installed.release if installed and status == "installed" else None
        return self._report(status, pointer, previous_release=before, reused_bytes=reused_bytes)

    def _assemble(self, slot: str, raw: bytes, manifest: Manifest) -> int:
        """Complete and test the slot; return the number of bytes that were not downloaded."""
        if self.slots.is_intact(slot):  # assembled by a sync that was stopped just before its last step
            self.self_test(self.slots.folder(slot))
            return manifest.bundle_bytes
        entries = {entry.sha256: entry for entry in manifest.files}
        self.slots.keep_incoming(frozenset(entries))
        paths = {digest: path for digest, entry in entries.items() if (path := self.slots.find(entry)) is not None}
        missing = [entry for digest, entry in entries.items() if digest not in paths]
        self._check_space(missing)
        paths |= self._fetch(missing)
        folder = self.slots.begin(slot)
        for entry in manifest.files:
            link_or_copy(paths[entry.sha256], folder / entry.name)
        write_durably(folder / MANIFEST_NAME, raw)
        open_folder(folder).check_all()
        self.self_test(folder)
        self.slots.complete(slot)
        return manifest.bundle_bytes - sum(entry.bytes for entry in missing)

    def _check_space(self, missing: list[File]) -> None:
        parts = (self.slots.incoming / f"{entry.sha256}.part" for entry in missing)
        received = sum(part.stat().st_size for part in parts if part.exists())
        needed = sum(entry.bytes for entry in missing) - received + SPARE_BYTES
        free = self.free_bytes(self.slots.path)
        if missing and free < needed:
            raise SyncError(
                f"{self.slots.path}: the update needs {needed:,} bytes of disk space, found {free:,}. Free some space "
                "and sync again; nothing was changed."
            )

    def _fetch(self, missing: list[File]) -> dict[str, Path]:
        total = sum(entry.bytes for entry in missing)
        paths: dict[str, Path] = {}
        done = 0
        for entry in missing:
            paths[entry.sha256] = self.source.file(entry, self.slots.incoming, self._progress_from(done, total))
            done += entry.bytes
        return paths

    def _progress_from(self, done: int, total: int) -> OnBytes:
        return lambda received: self.progress(done + received, total)

    def _report(
        self,
        status: Literal["installed", "repaired", "up to date"],
        pointer: Pointer,
        *,
        previous_release: int | None = None,
        reused_bytes: int = 0,
    ) -> SyncReport:
        return SyncReport(
            status=status,
            target=self.target,
            name=pointer.name,
            release=pointer.release,
            previous_release=previous_release,
            bundle=self.slots.folder(pointer.slot),
            requests=self.source.requests,
            fetched_bytes=self.source.fetched_bytes,
            reused_bytes=reused_bytes,
        )


def _previous(slot: str, installed: Pointer | None, *, is_intact: bool) -> str | None:
    """Return the slot to keep for going back: the one in use until now, if it is intact."""
    if installed is None:
        return None
    if installed.slot == slot:
        return installed.previous
    return installed.slot if is_intact else None
