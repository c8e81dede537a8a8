"""Layout of the folder that a device syncs into, and the bundle that is in use there.

    slots/<16 hex digits of the manifest's SHA-256>/    a complete bundle, verified before it got this name
    current.json                                        the slot in use; replaced atomically
    incoming/<sha256>, <sha256>.part                    files being downloaded
    lock                                                held while a sync runs

Readers call :func:`current_bundle` and need no lock: :mod:`edge_runtime.sync` never removes the slot in use or the one
before it.
"""

import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from edge_runtime.bundle.folder import open_file
from edge_runtime.bundle.manifest import MANIFEST_NAME
from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.errors import BundleError
from edge_runtime.paths import AnyPath

CURRENT: Final = "current.json"
SLOTS: Final = "slots"
SLOT_DIGITS: Final = 16
"""Number of digits of a manifest's SHA-256 that name its slot."""

MAX_POINTER_BYTES: Final = 64 << 10
LAST_TIME: Final = 253_402_300_799
"""The last second of the year 9999."""

Slot = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]


class Pointer(Struct, frozen=True, kw_only=True):
    """Content of ``current.json``.

    Attributes:
        slot: the slot in use.
        previous: the slot that was in use before, kept for going back.
        name: name of the bundle in use.
        target: target of the bundle in use.
        release: release of the bundle in use.
        etag: the server's entity tag of the manifest, for conditional requests.
        fresh_until: when the signed metadata expires that named this bundle last, in seconds since 1970; None if its
            release is not signed.
    """

    slot: Slot
    previous: Slot | None = None
    name: str
    target: str
    release: int
    etag: str | None = None
    fresh_until: Annotated[int, Meta(ge=0, le=LAST_TIME)] | None = None


def slot_name(manifest: bytes) -> str:
    """Return the slot name of a manifest, given its bytes."""
    return hashlib.sha256(manifest).hexdigest()[:SLOT_DIGITS]


def current_bundle(path: AnyPath) -> Path:
    """Return the bundle folder at ``path``: ``path`` itself, or the slot in use if it was written by sync.

    Raises:
        BundleError: there is no bundle.
    """
    path = Path(path)
    if (path / MANIFEST_NAME).exists():
        return path
    slot = path / SLOTS / read_pointer(path).slot
    if not slot.is_dir():
        raise BundleError(f"{path}: {CURRENT} names {slot.name}, which is missing. Run `pocketrec sync` again.")
    return slot


def stale_since(path: AnyPath, now: float | None = None) -> datetime | None:
    """Return since when the bundle at ``path`` may be out of date, because no sync has confirmed it; None if it is not.

    A bundle that is stale goes on working. One that was not signed, or not installed by sync, is never stale.

    Args:
        path: the folder that sync fills.
        now: seconds since 1970; by default the device's clock.
    """
    try:
        until = read_pointer(Path(path)).fresh_until
    except BundleError:
        return None
    if until is None or until > (time.time() if now is None else now):
        return None
    return datetime.fromtimestamp(until, UTC)


def read_pointer(path: Path) -> Pointer:
    """Read ``current.json`` of a folder written by sync.

    Raises:
        BundleError: the file is missing or invalid.
    """
    try:
        with open_file(path / CURRENT) as stream:
            return parse_json(stream.read(MAX_POINTER_BYTES), Pointer)
    except (FileNotFoundError, NotADirectoryError) as error:
        found = f"found neither {MANIFEST_NAME} nor {CURRENT} in it"
        if not path.is_dir():
            found = "is a file" if path.exists() else "there is no such folder"
        raise BundleError(
            f"{path}: {found}, expected a bundle's folder. "
            "Make one with `pocketrec export` or fetch one with `pocketrec sync`."
        ) from error
    except JsonError as error:
        raise BundleError(f"{path / CURRENT}: {error}. Run `pocketrec sync` again.") from error
