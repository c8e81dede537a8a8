"""The folder that a device syncs into, and the one step in which it changes from one bundle to the next.

    slots/<16 hex digits of the manifest's SHA-256>/    a whole bundle, checked before it got this name
    current.json                                        which slot is in use; replaced in one step
    incoming/<sha256>, <sha256>.part                    files on their way
    lock                                                held while a sync runs

Whoever reads asks :func:`current_bundle` and takes no lock: the slot in use and the one before it are never touched.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from edge_runtime.bundle import open_folder
from edge_runtime.bundle.folder import open_file, read_manifest, sync_folder, write_durably
from edge_runtime.bundle.manifest import MANIFEST_NAME, File
from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.errors import BundleError, SyncError
from edge_runtime.paths import AnyPath

CURRENT: Final = "current.json"
UNFINISHED: Final = ".new"
MAX_POINTER_BYTES: Final = 64 << 10

Slot = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
_SLOT: Final = re.compile(r"[0-9a-f]{16}")


class Pointer(Struct, frozen=True, kw_only=True):
    """``current.json``.

    Attributes:
        slot: the slot in use.
        previous: the slot that was in use before, kept so that one can go back.
        name: of the bundle in use.
        target: of the bundle in use.
        release: of the bundle in use.
        etag: the server's tag for its manifest, so that asking again costs next to nothing.
    """

    slot: Slot
    previous: Slot | None = None
    name: str
    target: str
    release: int
    etag: str | None = None


def current_bundle(path: AnyPath) -> Path:
    """Return the bundle folder that ``path`` stands for: itself, or the slot in use of a folder made by sync.

    Raises:
        BundleError: it is neither.
    """
    path = Path(path)
    if (path / MANIFEST_NAME).exists():
        return path
    slot = path / "slots" / read_pointer(path).slot
    if not slot.is_dir():
        raise BundleError(f"{path}: {CURRENT} names {slot.name}, which is missing. Run `pocketrec sync` again.")
    return slot


def read_pointer(path: Path) -> Pointer:
    """Return ``current.json`` of a folder made by sync.

    Raises:
        BundleError: there is none, or it cannot be read.
    """
    try:
        with open_file(path / CURRENT) as stream:
            return parse_json(stream.read(MAX_POINTER_BYTES), Pointer)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BundleError(
            f"{path}: found neither {MANIFEST_NAME} nor {CURRENT} in it, expected a bundle. "
            "Make one with `pocketrec export` or fetch one with `pocketrec sync`."
        ) from error
    except JsonError as error:
        raise BundleError(f"{path / CURRENT}: {error}. Run `pocketrec sync` again.") from error


def slot_name(manifest: bytes) -> str:
    """Return the name of the slot of a manifest."""
    return hashlib.sha256(manifest).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Slots:
    """The folder of one device. Every method that writes expects the lock to be held."""

    path: Path

    @property
    def incoming(self) -> Path:
        """Where files arrive."""
        return self.path / "incoming"

    def folder(self, slot: str) -> Path:
        """Return the folder of a slot, whether it exists or not."""
        return self.path / "slots" / slot

    def prepare(self) -> None:
        """Make the folders."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        (self.path / "slots").mkdir(exist_ok=True)

    def pointer(self) -> Pointer | None:
        """Return what is installed, or None on a new device or when the pointer is damaged beyond reading."""
        try:
            return read_pointer(self.path)
        except BundleError:
            return None

    def is_intact(self, slot: str) -> bool:
        """Say whether every byte of a slot is as its name and its manifest promise."""
        folder = self.folder(slot)
        try:
            if slot_name(read_manifest(folder)) != slot:
                return False
            open_folder(folder).check_all()
        except (BundleError, OSError):
            return False
        return True

    def find(self, entry: File) -> Path | None:
        """Return a file of this device with these bytes, checked just now; None if there is none."""
        return next((path for path in self._places(entry) if holds(path, entry)), None)

    def begin(self, slot: str) -> Path:
        """Return a new empty folder in which a slot is put together."""
        folder = self.folder(slot + UNFINISHED)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder

    def complete(self, slot: str) -> None:
        """Give the folder from :meth:`begin` its name, once all of it is on the disk.

        A slot of that name is damaged, or one would not put it together again. Not in use, it is replaced; in use, it
        is mended file by file, because its folder must not be missing for a moment.
        """
        fresh, folder = self.folder(slot + UNFINISHED), self.folder(slot)
        sync_folder(fresh)
        if folder.exists() and (pointer := self.pointer()) is not None and pointer.slot == slot:
            for file in sorted(fresh.iterdir()):
                file.replace(folder / file.name)
            sync_folder(folder)
            shutil.rmtree(fresh)  # a good file was one file with two names: replacing it by itself leaves both
            return
        shutil.rmtree(folder, ignore_errors=True)
        rename_durably(fresh, folder)

    def switch(self, pointer: Pointer) -> None:
        """Put another slot into use: the one step that a reader sees.

        Raises:
            SyncError: the disk gives back something else than was written.
        """
        fresh = self.path / (CURRENT + UNFINISHED)
        write_durably(fresh, msgspec.json.encode(pointer))
        rename_durably(fresh, self.path / CURRENT)
        if self.pointer() != pointer:
            raise SyncError(f"{self.path / CURRENT}: was written, but reads otherwise. Check the disk and sync again.")

    def tidy(self) -> None:
        """Remove every slot but the one in use and the one before it, and what is left of downloads."""
        pointer = self.pointer()
        if pointer is None:
            return
        for folder in (self.path / "slots").iterdir():
            if folder.name not in (pointer.slot, pointer.previous):
                shutil.rmtree(folder, ignore_errors=True)
        self.keep_incoming(frozenset())

    def keep_incoming(self, digests: frozenset[str]) -> None:
        """Remove what arrived, or began to, for releases that nobody wants any more."""
        for file in self.incoming.iterdir():
            if file.name.removesuffix(".part") not in digests:
                file.unlink()

    def _places(self, entry: File) -> Iterator[Path]:
        """Yield where the file may be: arrived earlier, under its own name in a slot, or under another one there."""
        yield self.incoming / entry.sha256
        for folder in sorted((self.path / "slots").iterdir()):
            if not _SLOT.fullmatch(folder.name):
                continue
            yield folder / entry.name  # even where the manifest is damaged
            try:
                files = open_folder(folder).manifest.files
            except (BundleError, OSError):
                continue
            yield from (folder / file.name for file in files if file.sha256 == entry.sha256)


def holds(path: Path, entry: File) -> bool:
    """Say whether a file has the length and the digest of ``entry``."""
    try:
        with open_file(path) as stream:
            if os.fstat(stream.fileno()).st_size != entry.bytes:
                return False
            return hashlib.file_digest(stream, "sha256").hexdigest() == entry.sha256
    except OSError:
        return False


def place(source: Path, target: Path) -> None:
    """Give a file a second name, or a second copy where the disk knows no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
        with target.open("rb+") as stream:
            os.fsync(stream.fileno())


def rename_durably(source: Path, target: Path) -> Path:
    """Rename, and wait until the disk has it. Returns ``target``."""
    source.replace(target)
    sync_folder(target.parent)
    return target
