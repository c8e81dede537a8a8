"""The built-in targets, and targets from files, by name or path."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path

from edge_runtime.errors import TargetError
from edge_runtime.paths import AnyPath
from edge_runtime.probe.target import SUFFIX, Target, parse_target


def known_targets() -> list[str]:
    """Return the names of the built-in targets."""
    folder = files("export") / "targets"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(SUFFIX))


def read_target(name_or_path: AnyPath) -> Target:
    """Return a built-in target by name, or a target from the path of a TOML file.

    Raises:
        TargetError: there is no such target, or its file is invalid.
    """
    name_or_path = os.fspath(name_or_path)
    if name_or_path.endswith(SUFFIX):
        path = Path(name_or_path)
        if not path.is_file():
            raise TargetError(f"{path}: file not found. Copy a file from export/targets/ and change it.")
        return parse_target(path.read_bytes(), path.stem)
    return parse_target(target_file(name_or_path), name_or_path)


def target_file(name: str) -> bytes:
    """Return the file of a built-in target.

    Raises:
        TargetError: there is no such target.
    """
    if name not in known_targets():
        raise TargetError(_not_found(name, known_targets()))
    return (files("export") / "targets" / f"{name}{SUFFIX}").read_bytes()


def _not_found(name: str, known: Sequence[str]) -> str:
    """Return the message for a name that is no built-in target's: the nearest one, and all of them."""
    near = get_close_matches(name, known, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"target {name!r} not found.{meant} Built-in targets are {', '.join(known)}. "
        "For your own target, give the path of a TOML file that ends in .toml."
    )
