"""Delta packs that lead from earlier releases to a new one."""

from collections.abc import Sequence
from typing import Final

from edge_runtime.bundle import BundleFolder, Manifest
from edge_runtime.bundle.delta import diff_files
from edge_runtime.bundle.release import Delta
from server.repository.log import Entry
from server.repository.store import FilesOfBundle, Store

BACK: Final = (1, 2, 4, 8)
"""How many releases back the releases are from which deltas lead to a new one."""

MAX_SHARE: Final = 0.6
"""Largest size of a delta, as a share of the files that changed: above that, a device had better fetch these."""


def starting_points(entries: Sequence[Entry], final: str) -> list[str]:
    """Return the digests of the manifests from which deltas lead to ``final``, newest first and each once."""
    finals = (entries[-back].final for back in BACK if back <= len(entries))
    return [sha256 for sha256 in dict.fromkeys(finals) if sha256 != final]


def write_deltas(store: Store, starts: Sequence[str], manifest: Manifest, folder: BundleFolder) -> tuple[Delta, ...]:
    """Write the delta packs to a new release, those that are worth it.

    Args:
        store: the files of the repository.
        starts: digests of the manifests to start from; one whose files were pruned is left out.
        manifest: the manifest of the new release.
        folder: its files.
    """
    deltas = []
    after = FilesOfBundle(manifest, folder)
    for start in starts:
        if not store.is_there(start):
            continue
        before = store.manifest(start)
        known = {entry.sha256 for entry in before.files}
        changed = sum(entry.bytes for entry in manifest.files if entry.sha256 not in known)
        if changed == 0 or not store.has(before):
            continue
        pack = diff_files(FilesOfBundle(before, store.bundle(before)), after, before, manifest)
        if pack is not None and len(pack) <= MAX_SHARE * changed:
            deltas.append(Delta(from_manifest=start, bytes=len(pack), sha256=store.write(pack)))
    return tuple(deltas)
