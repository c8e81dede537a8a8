"""Writes the folder that a device syncs into, and switches atomically from one bundle to the next.

:mod:`edge_runtime.device_folder` describes the folder and reads it.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.folder import open_file, read_manifest
from edge_runtime.bundle.manifest import File
from edge_runtime.device_folder import CURRENT, SLOTS, Pointer, read_pointer, slot_name
from edge_runtime.errors import BundleError, SyncError
from edge_runtime.files import flush_file, rename_durably, sync_folder, write_atomically
from edge_runtime.sync.layout import INCOMING, UNFINISHED, require_file, require_folder, require_real_folder

_SLOT: Final = re.compile(r"[0-9a-f]{16}")
_OWN_SLOT: Final = re.compile(r"[0-9a-f]{16}(\.new)?")
_OWN_DOWNLOAD: Final = re.compile(r"[0-9a-f]{64}(\.part)?")


@dataclass(frozen=True, slots=True)
class Slots:
    """The folder of one device. The caller must hold the lock for every method that writes."""

    path: Path

    @property
    def incoming(self) -> Path:
        """Folder of downloads."""
        return self.path / INCOMING

    def folder(self, slot: str) -> Path:
        """Return the path of a slot, whether it exists or not."""
        return self.path / SLOTS / slot

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            SyncError: something else is in place of a folder or a file, such as a link or a pipe.
        """
        for folder in (self.incoming, self.path / SLOTS):
            require_folder(folder)
            folder.mkdir(parents=True, exist_ok=True)
        for file in (self.path / CURRENT, self.path / (CURRENT + UNFINISHED), *_own(self.incoming, _OWN_DOWNLOAD)):
            require_file(file)
        for folder in _own(self.path / SLOTS, _OWN_SLOT):
            require_real_folder(folder)

    def pointer(self) -> Pointer | None:
        """Return the pointer, or None if nothing is installed or the pointer is damaged."""
        try:
            return read_pointer(self.path)
        except BundleError:
            return None

    def is_intact(self, slot: str) -> bool:
        """Return whether every byte of a slot matches its name and its manifest."""
        folder = self.folder(slot)
        try:
            if slot_name(read_manifest(folder)) != slot:
                return False
            open_folder(folder).check_all()
        except (BundleError, OSError):
            return False
        return True

    def find(self, entry: File) -> Path | None:
        """Return the path of a file on this device with the content of ``entry``, verified now, or None."""
        return next((path for path in self._candidates(entry) if matches(path, entry)), None)

    def begin(self, slot: str) -> Path:
        """Create and return an empty folder in which a slot is assembled."""
        folder = self.folder(slot + UNFINISHED)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def complete(self, slot: str) -> None:
        """Rename the folder from :meth:`begin` to its slot, once all of it is on the disk.

        An existing slot of that name is damaged, or it would not be assembled again. If it is not in use, it is
        replaced; if it is in use, it is repaired file by file, because its folder must not be missing for a moment.
        That rules out :func:`~edge_runtime.files.replacing_folder`, which moves the old folder away first.
        """
        fresh, folder = self.folder(slot + UNFINISHED), self.folder(slot)
        for file in fresh.iterdir():
            flush_file(file)  # one that was here already may be from a sync that was killed before it could
        sync_folder(fresh)
        if folder.exists() and (pointer := self.pointer()) is not None and pointer.slot == slot:
            for file in sorted(fresh.iterdir()):
                file.replace(folder / file.name)
            sync_folder(folder)
            shutil.rmtree(fresh)  # hard links to intact files are left: replacing a file by itself does nothing
            return
        shutil.rmtree(folder, ignore_errors=True)
        rename_durably(fresh, folder)

    def confirm(self) -> None:
        """Flush the names of the slots, for one that a sync completed which was killed before it could."""
        sync_folder(self.path / SLOTS)

    def switch(self, pointer: Pointer) -> None:
        """Switch to another slot atomically; this is the only step that readers see.

        Raises:
            SyncError: the pointer reads differently from what was written.
        """
        write_atomically(self.path / CURRENT, msgspec.json.encode(pointer))
        if self.pointer() != pointer:
            raise SyncError(
                f"{self.path / CURRENT}: reads differently from what was written. Check the disk and sync again."
            )

    def complete_slots(self) -> list[Path]:
        """Return the folders of all complete slots, that in use first."""
        pointer = self.pointer()
        return sorted(_own(self.path / SLOTS, _SLOT), key=lambda folder: pointer is None or folder.name != pointer.slot)

    def clean_up(self) -> None:
        """Remove all slots except the one in use and the previous one, and the remains of downloads.

        What has another name than a sync gives is not its own, and stays.
        """
        pointer = self.pointer()
        if pointer is None:
            return
        for folder in _own(self.path / SLOTS, _OWN_SLOT):
            if folder.name not in (pointer.slot, pointer.previous):
                shutil.rmtree(folder, ignore_errors=True)
        self.keep_incoming(frozenset())

    def keep_incoming(self, digests: frozenset[str]) -> None:
        """Remove files and partial downloads of all digests except these."""
        for file in _own(self.incoming, _OWN_DOWNLOAD):
            if file.name.removesuffix(".part") not in digests:
                file.unlink()

    def _candidates(self, entry: File) -> Iterator[Path]:
        """Yield possible paths of the file: among downloads, and in slots under its own or another name."""
        yield self.incoming / entry.sha256
        for folder in self.complete_slots():
            yield folder / entry.name  # even if the slot's manifest is damaged
            try:
                files = open_folder(folder).manifest.files
            except (BundleError, OSError):
                continue
            yield from (folder / file.name for file in files if file.sha256 == entry.sha256)


def _own(folder: Path, names: re.Pattern[str]) -> list[Path]:
    """Return what has a name that a sync gives, in order."""
    return sorted(path for path in folder.iterdir() if names.fullmatch(path.name))


def matches(path: Path, entry: File) -> bool:
    """Return whether a file has the length and the digest of ``entry``."""
    try:
        with open_file(path) as stream:
            if os.fstat(stream.fileno()).st_size != entry.bytes:
                return False
            return hashlib.file_digest(stream, "sha256").hexdigest() == entry.sha256
    except OSError:
        return False


def link_or_copy(source: Path, target: Path) -> None:
    """Create a hard link, or a copy if the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
