"""Chooses the name of a catalogue: once it is in a bundle it is kept, because devices identify releases by it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.bundle.folder import read_file
from edge_runtime.errors import BundleError
from edge_runtime.files import write_atomically
from train.errors import RunError

MAX_NAME: Final = 100
NAME_FILE: Final = "catalogue.json"


def catalogue_name(out: Path, target: str, *, requested: str | None, default: str) -> str:
    """Return the name for the bundle of a target.

    A device refuses a release with another name, so the name of an existing bundle is kept. A new target gets the name
    that the other bundles in the folder share.

    Args:
        out: folder of all bundles.
        target: name of the target, and of its folder in ``out``.
        requested: name given by the user; None if none was given.
        default: name for the first bundle in ``out``; see :func:`default_name`.

    Raises:
        BundleError: ``requested`` is not a valid name, or differs from the name of the existing bundle.
    """
    if requested is not None and not 0 < len(requested.strip()) <= MAX_NAME:
        raise BundleError(f"found the name {requested!r}, expected 1 to {MAX_NAME} characters. Choose another --name.")
    names = {folder: manifest.name for folder, manifest in _manifests(out)}
    present = names.get(target)
    if present is not None:
        check_same_name(out / target, present, requested or present)
        return present
    if requested is not None:
        return requested
    others = set(names.values())
    return others.pop() if len(others) == 1 else default[:MAX_NAME] or "data"


def check_same_name(folder: Path, present: str, requested: str) -> None:
    """Check that a release has the name of the one that it follows.

    Raises:
        BundleError: it has another name.
    """
    if requested != present:
        raise BundleError(
            f"{folder}: holds releases of {present!r}, and devices that follow them would refuse one of "
            f"{requested!r}. Leave --name out, or export into another --out."
        )


def saved_name(student: Path) -> str | None:
    """Return the name that was saved in a student's folder when it was first exported, None before that.

    Raises:
        RunError: the file is damaged.
    """
    path = student / NAME_FILE
    if not path.is_file():
        return None
    try:
        name = json.loads(read_file(path))["name"]
    except (ValueError, KeyError, TypeError):
        name = None
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_NAME:
        raise RunError(f"{path}: found no valid name in it. Delete it, and give the name of the catalogue with --name.")
    return name


def default_name(student: Path, data_name: str) -> str:
    """Return the name for a first bundle: the saved one, or that of the data folder.

    Raises:
        RunError: the saved name is damaged.
    """
    return saved_name(student) or data_name


def save_name(student: Path, name: str) -> None:
    """Save the name in a student's folder, so that later exports into other folders use it."""
    # A student may lie in a folder that this user may only read; exports then keep taking the data folder's name.
    with suppress(PermissionError):
        write_atomically(student / NAME_FILE, (json.dumps({"name": name}, ensure_ascii=False) + "\n").encode())


def comes_from_data(out: Path, student: Path, requested: str | None) -> bool:
    """Return whether nothing but the name of the data folder says what the catalogue is called."""
    return requested is None and saved_name(student) is None and not any(_manifests(out))


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
