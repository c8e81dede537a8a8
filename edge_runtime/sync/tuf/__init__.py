"""The device's verifier of signed metadata: the client workflow of The Update Framework, without input and output.

The caller fetches and saves: :func:`update` and :func:`target` ask for the files that they need. They refuse whatever
python-tuf's client refuses, and a little more. Independent of HTTP, of SQLite and of the bundle's documents.
"""

from edge_runtime.sync.tuf.client import Found, Wanted, drive, target, update
from edge_runtime.sync.tuf.metadata import TargetFile
from edge_runtime.sync.tuf.store import MetadataStore
from edge_runtime.sync.tuf.trusted import Floors, TrustedMetadata

__all__ = [
    "Floors",
    "Found",
    "MetadataStore",
    "TargetFile",
    "TrustedMetadata",
    "Wanted",
    "drive",
    "target",
    "update",
]
