"""Completes the slot of a bundle: from files that are here already, from a delta, and from the server.

Order: find files that are present, check the free space, apply a delta, download the rest, link everything into the
slot, verify every digest, self-test.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.delta import MAX_FILE_BYTES, Pack, read_pack
from edge_runtime.bundle.folder import BundleFolder, read_manifest
from edge_runtime.bundle.manifest import MANIFEST_NAME, File
from edge_runtime.bundle.release import Delta
from edge_runtime.device_folder import slot_name
from edge_runtime.errors import (
    BundleError,
    BundleIntegrityError,
    BundleVersionError,
    SelfTestError,
    SyncError,
    UpdateRefusedError,
)
from edge_runtime.files import write_durably
from edge_runtime.sync.channel import Offer
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.file import OnBytes
from edge_runtime.sync.refusals import Refusals
from edge_runtime.sync.slots import Slots, link_or_copy

# Disk space to leave free for manifests, folders and the state file.
SPARE_BYTES: Final = 4 << 20
# A larger delta is not worth the memory that it takes: the files themselves are written as they arrive.
MAX_DELTA_BYTES: Final = 64 << 20

SelfTest = Callable[[Path], None]
Progress = Callable[[int, int], None]
"""Called with the bytes received and the total bytes of the files to download."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Completes slots in the folder of one device; the caller must hold its lock.

    Attributes:
        slots: the device's folder.
        source: the server.
        self_test: called with the verified bundle; raises if no engine passes. Only a :class:`SelfTestError`, or a
            :class:`BundleError` about its format, is remembered.
        refusals: the releases that failed it on this device.
        progress: called as bytes arrive.
        free_bytes: returns the free disk space at a path.
        notes: what an operator should know, such as a delta that could not be used.
    """

    slots: Slots
    source: Source
    self_test: SelfTest
    refusals: Refusals
    progress: Progress
    free_bytes: Callable[[Path], int]
    notes: list[str] = field(default_factory=list)

    def complete(self, slot: str, offer: Offer) -> int:
        """Complete and test a slot; return the number of bytes of its files that were not downloaded.

        Raises:
            ServerUnreachableError: the server does not respond, or the response is incomplete.
            UpdateRefusedError: a file does not match its digest.
            SyncError: there is too little disk space.
            EngineError: no engine passes the self-test, now or before.
            OSError: the disk cannot be written.
        """
        self.refusals.check(offer)
        manifest = offer.manifest
        if self.slots.is_intact(slot):  # assembled by a sync that was stopped just before its last step, or a preview
            self._test(self.slots.folder(slot), offer)
            self.slots.confirm()
            return manifest.bundle_bytes
        entries = {entry.sha256: entry for entry in manifest.files}
        self.slots.keep_incoming(frozenset({*entries, *(delta.sha256 for delta in offer.deltas)}))
        paths = {digest: path for digest, entry in entries.items() if (path := self.slots.find(entry)) is not None}
        missing = [entry for digest, entry in entries.items() if digest not in paths]
        self._check_space(missing)
        paths |= self._from_delta(offer, missing)
        missing = [entry for entry in missing if entry.sha256 not in paths]
        paths |= self._fetch(missing)
        folder = self.slots.begin(slot)
        for entry in manifest.files:
            link_or_copy(paths[entry.sha256], folder / entry.name)
        write_durably(folder / MANIFEST_NAME, offer.raw)
        open_folder(folder).check_all()
        self._test(folder, offer)
        self.slots.complete(slot)
        return manifest.bundle_bytes - sum(entry.bytes for entry in missing)

    def _test(self, folder: Path, offer: Offer) -> None:
        try:
            self.self_test(folder)
        except (BundleIntegrityError, BundleVersionError):
            raise  # the disk is damaged, or the runtime is too old: not the release's fault
        except (BundleError, SelfTestError) as error:
            if self._is_as_offered(folder, offer):
                self.refusals.note(offer, error)
            raise

    def _is_as_offered(self, folder: Path, offer: Offer) -> bool:
        """Return whether every byte that was tested is that of the release; the disk may have failed meanwhile."""
        try:
            open_folder(folder).check_all()
            return read_manifest(folder) == offer.raw
        except (BundleError, OSError):
            return False

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

    def _from_delta(self, offer: Offer, missing: list[File]) -> dict[str, Path]:
        """Make missing files from a delta and an installed bundle; return the paths of those that could be made.

        A delta saves bytes and is never needed: whatever is wrong with it, the files are downloaded instead.
        """
        found = self._usable(offer.deltas)
        if found is None or found[0].bytes >= min(sum(entry.bytes for entry in missing), MAX_DELTA_BYTES):
            return {}
        delta, base = found
        entry = File(name="delta", role="delta", bytes=delta.bytes, sha256=delta.sha256)
        try:
            path = self.source.file(entry, self.slots.incoming, lambda received: self.progress(received, delta.bytes))
            pack = read_pack(path.read_bytes(), offer.manifest)
            folder = open_folder(base)
            return {entry.sha256: self._made(pack, entry, folder) for entry in missing if entry.name in pack.names}
        except (BundleError, UpdateRefusedError, MemoryError) as error:
            why = "this device has too little memory for it" if isinstance(error, MemoryError) else error
            self.notes.append(f"the delta could not be used, whole files were fetched: {why}")
            return {}

    def _usable(self, deltas: tuple[Delta, ...]) -> tuple[Delta, Path] | None:
        """Return the delta from a bundle that is on this device, and its folder; None if there is none."""
        for folder in self.slots.complete_slots():
            try:
                raw = read_manifest(folder)
            except (BundleError, OSError):
                continue
            digest = hashlib.sha256(raw).hexdigest()
            for delta in deltas:
                if delta.from_manifest == digest and slot_name(raw) == folder.name:
                    return delta, folder
        return None

    def _made(self, pack: Pack, entry: File, base: BundleFolder) -> Path:
        before = next((file for file in base.manifest.files if file.name == entry.name), None)
        if before is not None and before.bytes > MAX_FILE_BYTES:
            before = None  # no writer makes a delta from it
        data = pack.apply(entry.name, None if before is None else base.read(before))
        path = self.slots.incoming / entry.sha256
        write_durably(path, data)
        return path

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
