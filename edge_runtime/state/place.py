"""Where a person's state file lies when none is named: the system's own place for such files."""

import hashlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path


def default_state(name: str, environment: Mapping[str, str], *, platform: str = sys.platform) -> Path:
    """Return the state file for the bundles called ``name``; all its releases and targets share it.

    Args:
        name: of the bundle.
        environment: of the process.
        platform: as ``sys.platform``.
    """
    return _folder(environment, platform) / "pocketrec" / f"{_plain(name)}.sqlite"


def _folder(environment: Mapping[str, str], platform: str) -> Path:
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    named = environment.get("XDG_STATE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state"


def _plain(name: str) -> str:
    """Return a file name that is told apart from that of every other bundle name."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if plain == name:
        return plain
    return f"{plain or 'bundle'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"
