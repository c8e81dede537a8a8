"""Where a person's state file lies when none is named: the system's own place for such files."""

import hashlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from edge_runtime.errors import StateError


def default_state(
    name: str,
    environment: Mapping[str, str],
    *,
    platform: str = sys.platform,
    home: Callable[[], Path] = Path.home,
) -> Path:
    """Return the state file for the bundles called ``name``; all its releases and targets share it.

    Args:
        name: of the bundle.
        environment: of the process.
        platform: as ``sys.platform``.
        home: returns the home folder of the user.

    Raises:
        StateError: the user has no home folder, and the environment names no other place.
    """
    try:
        folder = _folder(environment, platform, home)
    except RuntimeError as error:
        raise StateError(
            "no place for your history: found neither a home folder (HOME is not set, and the system does not know "
            "this user) nor XDG_STATE_HOME. Name a file with --state."
        ) from error
    return folder / "pocketrec" / f"{_plain(name)}.sqlite"


def _folder(environment: Mapping[str, str], platform: str, home: Callable[[], Path]) -> Path:
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home() / "AppData" / "Local")
    if platform == "darwin":
        return home() / "Library" / "Application Support"
    named = environment.get("XDG_STATE_HOME", "")
    return Path(named) if Path(named).is_absolute() else home() / ".local" / "state"


def _plain(name: str) -> str:
    """Return a file name that is told apart from that of every other bundle name."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if plain == name:
        return plain
    return f"{plain or 'bundle'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
