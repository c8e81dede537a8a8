"""What this machine is."""

import platform
from typing import Final

_SAME: Final = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}


def machine_name(name: str | None = None) -> str:
    """Return the name of a processor as in manifests: ``x86_64``, ``arm64``, ``armv7l`` and others.

    Args:
        name: as the system calls it [default: this machine's].
    """
    lower = (platform.machine() if name is None else name).lower()
    return _SAME.get(lower, lower)
