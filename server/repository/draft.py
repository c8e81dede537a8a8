"""Changes a repository in one step.

Everything is written under new names first and ``timestamp.json`` last, so that a client sees the old release or the
new one at any moment, also if the process is killed. No version is written twice: a process that was killed, or that
publishes into the same storage at this moment, may have used the next one.
"""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, TargetFile

from edge_runtime.files import make_folder_durably, sync_folder, write_atomically
from server.repository.keys import KeyRing
from server.repository.log import FOLDER as LOG_FOLDER
from server.repository.log import dump_log
from server.repository.repository import (
    METADATA,
    TIMESTAMP_NAME,
    Kind,
    Repository,
    check,
    delegator,
    keys_of,
    permits,
    versions_of,
)
from server.repository.roles import DELEGATED, ROLES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from server.repository.store import TARGETS as DOCUMENTS


class Draft:
    """A change of a repository, which :meth:`commit` makes in one step.

    Args:
        repository: what is on offer.
        keys: the keys; only those of changed roles are opened.
        now: the time that counts.
    """

    def __init__(self, repository: Repository, keys: KeyRing, now: datetime | None = None) -> None:
        self.path = repository.path
        self.now = (now or datetime.now(UTC)).replace(microsecond=0)
        self.keys = keys
        self.log = repository.log
        self.store = repository.store
        self.root = copy.deepcopy(repository.root)
        self.targets = copy.deepcopy(repository.targets)
        self._before = repository
        self._timestamp = copy.deepcopy(repository.timestamp)
        self._snapshot = copy.deepcopy(repository.snapshot)
        self._changed: dict[str, float | None] = dict.fromkeys(repository.unfinished)

    def change(self, role: str, days: float | None = None) -> None:
        """Let :meth:`commit` write a new version of a role's metadata, valid for some days.

        The keys are opened here, so that a missing one is noticed before any work.

        Raises:
            SigningError: a key is missing.
        """
        self._changed[role] = days
        for needed in self._to_sign():
            self._signers(needed)

    def put(self, role: str, path: str, data: bytes) -> None:
        """Add or replace a document, which takes effect with :meth:`commit`."""
        file = TargetFile.from_data(path, data, ["sha256"])
        self.store.write_document(file, data)
        self.targets[role].signed.targets[path] = file

    def remove(self, role: str, path: str) -> None:
        """Take a document off what is on offer, with :meth:`commit`; its bytes stay until they are pruned."""
        del self.targets[role].signed.targets[path]

    def commit(self) -> None:
        """Sign the changed metadata and what depends on it, and offer it."""
        for role in (TARGETS, *DELEGATED):
            if role in self._changed:
                data = self._sign(role, self.targets[role])
                name = f"{role}.json"
                self._write(f"{self.targets[role].signed.version}.{name}", data)
                self._snapshot.signed.meta[name] = _described(self.targets[role].signed.version, data)
        if SNAPSHOT in self._to_sign():
            data = self._sign(SNAPSHOT, self._snapshot)
            version = self._snapshot.signed.version
            make_folder_durably(self.path / LOG_FOLDER)
            write_atomically(self.path / LOG_FOLDER / f"{version}.json", dump_log(self.log))
            self._write(f"{version}.snapshot.json", data)
            self._timestamp.signed.snapshot_meta = _described(version, data)
        timestamp = self._sign(TIMESTAMP, self._timestamp) if TIMESTAMP in self._to_sign() else None
        root = self._sign(ROOT, self.root) if ROOT in self._changed else None
        self._offer(timestamp, root)

    def _offer(self, timestamp: bytes | None, root: bytes | None) -> None:
        """Write the timestamp and a new root, in the order that keeps what is on offer valid.

        The root comes second where the keys of the root before have signed as well: a client with either root then
        finds a valid timestamp. Where such a key is lost, the root comes first. A process that is killed between them
        leaves metadata that only the root before permits, which the next change signs again.
        """
        before = self._before.root.signed
        top: dict[str, Metadata[Any]] = {
            TIMESTAMP: self._timestamp,
            SNAPSHOT: self._snapshot,
            TARGETS: self.targets[TARGETS],
        }
        root_first = root is not None and not all(permits(before, role, signed) for role, signed in top.items())
        if self._before.remote is not None:
            self._before.remote.root_first = root_first
        for folder in (self.path, self.path / DOCUMENTS):
            if folder.is_dir():
                sync_folder(folder)  # a process that was killed may have made a folder there, and not flushed its name
        files = {TIMESTAMP_NAME: timestamp, f"{self.root.signed.version}.root.json": root}
        for name in reversed(files) if root_first else files:
            data = files[name]
            if data is not None:
                self._write(name, data)

    def _to_sign(self) -> list[str]:
        """Return the roles to sign, in order: the snapshot names the targets, and the timestamp the snapshot."""
        changed: list[str] = [role for role in (ROOT, TARGETS, *DELEGATED) if role in self._changed]
        if not self._changed.keys() - {ROOT}:
            return changed
        snapshot = [SNAPSHOT] if self._changed.keys() - {ROOT, TIMESTAMP} else []
        return [*changed, *snapshot, TIMESTAMP]

    def _signers(self, role: str) -> list[Signer]:
        """Return the signers of a role: as many of its keys as it takes, and of its keys before this change."""
        delegates = delegator(self.root, self.targets, role)
        current = keys_of(delegates, role)
        signers = self.keys.signers(role, current, delegates.get_delegated_role(role).threshold)
        if role in DELEGATED:
            return signers
        if role == ROOT:
            return [*signers, *self._former_root_signers(signers)]
        ids = {key.keyid for key in current}
        former = [key for key in self._before.keys(role) if key.keyid not in ids and self.keys.holds(key)]
        return [*signers, *map(self.keys.signer, former)]

    def _former_root_signers(self, signers: list[Signer]) -> list[Signer]:
        """Return the signers that are missing for the threshold of the root before this change."""
        ids = {signer.public_key.keyid for signer in signers}
        before = self._before.keys(ROOT)
        missing = self._before.root.signed.roles[ROOT].threshold - sum(key.keyid in ids for key in before)
        others = [key for key in before if key.keyid not in ids]
        return self.keys.signers("the root before", others, missing) if missing > 0 else []

    def _sign(self, role: str, metadata: Metadata[Kind]) -> bytes:
        metadata.signed.version = 1 + max(metadata.signed.version, *self._versions(role))
        metadata.signed.expires = expiry(role, self.now, self._changed.get(role))
        metadata.signatures.clear()
        for signer in self._signers(role):
            metadata.sign(signer, append=True)
        check(metadata, delegator(self.root, self.targets, role), role)
        if role == ROOT:
            check(metadata, self._before.root.signed, role)
        return metadata.to_bytes()

    def _versions(self, role: str) -> list[int]:
        """Return the versions of a role's metadata that are there; those of roots follow each other without a gap."""
        return [0] if role in (ROOT, TIMESTAMP) else [0, *versions_of(self.path, role)]

    def _write(self, name: str, data: bytes) -> None:
        write_atomically(self.path / METADATA / name, data)


def expiry(role: str, now: datetime, days: float | None = None) -> datetime:
    """Return until when metadata that is signed ``now`` is valid."""
    return (now + timedelta(days=ROLES[role].days if days is None else days)).replace(microsecond=0)


def _described(version: int, data: bytes) -> MetaFile:
    return MetaFile.from_data(version, data, ["sha256"])
