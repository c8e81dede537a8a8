"""What this machine is: its processor and its memory."""

import os
import platform
import sys
from pathlib import Path
from typing import Final

_SAME: Final = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}
_KIB: Final = 1024


def machine_name(name: str | None = None) -> str:
    """Return the name of a processor as in manifests: ``x86_64``, ``arm64``, ``armv7l`` and others.

    Args:
        name: as the system calls it [default: this machine's].
    """
    lower = (platform.machine() if name is None else name).lower()
    return _SAME.get(lower, lower)


def available_memory(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Return the bytes that a new process can use without swapping; None if this system does not tell.

    Systems without Linux's estimate give the free pages, which is less.
    """
    try:
        for line in meminfo.read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * _KIB
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return None


def peak_memory() -> int | None:
    """Return the largest resident size of this process so far, in bytes; None if this system does not tell."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * _KIB
