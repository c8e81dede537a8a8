"""Deletes what no release on offer, no delta and none of the last releases needs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from server.objects import Place
from server.repository.log import FOLDER as LOG_FOLDER
from server.repository.offer import read_offer
from server.repository.repository import METADATA, TIMESTAMP_NAME, Repository, changing, versions_of
from server.repository.roles import ROOT, SNAPSHOT
from server.repository.store import FILES
from server.repository.store import TARGETS as DOCUMENTS

YOUNG: Final = timedelta(days=1)
"""In object storage, where nothing locks a repository, objects stay for so long, whatever needs them."""

_PARTS: Final = (FILES, DOCUMENTS, METADATA, LOG_FOLDER)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted: number of files, and their bytes; ``kept_bytes`` is what remains."""

    files: int
    bytes: int
    kept_bytes: int


def prune(path: Place, *, keep: int, dry_run: bool = False) -> Pruned:
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
        found = _found(repository)
        doomed = [name for name in found if name not in needed and not _is_young(repository, name)]
        n_bytes = sum(found[name] for name in doomed)
        if not dry_run:
            _delete(repository, doomed)
    return Pruned(len(doomed), n_bytes, sum(found.values()) - n_bytes)


def _found(repository: Repository) -> dict[str, int]:
    """Return the sizes of all that belongs to releases, by name."""
    if repository.remote is not None:
        return {name: size for name, size in repository.remote.sizes.items() if name.split("/")[0] in _PARTS}
    files = (file for part in _PARTS for file in sorted((repository.path / part).rglob("*")) if file.is_file())
    return {file.relative_to(repository.path).as_posix(): file.stat().st_size for file in files}


def _is_young(repository: Repository, name: str) -> bool:
    """Return whether an object may belong to a release that another process publishes at this moment."""
    remote = repository.remote
    return remote is not None and datetime.now(UTC) - remote.written[name] < YOUNG


def _delete(repository: Repository, names: list[str]) -> None:
    if repository.remote is not None:
        repository.remote.objects.delete(names)
        return
    for name in names:
        (repository.path / name).unlink()


def _needed_files(repository: Repository, keep: int) -> set[str]:
    store, digests = repository.store, set[str]()
    for target in repository.released_targets():
        manifests = {entry.final for entry in repository.log.of(target)[-keep:]}
        offer = read_offer(repository, target)
        if offer is not None:
            documents = [*(step.document for step in offer.steps), *offer.skipped]
            manifests |= {document.manifest.sha256 for document in documents}
            digests |= {delta.sha256 for document in documents for delta in document.deltas}
        for sha256 in manifests:
            if store.is_there(sha256):
                digests |= {sha256, *(entry.sha256 for entry in store.manifest(sha256).files)}
    return {f"{FILES}/{sha256}" for sha256 in digests}


def _needed_documents(repository: Repository) -> set[str]:
    named = (file for metadata in repository.targets.values() for file in metadata.signed.targets.values())
    return {f"{DOCUMENTS}/{prefixed}" for file in named for prefixed in file.get_prefixed_paths()}


def _needed_metadata(repository: Repository) -> set[str]:
    """Return the metadata on offer, all roots, and the version before of the rest, which a client may be reading."""
    needed = {f"{METADATA}/{TIMESTAMP_NAME}"}
    needed |= {f"{METADATA}/{version}.root.json" for version in versions_of(repository.path, ROOT)}
    snapshot = repository.snapshot.signed
    offered = {SNAPSHOT: snapshot.version} | {role: repository.signed(role).version for role in repository.targets}
    for role, version in offered.items():
        last = sorted(found for found in versions_of(repository.path, role) if found <= version)[-2:]
        needed |= {f"{METADATA}/{found}.{role}.json" for found in last}
    logs = (path for path in (repository.path / LOG_FOLDER).iterdir() if path.stem.isdecimal())
    numbers = sorted(number for path in logs if (number := int(path.stem)) <= snapshot.version)
    return needed | {f"{LOG_FOLDER}/{number}.json" for number in numbers[-2:]}
