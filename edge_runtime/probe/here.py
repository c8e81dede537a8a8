"""What this machine has: memory that is free, and the libraries of engines."""

from pathlib import Path
from typing import Final

from edge_runtime.bundle.manifest import Manifest
from edge_runtime.engines.libraries import LIBRARIES
from edge_runtime.probe.report import EngineFound

_MEMORY: Final = Path("/proc/meminfo")
_GROUP: Final = Path("/sys/fs/cgroup")


def available_memory() -> int | None:
    """Return the bytes that a new process can use without swapping; None where the system does not tell."""
    found = [one for one in (_free(), _allowed()) if one is not None]
    return min(found, default=None)


def engines_here(manifest: Manifest) -> tuple[EngineFound, ...]:
    """Return the engines of a bundle, and whether this machine has their libraries."""
    return tuple(_engine(one.engine, one.precision) for one in manifest.engines)


def _engine(name: str, precision: str) -> EngineFound:
    library = LIBRARIES.get(name)
    if library is None:
        return EngineFound(name, precision, usable=False, library=None, fix="")  # of browsers, or of a newer runtime
    found = library.version()
    return EngineFound(name, precision, found is not None, found, "" if found else library.install)


def _free() -> int | None:
    if not _MEMORY.is_file():
        return None
    lines = (line.split() for line in _MEMORY.read_text().splitlines())
    return next((int(words[1]) << 10 for words in lines if words and words[0] == "MemAvailable:"), None)


def _allowed() -> int | None:
    """Return what the limit of the control group leaves, in a container."""
    try:
        most, used = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return int(most) - int(used)
    except (OSError, ValueError):  # no such group, or "max"
        return None
