"""Checks of a manifest: whether it is valid, and whether it may replace the installed one. No I/O."""

from dataclasses import dataclass

from edge_runtime.bundle import Manifest, parse_manifest
from edge_runtime.errors import BundleError, BundleVersionError, UpdateRefusedError


@dataclass(frozen=True, slots=True)
class Installed:
    """The installed release, which an update must not precede."""

    name: str
    target: str
    release: int


def checked_manifest(raw: bytes, *, target: str) -> Manifest:
    """Parse and check a manifest.

    All files are verified by the digests in the manifest. The manifest itself is covered by signed metadata
    (:mod:`edge_runtime.sync.signed`), or else believed because of its connection.

    Args:
        raw: the bytes of ``manifest.json`` as received.
        target: the requested target.

    Raises:
        BundleVersionError: the manifest requires a newer runtime.
        UpdateRefusedError: the manifest is invalid, or is for another target.
    """
    try:
        manifest = parse_manifest(raw)
    except BundleVersionError:
        raise
    except BundleError as error:
        raise UpdateRefusedError(
            f"the server's manifest is refused: {error} If the address is right, something between this "
            "device and the server may be responding in its place."
        ) from error
    if manifest.target != target:
        raise UpdateRefusedError(
            f"the server's manifest is refused: found a bundle for {manifest.target!r}, expected one for {target!r}."
        )
    lengths = {(entry.sha256, entry.bytes) for entry in manifest.files}
    if len(lengths) != len({sha256 for sha256, _ in lengths}):
        raise UpdateRefusedError("the server's manifest is refused: two files share a digest but differ in length.")
    return manifest


def check_succession(manifest: Manifest, installed: Installed, *, allow_older: bool) -> None:
    """Check that a manifest may replace the installed one.

    Args:
        manifest: the new manifest, different from the installed one.
        installed: the installed release.
        allow_older: accept a release that is not newer.

    Raises:
        UpdateRefusedError: the manifest is of another catalogue or target, or is not newer.
    """
    if (manifest.name, manifest.target) != (installed.name, installed.target):
        raise UpdateRefusedError(
            f"found a bundle {manifest.name!r} for {manifest.target!r}, but this folder holds {installed.name!r} for "
            f"{installed.target!r}. Sync it into a separate folder (--into)."
        )
    if allow_older or manifest.release > installed.release:
        return
    how = "older than" if manifest.release < installed.release else "different from the bundle with the same number as"
    raise UpdateRefusedError(
        f"the server offers release {manifest.release} of {manifest.name!r}, {how} the installed {installed.release}: "
        "a stale or replayed copy. Use --allow-older to accept it."
    )
