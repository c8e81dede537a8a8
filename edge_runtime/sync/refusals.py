"""Releases that failed their self-test on this device, so that they are not downloaded again at every sync.

Only what would fail again is noted: an engine that disagrees with the golden vectors, or a file that violates the
format. What a moment caused, such as too little memory or time, a broken library or a damaged disk, is tried again.

They are in ``refused.json`` of the device's folder. Another version of the runtime, or of the library of an engine,
tries a release again.
"""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.folder import open_file
from edge_runtime.bundle.parsing import JsonError, parse_json
from edge_runtime.engines.libraries import LIBRARIES
from edge_runtime.errors import RefusedReleaseError
from edge_runtime.files import write_atomically
from edge_runtime.sync.channel import Offer
from edge_runtime.sync.layout import REFUSED
from edge_runtime.version import __version__

_MOST: Final = 16
_MAX_REASON: Final = 1000
_MAX_BYTES: Final = 64 << 10


class Refusal(Struct, frozen=True):
    """A release that failed its self-test.

    Attributes:
        manifest: sha256 of its manifest.
        tried_with: versions of the runtime and of its engines' libraries.
        reason: why it failed.
    """

    manifest: str
    tried_with: str
    reason: str


class Refusals:
    """The refused releases of one device; the caller must hold the lock of its folder.

    Args:
        folder: the device's folder.

    Attributes:
        met: the refused releases that this sync has met, refused now or before, newest first: their numbers by the
            sha256 of their manifests.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / REFUSED
        self.met: dict[str, int] = {}

    def check(self, offer: Offer) -> None:
        """Check that a release has not failed its self-test here before.

        Raises:
            RefusedReleaseError: it has, with the same versions of the runtime and its libraries.
        """
        digest, tried_with = hashlib.sha256(offer.raw).hexdigest(), ""
        for refusal in self._read():
            if refusal.manifest != digest:
                continue
            tried_with = tried_with or _versions(offer.manifest)
            if refusal.tried_with == tried_with:
                self.met[digest] = offer.manifest.release
                raise RefusedReleaseError(
                    f"release {offer.manifest.release} has failed its self-test on this device before, with "
                    f"{tried_with}: {refusal.reason} It is tried again after an update of these, or if you remove "
                    f"{self._path}."
                )

    def note(self, offer: Offer, error: Exception) -> None:
        """Note that a release has failed its self-test; nothing if the disk is full, which costs another try."""
        digest = hashlib.sha256(offer.raw).hexdigest()
        self.met[digest] = offer.manifest.release
        others = [refusal for refusal in self._read() if refusal.manifest != digest]
        refusal = Refusal(digest, _versions(offer.manifest), str(error)[:_MAX_REASON])
        with suppress(OSError):
            write_atomically(self._path, msgspec.json.encode([*others[1 - _MOST :], refusal]))

    def _read(self) -> list[Refusal]:
        """Return what was noted; nothing if the file is damaged, which costs no more than another try."""
        try:
            with open_file(self._path) as stream:
                return parse_json(stream.read(_MAX_BYTES), list[Refusal])
        except (OSError, JsonError):
            return []


def _versions(manifest: Manifest) -> str:
    """Return what a self-test depends on besides the release."""
    names = dict.fromkeys(variant.engine for variant in manifest.engines)
    libraries = (LIBRARIES[name].version() if name in LIBRARIES else None for name in names)
    return ", ".join([f"pocketrec {__version__}", *(library for library in libraries if library is not None)])
