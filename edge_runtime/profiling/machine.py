"""The machine that a profile was made on, and its measured peaks."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from edge_runtime.profiling.clocks import clock_ns
from edge_runtime.profiling.limits import Peaks
from edge_runtime.profiling.report import Machine

_LIBRARIES: Final = ("numpy", "onnxruntime", "ai-edge-litert", "tflite-runtime", "llama-cpp-python")


def described(peaks: Peaks) -> Machine:
    """Return the entry of the report."""
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count(),
        memory=_memory(),
        runtime=", ".join([f"Python {platform.python_version()}", *_installed()]),
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        clock_ns=clock_ns(),
        read_bytes_per_s={str(size): speed for size, speed in peaks.read_bytes_per_s.items()},
        operations_per_s=peaks.operations_per_s,
        digest_bytes_per_s=peaks.digest_bytes_per_s,
        disk_flush_ms=peaks.disk_flush_ms,
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model"):
                return value.strip()
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _installed() -> list[str]:
    found = []
    for name in _LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found
