"""Deletes what no release on offer, no delta and none of the last releases needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server.repository.log import FOLDER as LOG_FOLDER
from server.repository.offer import read_offer
from server.repository.repository import METADATA, Repository, changing
from server.repository.store import FILES
from server.repository.store import TARGETS as DOCUMENTS


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted: number of files, and their bytes; ``kept_bytes`` is what remains."""

    files: int
    bytes: int
    kept_bytes: int


def prune(path: Path, *, keep: int, dry_run: bool = False) -> Pruned:
    """Delete the files that nothing needs.

    All roots stay, because a device that was away for long reads one after the other.

    Args:
        path: the repository.
        keep: number of releases of each target whose files stay, for rollbacks and as starting points of deltas.
        dry_run: delete nothing, and say what would be.

    Raises:
        RepositoryError: the repository is damaged.
    """
    with changing(path) as repository:
        needed = _needed_files(repository, keep) | _needed_documents(repository) | _needed_metadata(repository)
        found = [file for name in (FILES, DOCUMENTS, METADATA, LOG_FOLDER) for file in _files(path / name)]
        doomed = [file for file in found if file not in needed]
        n_bytes, total = (sum(file.stat().st_size for file in files) for files in (doomed, found))
        if not dry_run:
            for file in doomed:
                file.unlink()
    return Pruned(len(doomed), n_bytes, total - n_bytes)


def _needed_files(repository: Repository, keep: int) -> set[Path]:
    store, digests = repository.store, set[str]()
    for target in repository.released_targets():
        manifests = {entry.final for entry in repository.log.of(target)[-keep:]}
        offer = read_offer(repository, target)
        if offer is not None:
            documents = [*(step.document for step in offer.steps), *offer.skipped]
            manifests |= {document.manifest.sha256 for document in documents}
            digests |= {delta.sha256 for document in documents for delta in document.deltas}
        for sha256 in manifests:
            if store.file(sha256).is_file():
                digests |= {sha256, *(entry.sha256 for entry in store.manifest(sha256).files)}
    return {store.file(sha256) for sha256 in digests}


def _needed_documents(repository: Repository) -> set[Path]:
    folder = repository.path / DOCUMENTS
    named = (file for metadata in repository.targets.values() for file in metadata.signed.targets.values())
    return {folder / prefixed for file in named for prefixed in file.get_prefixed_paths()}


def _needed_metadata(repository: Repository) -> set[Path]:
    """Return the metadata on offer, all roots, and the version before of the rest, which a client may be reading."""
    folder = repository.path / METADATA
    needed = {folder / "timestamp.json", *folder.glob("*.root.json")}
    snapshot = repository.snapshot.signed
    versions = {"snapshot.json": snapshot.version} | {name: meta.version for name, meta in snapshot.meta.items()}
    needed |= {folder / f"{v}.{name}" for name, version in versions.items() for v in (version, version - 1)}
    logs = sorted((path for path in _files(repository.path / LOG_FOLDER) if path.stem.isdecimal()), key=_number)
    return needed | set(logs[-2:])


def _number(path: Path) -> int:
    return int(path.stem)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
