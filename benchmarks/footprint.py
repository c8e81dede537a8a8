"""Prints sizes: the device's wheel with its dependencies on disk, and the page's downloads by stage.

Sizes are exact, and equal on all machines of one platform.

Usage: python -m benchmarks.footprint [--bundle build/demo/bundles/browser-wasm] [--json]
"""

import argparse
import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from edge_runtime.bundle import Manifest, open_folder
from edge_runtime.errors import PocketRecError

DIST: Final = Path("web_demo/dist")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--bundle", type=Path, help="A browser bundle, to add its parts to the page's downloads.")
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    options = parser.parse_args()
    manifest = None if options.bundle is None else open_folder(options.bundle).manifest
    result = {"device_install_bytes": installed_sizes("pocketrec"), "page_download_bytes": page_sizes(DIST, manifest)}
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for title, sizes in (
        ("Device, installed", result["device_install_bytes"]),
        ("Page", result["page_download_bytes"]),
    ):
        print(title)
        for name, size in sorted(sizes.items(), key=lambda entry: -entry[1]):
            print(f"  {size / 1e6:9.2f} MB  {name}")
        print(f"  {sum(sizes.values()) / 1e6:9.2f} MB  total\n")


def installed_sizes(name: str) -> dict[str, int]:
    """Return the bytes on disk of a distribution and its dependencies without extras, by name.

    Of the distribution itself only the package ``edge_runtime`` is counted, as in its wheel.

    Raises:
        PackageNotFoundError: a requirement is not installed.
    """
    sizes = {
        each.metadata["Name"]: sum(path.stat().st_size for path in _files(each) if path.is_file())
        for each in _with_dependencies(name)
    }
    sizes[name] = sum(path.stat().st_size for path in Path("edge_runtime").rglob("*") if path.suffix != ".pyc")
    return sizes


def page_sizes(dist: Path, manifest: Manifest | None) -> dict[str, int]:
    """Return the bytes that a first visit downloads, compressed with Brotli as served, by part of page and bundle.

    Raises:
        PocketRecError: the page has not been built.
    """
    compressed = [path for path in dist.rglob("*.br") if path.is_file()]
    if not compressed:
        raise PocketRecError(f"{dist}: found no built page; run `make web` first.")
    sizes: dict[str, int] = {}
    for path in compressed:
        part = _part_of(path.name)
        sizes[part] = sizes.get(part, 0) + path.stat().st_size
    if manifest is not None:
        for entry in manifest.files:
            part = f"bundle: {entry.role.replace('_', ' ')}"
            sizes[part] = sizes.get(part, 0) + entry.bytes
    return sizes


def _part_of(name: str) -> str:
    if "asyncify" in name or name.startswith("engine-webgpu"):
        return "ONNX Runtime for WebGPU, with that target only"
    if name.startswith(("engine-onnxruntime", "ort-")):
        return "ONNX Runtime for WebAssembly, later"
    if name.startswith(("engine-language", "wllama")):
        return "language model engine, later"
    return "page: HTML, CSS and JavaScript"


def _with_dependencies(name: str) -> Iterator[Distribution]:
    queue, seen = [name], set()
    while queue:
        current = distribution(queue.pop())
        key = _normalized(current.metadata["Name"])
        if key in seen:
            continue
        seen.add(key)
        yield current
        queue += [required for line in current.requires or () if (required := _required(line)) is not None]


def _required(line: str) -> str | None:
    """Return the name in a requirement line; None for extras and for requirements of other platforms."""
    requirement, _, marker = line.partition(";")
    if "extra" in marker:
        return None
    match = _NAME.match(requirement.strip())
    if match is None:
        return None
    try:
        distribution(match[0])
    except PackageNotFoundError:
        if marker:
            return None
        raise
    return match[0]


def _files(installed: Distribution) -> Iterator[Path]:
    return (Path(str(installed.locate_file(entry))) for entry in installed.files or ())


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
