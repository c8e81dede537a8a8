"""The bundle format: one folder with a digest for every file. SPEC.md is normative."""

from edge_runtime.bundle.folder import BundleFolder, open_folder, write_folder
from edge_runtime.bundle.manifest import Manifest, dump_manifest, parse_manifest

__all__ = [
    "BundleFolder",
    "Manifest",
    "dump_manifest",
    "open_folder",
    "parse_manifest",
    "write_folder",
]
