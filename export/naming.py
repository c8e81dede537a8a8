"""Chooses the name of a catalogue: once it is in a bundle it is kept, because devices identify releases by it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.errors import BundleError

MAX_NAME: Final = 100


def catalogue_name(out: Path, target: str, *, requested: str | None, default: str) -> str:
    """Return the name for the bundle of a target.

    A device refuses a release with another name, so the name of an existing bundle is kept. A new target gets the name
    that the other bundles in the folder share.

    Args:
        out: folder of all bundles.
        target: name of the target, and of its folder in ``out``.
        requested: name given by the user; None if none was given.
        default: name for the first bundle in ``out``.

    Raises:
        BundleError: ``requested`` is not a valid name, or differs from the name of the existing bundle.
    """
    if requested is not None and not 0 < len(requested.strip()) <= MAX_NAME:
        raise BundleError(f"found the name {requested!r}, expected 1 to {MAX_NAME} characters. Choose another --name.")
    names = {folder: manifest.name for folder, manifest in _manifests(out)}
    present = names.get(target)
    if present is not None and requested not in (None, present):
        raise BundleError(
            f"{out / target}: holds releases of {present!r}, and devices that follow them would refuse one of "
            f"{requested!r}. Leave --name out, or export into another --out."
        )
    if present is not None:
        return present
    if requested is not None:
        return requested
    others = set(names.values())
    return others.pop() if len(others) == 1 else default[:MAX_NAME] or "data"


def _manifests(out: Path) -> Iterator[tuple[str, Manifest]]:
    """Yield the folder name and the manifest of each readable bundle in ``out``."""
    if not out.is_dir():
        return
    for folder in sorted(out.iterdir()):
        if folder.is_dir() and not folder.name.startswith("."):
            try:
                yield folder.name, open_folder(folder).manifest
            except (BundleError, OSError):
                continue
