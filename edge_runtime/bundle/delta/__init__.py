"""Deltas between the files of two releases (SPEC section 13): what changed, in place of whole files.

A delta needs no trust of its own, because its result must have the length and the digest that the manifest states.
"""

from edge_runtime.bundle.delta.diff import diff_files
from edge_runtime.bundle.delta.pack import MAX_FILE_BYTES, Pack, read_pack

__all__ = ["MAX_FILE_BYTES", "Pack", "diff_files", "read_pack"]
