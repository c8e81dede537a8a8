"""What an installation takes: the device's wheel with its dependencies on disk, and the page's downloads by stage.

Sizes are exact and need no timing, so they are the same on every machine of one platform.

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
    found = {"device_install_bytes": installed_sizes("pocketrec"), "page_download_bytes": page_sizes(DIST, manifest)}
    if options.json:
        print(json.dumps(found, indent=1))
        return
    for title, sizes in (("Device, installed", found["device_install_bytes"]), ("Page", found["page_download_bytes"])):
        print(title)
        for name, size in sorted(sizes.items(), key=lambda entry: -entry[1]):
            print(f"  {size / 1e6:9.2f} MB  {name}")
        print(f"  {sum(sizes.values()) / 1e6:9.2f} MB  in all\n")


def installed_sizes(name: str) -> dict[str, int]:
    """Return the bytes on disk of a distribution and of everything that it requires without extras, by name.

    Of the distribution itself the package ``edge_runtime`` is counted, which is what its wheel holds.

    Raises:
        PackageNotFoundError: a requirement is not installed.
    """
    sizes = {
        found.metadata["Name"]: sum(path.stat().st_size for path in _files(found) if path.is_file())
        for found in _closure(name)
    }
    sizes[name] = sum(path.stat().st_size for path in Path("edge_runtime").rglob("*") if path.suffix != ".pyc")
    return sizes


def page_sizes(dist: Path, manifest: Manifest | None) -> dict[str, int]:
    """Return the bytes that a first visit downloads, Brotli as served, by part of the page and of the bundle.

    Raises:
        PocketRecError: the page is not built.
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
    if name.startswith(("engine-onnxruntime", "ort-")):
        return "ONNX Runtime for WebAssembly, later"
    if name.startswith(("engine-language", "wllama")):
        return "language model engine, later"
    return "page: HTML, CSS and JavaScript"


def _closure(name: str) -> Iterator[Distribution]:
    waiting, seen = [name], set()
    while waiting:
        found = distribution(waiting.pop())
        key = _normalized(found.metadata["Name"])
        if key in seen:
            continue
        seen.add(key)
        yield found
        waiting += [required for line in found.requires or () if (required := _required(line)) is not None]


def _required(line: str) -> str | None:
    """Return the name in a requirement line; None for an extra, or for another platform and so not installed here."""
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


def _files(found: Distribution) -> Iterator[Path]:
    return (Path(str(found.locate_file(entry))) for entry in found.files or ())


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
