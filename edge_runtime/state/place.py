"""Default path of the state file: the platform's folder for application state."""

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
    """Return the path of the state file for bundles named ``name``; all releases and targets share it.

    Args:
        name: name of the bundle.
        environment: environment variables of the process.
        platform: platform name, as ``sys.platform``.
        home: returns the user's home folder.

    Raises:
        StateError: the user has no home folder, and the environment names no other folder.
    """
    try:
        folder = _folder(environment, platform, home)
    except RuntimeError as error:
        raise StateError(
            "found no folder for the history: there is no home folder (HOME is not set, and the system has no entry "
            "for this user), and XDG_STATE_HOME is not set. Choose a file with --state."
        ) from error
    return folder / "pocketrec" / f"{_file_stem(name)}.sqlite"


def _folder(environment: Mapping[str, str], platform: str, home: Callable[[], Path]) -> Path:
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home() / "AppData" / "Local")
    if platform == "darwin":
        return home() / "Library" / "Application Support"
    xdg = environment.get("XDG_STATE_HOME", "")
    return Path(xdg) if Path(xdg).is_absolute() else home() / ".local" / "state"


def _file_stem(name: str) -> str:
    """Return a portable file name that is unique to this bundle name."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if plain == name:
        return plain
    return f"{plain or 'bundle'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
