"""Checks the folder of an ``--out`` option before any work is done."""

import os
from pathlib import Path

import typer


def writable_folder(path: Path) -> Path:
    """Return ``path``, a folder that can be written to, or that can be created.

    Raises:
        typer.BadParameter: it, or the nearest of its parents that exists, is a file or cannot be written to.
    """
    nearest = next(place for place in (path.absolute(), *path.absolute().parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise typer.BadParameter(f"{nearest} is a file, expected a folder. Choose another one.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise typer.BadParameter(f"{nearest} cannot be written to. Choose another folder, or change its permissions.")
    return path
