"""Manifests for files that are handed from release to release."""

from collections.abc import Mapping
from functools import cache

import msgspec

from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import Manifest
from tests.tiny_bundle import Shape, tiny_contents


def manifest_of(files: Mapping[str, bytes]) -> Manifest:
    """Return a manifest that lists exactly these files; their contents need not be of their roles."""
    entries = tuple(describe(name, name.split(".")[0], data) for name, data in files.items())
    return msgspec.structs.replace(_manifest(), files=entries)


@cache
def _manifest() -> Manifest:
    return tiny_contents(n_items=40, seed=0, target="t", shape=Shape(), release=1, name="tiny")[0]
