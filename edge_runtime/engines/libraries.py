"""The library of each engine: its modules, its distributions, and how to install it. Nothing is imported here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Library:
    """A library of an engine, of which there may be several kinds; the first that is installed is used.

    Attributes:
        modules: what is imported.
        distributions: what is installed.
        install: command that installs it.
    """

    modules: tuple[str, ...]
    distributions: tuple[str, ...]
    install: str

    def version(self) -> str | None:
        """Return distribution and version as installed here, or None."""
        from importlib.metadata import PackageNotFoundError, version  # a device that recommends does without

        for name in self.distributions:
            try:
                return f"{name} {version(name)}"
            except PackageNotFoundError:
                continue
        return None


LIBRARIES: Final[Mapping[str, Library]] = {
    "onnxruntime": Library(("onnxruntime",), ("onnxruntime",), "pip install onnxruntime"),
    "litert": Library(
        ("ai_edge_litert", "tflite_runtime"),
        ("ai-edge-litert", "tflite-runtime"),
        "pip install ai-edge-litert (on boards without such a wheel: tflite-runtime 2.14 with numpy 1)",
    ),
    "reference": Library(("numpy",), ("numpy",), "pip install numpy"),
}
"""By the name of the engine in manifests."""
