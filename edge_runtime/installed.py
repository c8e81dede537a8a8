"""What to install where a module is missing; nothing is said of a module that no part of the project needs."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from typing import Final

PARTS: Final = ("train", "export", "server", "benchmarks")
"""Packages that a checkout has and the device's wheel lacks."""

_DISTRIBUTION: Final = {"PIL": "pillow", "llama_cpp": "llama-cpp-python"}
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PYPROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"


def what_is_missing(error: ModuleNotFoundError, command: str) -> str | None:
    """Return what a command lacks and how to install it, or None where the error is the project's own fault.

    Args:
        error: raised by an import.
        command: name of the sub-command.
    """
    module = (error.name or "").partition(".")[0]
    if not module or find_spec(module) is not None:
        return None
    if module in PARTS:
        return (
            f"`pocketrec {command}` is not part of this installation, which has the device's commands only (found no "
            f"module {module!r}). Work in a checkout of the project, after `make setup`."
        )
    name = _DISTRIBUTION.get(module, _normalized(module))
    missing = f"`pocketrec {command}` needs {name}, which is not installed (found no module {module!r})."
    if name in _of_the_wheel():
        return f"{missing} Install it with `pip install {name}`, or in a checkout with `make setup`."
    return f"{missing} Install everything that this checkout needs with `make setup`." if name in _of_groups() else None


def _of_the_wheel() -> set[str]:
    """Return the distributions that the wheel or one of its extras requires."""
    try:
        lines = requires("pocketrec") or []
    except PackageNotFoundError:
        return set()
    return {_normalized(match[0]) for line in lines if (match := _NAME.match(line))}


def _of_groups() -> set[str]:
    """Return the distributions in the dependency groups of a checkout; none outside of one."""
    if not _PYPROJECT.is_file():
        return set()
    groups = tomllib.loads(_PYPROJECT.read_text("utf-8")).get("dependency-groups", {})
    lines = [line for group in groups.values() for line in group if isinstance(line, str)]
    return {_normalized(match[0]) for line in lines if (match := _NAME.match(line))}


def _normalized(name: str) -> str:
    return name.replace("_", "-").lower()
