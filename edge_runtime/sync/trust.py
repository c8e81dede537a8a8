"""Which manifest a device believes, and which one may follow the installed one. No IO.

Trust and succession are two questions: where does it come from, and is it newer than what is here?
"""

from dataclasses import dataclass

from edge_runtime.bundle import Manifest, parse_manifest
from edge_runtime.errors import BundleError, BundleVersionError, UpdateRefusedError


@dataclass(frozen=True, slots=True)
class Installed:
    """What the device has accepted before; an update must not fall below it."""

    name: str
    target: str
    release: int


def trusted_manifest(raw: bytes, *, target: str) -> Manifest:
    """Return the manifest in ``raw``, if the device may believe it.

    This is the one place where trust is decided. Everything else follows from the manifest by digests: a file is used
    only if its length and SHA-256 are those that this manifest states. Today the manifest itself is believed because
    of the way it came: over https the server's certificate vouches for it, over plain http nobody does. Signed release
    metadata will be verified here, before parsing, and nothing behind this function will have to change.

    Args:
        raw: the bytes of ``manifest.json`` as the server sent them.
        target: what this device asked for.

    Raises:
        BundleVersionError: it needs a newer runtime.
        UpdateRefusedError: it is no manifest, breaks a rule of the format, or is for another target.
    """
    try:
        manifest = parse_manifest(raw)
    except BundleVersionError:
        raise
    except BundleError as error:
        raise UpdateRefusedError(
            f"the server's manifest is refused: {error} If the address is right, something between here and the "
            "server answers in its place."
        ) from error
    if manifest.target != target:
        raise UpdateRefusedError(
            f"the server's manifest is refused: found a bundle for {manifest.target!r}, expected one for {target!r}."
        )
    lengths = {(entry.sha256, entry.bytes) for entry in manifest.files}
    if len(lengths) != len({sha256 for sha256, _ in lengths}):
        raise UpdateRefusedError("the server's manifest is refused: two files share a digest, but not a length.")
    return manifest


def check_succession(manifest: Manifest, floor: Installed, *, allow_older: bool) -> None:
    """Refuse a manifest that must not follow what is installed.

    Args:
        manifest: the candidate, other than the installed one.
        floor: what is installed.
        allow_older: the person accepts a release that is not newer.

    Raises:
        UpdateRefusedError: it is another catalogue's, another target's, or not newer.
    """
    if (manifest.name, manifest.target) != (floor.name, floor.target):
        raise UpdateRefusedError(
            f"found a bundle {manifest.name!r} for {manifest.target!r}, but this folder follows {floor.name!r} for "
            f"{floor.target!r}. Sync it into a folder of its own (--into)."
        )
    if allow_older or manifest.release > floor.release:
        return
    how = "older than" if manifest.release < floor.release else "other than the bundle of the same number as"
    raise UpdateRefusedError(
        f"the server offers release {manifest.release} of {manifest.name!r}, {how} the installed {floor.release}: a "
        "stale copy, or a replayed one. Pass --allow-older if you want it all the same."
    )
