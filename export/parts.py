"""Cache of finished parts of an export on disk: other targets and later runs reuse parts with equal inputs."""

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_runtime import __version__
from edge_runtime.files import write_atomically

# Packages whose versions affect the bytes of a part.
TOOLS = ("torch", "onnx", "onnxscript", "litert-torch", "ai-edge-litert", "pillow")


class PartCache:
    """A folder of parts, each named by the digest of its inputs and of the tool versions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, name: str, inputs: Mapping[str, object], build: Callable[[], bytes]) -> bytes:
        """Return the part ``name`` for ``inputs``; builds it if it is not in the cache.

        Args:
            name: file name.
            inputs: everything that the bytes depend on, as JSON values; use digests for large values.
            build: function that returns the bytes.
        """
        path = self.path(name, inputs)
        if path.is_file():
            return path.read_bytes()
        data = build()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        return data

    def path(self, name: str, inputs: Mapping[str, object]) -> Path:
        """Return the path of the part for ``inputs``, whether it exists or not."""
        key = json.dumps([name, __version__, tool_versions(), inputs], sort_keys=True)
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}-{name}"


def digest_of(data: bytes) -> str:
    """Return the SHA-256 digest of ``data`` as hexadecimal text."""
    return hashlib.sha256(data).hexdigest()


def tool_versions() -> dict[str, str]:
    """Return the versions of the packages in ``TOOLS`` that are installed."""
    versions = {}
    for name in TOOLS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
