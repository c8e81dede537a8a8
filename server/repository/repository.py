"""The metadata of a repository, read and verified as a client does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from securesystemslib.signer import Key
from tuf.api.exceptions import RepositoryError as TufError
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from edge_runtime.lock import locked
from server.errors import RepositoryError
from server.objects import Place
from server.repository.log import FOLDER as LOG_FOLDER
from server.repository.log import Log, read_log
from server.repository.remote import Remote, push, working_copy
from server.repository.roles import DELEGATED, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, TOP_LEVEL
from server.repository.store import Store

METADATA: Final = "metadata"
LOCK_NAME: Final = ".lock"
TIMESTAMP_NAME: Final = f"{TIMESTAMP}.json"

_DAMAGED: Final = "The repository is damaged: restore it from a copy, then check it with `pocketrec release status`."

Kind = TypeVar("Kind", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True, slots=True)
class Repository:
    """The release on offer: verified metadata, and the record of the releases so far.

    Attributes:
        path: the folder.
        root: the newest root.
        timestamp: the timestamp.
        snapshot: the snapshot that the timestamp names.
        targets: the metadata of ``targets`` and of the delegated roles.
        log: the releases so far.
        remote: the storage of which ``path`` is a working copy; None for a folder.
        unfinished: roles whose metadata the root before has to vouch for, because the rotation of their key was
            interrupted; the next change signs them again.
    """

    path: Path
    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    targets: dict[str, Metadata[Targets]]
    log: Log
    remote: Remote | None = None
    unfinished: frozenset[str] = frozenset()

    @property
    def store(self) -> Store:
        """The content-addressed files."""
        return Store(self.path, self.remote)

    def signed(self, role: str) -> Signed:
        """Return the signed part of a role's metadata."""
        top = {ROOT: self.root.signed, SNAPSHOT: self.snapshot.signed, TIMESTAMP: self.timestamp.signed}
        return top.get(role) or self.targets[role].signed

    def keys(self, role: str) -> list[Key]:
        """Return the public keys of a role."""
        return keys_of(delegator(self.root, self.targets, role), role)

    def document(self, role: str, path: str) -> bytes | None:
        """Return the bytes of a signed document, or None if there is none."""
        file = self.targets[role].signed.targets.get(path)
        return None if file is None else self.store.read_document(file)

    def released_targets(self) -> list[str]:
        """Return the targets of bundles that have a release, sorted."""
        return sorted(self.log.releases)


def open_repository(path: Path, remote: Remote | None = None) -> Repository:
    """Read the metadata on offer, and verify all of it; its age does not matter.

    Args:
        path: the folder.
        remote: the storage of which it is a working copy.

    Raises:
        RepositoryError: there is no repository, or it is damaged.
    """
    folder = path / METADATA
    root: Metadata[Root] = _read(folder / f"{newest_root(path)}.root.json", Root)
    check(root, root.signed, ROOT)
    timestamp: Metadata[Timestamp] = _read(folder / TIMESTAMP_NAME, Timestamp)
    snapshot: Metadata[Snapshot] = _read_named(folder, SNAPSHOT, timestamp.signed.snapshot_meta, Snapshot)
    targets: dict[str, Metadata[Targets]] = {}
    for role in (TARGETS, *DELEGATED):
        targets[role] = _read_named(folder, role, snapshot.signed.meta[f"{role}.json"], Targets)
        if role in DELEGATED:
            check(targets[role], targets[TARGETS].signed, role)
    top: dict[str, Metadata[Any]] = {TIMESTAMP: timestamp, SNAPSHOT: snapshot, TARGETS: targets[TARGETS]}
    unfinished = frozenset(role for role, metadata in top.items() if not _is_signed(folder, metadata, root, role))
    log = read_log(path / LOG_FOLDER, snapshot.signed.version)
    return Repository(path, root, timestamp, snapshot, targets, log, remote, unfinished)


@contextmanager
def reading(place: Place) -> Iterator[Repository]:
    """Open a repository in a folder or in object storage, to look at it.

    Raises:
        RepositoryError: there is no repository, or it is damaged.
    """
    if isinstance(place, str):
        with working_copy(place) as (folder, remote):
            yield open_repository(folder, remote)
    else:
        yield open_repository(place)


@contextmanager
def changing(path: Place) -> Iterator[Repository]:
    """Open a repository for a change; if another process changes it as well, one of them is refused.

    In object storage the change takes effect at the end of the block.

    Raises:
        BusyError: another process is changing it.
        RepositoryError: there is no repository, or it is damaged.
    """
    if isinstance(path, str):
        with working_copy(path) as (folder, remote):
            timestamp = folder / METADATA / TIMESTAMP_NAME
            before = timestamp.read_bytes()
            yield open_repository(folder, remote)
            if timestamp.read_bytes() != before:
                push(folder, remote)
        return
    newest_root(path)
    with locked(path / LOCK_NAME, "`pocketrec release`"):
        yield open_repository(path)


def newest_root(path: Path) -> int:
    """Return the version of the newest root.

    Raises:
        RepositoryError: there is none.
    """
    versions = versions_of(path, ROOT)
    if not versions:
        raise RepositoryError(
            f"{path}: found no repository of releases, expected a folder that `pocketrec release init {path}` made."
        )
    return max(versions)


def versions_of(path: Path, role: str) -> list[int]:
    """Return the versions of a role's metadata that are there, on offer or not."""
    names = (entry.name.split(".", 1) for entry in (path / METADATA).glob(f"*.{role}.json"))
    return [int(version) for version, rest in names if version.isdecimal() and rest == f"{role}.json"]


def delegator(root: Metadata[Root], targets: dict[str, Metadata[Targets]], role: str) -> Root | Targets:
    """Return the metadata that names the keys of a role."""
    return root.signed if role in TOP_LEVEL else targets[TARGETS].signed


def keys_of(delegates: Root | Targets, role: str) -> list[Key]:
    """Return the public keys of a role, in the order of their names."""
    return [delegates.get_key(keyid) for keyid in delegates.get_delegated_role(role).keyids]


def check(metadata: Metadata[Kind], delegates: Root | Targets, role: str) -> None:
    """Check the signatures of a role's metadata.

    Raises:
        RepositoryError: fewer of the role's keys have signed it than it takes.
    """
    try:
        delegates.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (TufError, ValueError) as error:
        raise RepositoryError(f"{role}: {error}. {_DAMAGED}") from error


def permits(root: Root, role: str, metadata: Metadata[Kind]) -> bool:
    """Return whether the keys that a root names have signed the metadata of a role."""
    try:
        check(metadata, root, role)
    except RepositoryError:
        return False
    return True


def _is_signed(folder: Path, metadata: Metadata[Kind], root: Metadata[Root], role: str) -> bool:
    """Return whether a root permits the metadata of a role; False if only the root before it does.

    Raises:
        RepositoryError: neither does.
    """
    if permits(root.signed, role, metadata):
        return True
    before = folder / f"{root.signed.version - 1}.root.json"
    if not before.is_file() or not permits(_read(before, Root).signed, role, metadata):
        check(metadata, root.signed, role)
    return False


def _read(path: Path, kind: type[Kind]) -> Metadata[Kind]:
    try:
        return _parsed(path, path.read_bytes(), kind)
    except FileNotFoundError as error:
        raise RepositoryError(f"{path}: found no such file. {_DAMAGED}") from error


def _read_named(folder: Path, role: str, meta: MetaFile, kind: type[Kind]) -> Metadata[Kind]:
    """Read metadata that other metadata names by version, length and digest."""
    path = folder / f"{meta.version}.{role}.json"
    try:
        data = path.read_bytes()
        meta.verify_length_and_hashes(data)
    except (FileNotFoundError, TufError) as error:
        raise RepositoryError(f"{path}: {error}. {_DAMAGED}") from error
    return _parsed(path, data, kind)


def _parsed(path: Path, data: bytes, kind: type[Kind]) -> Metadata[Kind]:
    try:
        metadata: Metadata[Kind] = Metadata.from_bytes(data)
    except DeserializationError as error:
        raise RepositoryError(f"{path}: {error}. {_DAMAGED}") from error
    if not isinstance(metadata.signed, kind):
        raise RepositoryError(f"{path}: found metadata of {metadata.signed.type!r}. {_DAMAGED}")
    return metadata
