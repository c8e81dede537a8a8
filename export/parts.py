"""Finished parts of an export, kept on disk: the next target and the next run reuse what is made of the same inputs."""

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_runtime import __version__
from edge_runtime.bundle.folder import write_durably

# Packages that decide what bytes a part has.
TOOLS = ("torch", "onnx", "onnxscript", "litert-torch", "ai-edge-litert", "pillow")


class Parts:
    """A folder of parts, each named by the digest of its inputs and of the tools that make it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, inputs: Mapping[str, object], make: Callable[[], bytes]) -> bytes:
        """Return the part ``name``, made from ``inputs`` now or in an earlier run.

        Args:
            name: a file name.
            inputs: all that the bytes depend on, as JSON values; digests stand for large things.
            make: makes the bytes.
        """
        path = self.path(name, inputs)
        if path.is_file():
            return path.read_bytes()
        data = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        write_durably(fresh, data)
        fresh.replace(path)
        return data

    def path(self, name: str, inputs: Mapping[str, object]) -> Path:
        """Return where the part made from ``inputs`` is, or would be."""
        key = json.dumps([name, __version__, tool_versions(), inputs], sort_keys=True)
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}-{name}"


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of bytes as hex."""
    return hashlib.sha256(data).hexdigest()


def tool_versions() -> dict[str, str]:
    """Return the versions of the packages that make parts; those that are not installed are left out."""
    found = {}
    for name in TOOLS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
