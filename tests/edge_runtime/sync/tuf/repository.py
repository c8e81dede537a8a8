"""A signed repository in memory, made with python-tuf, and a device that updates from it."""

import copy
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from edge_runtime.sync.tuf import Found, MetadataStore, TrustedMetadata, drive, target, update

TODAY = datetime(2026, 3, 1, tzinfo=UTC)
IN_A_MONTH = TODAY + timedelta(days=30)
PUBLISHING = ("targets", "snapshot", "timestamp")


class Repository:
    """Metadata files by name, and the keys to make more of them.

    Attributes:
        files: published metadata files.
        targets: published targets, by path with digest.
        requests: names of the metadata files that were asked for.
        signers: the keys that sign a role, by role.
        states_digests: whether timestamp and snapshot state lengths and digests.

    Args:
        new_signer: makes a key pair.
        expires: when the first files expire.
    """

    def __init__(
        self,
        new_signer: Callable[[], CryptoSigner] = CryptoSigner.generate_ed25519,
        expires: datetime = IN_A_MONTH,
    ) -> None:
        self.new_signer = new_signer
        self.files: dict[str, bytes] = {}
        self.targets: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.signers: dict[str, list[CryptoSigner]] = {}
        self.states_digests = False
        self.metadata: dict[str, Metadata[Any]] = {
            "root": Metadata(Root(expires=expires)),
            "timestamp": Metadata(Timestamp(expires=expires)),
            "snapshot": Metadata(Snapshot(expires=expires)),
            "targets": Metadata(Targets(expires=expires)),
        }
        for role in self.metadata:
            self.rotate(role)
        self._put(*self.metadata)

    @property
    def root(self) -> Root:
        return cast(Root, self.metadata["root"].signed)

    @property
    def timestamp(self) -> Timestamp:
        return cast(Timestamp, self.metadata["timestamp"].signed)

    @property
    def snapshot(self) -> Snapshot:
        return cast(Snapshot, self.metadata["snapshot"].signed)

    def role(self, name: str = "targets") -> Targets:
        """Return a role with targets."""
        return cast(Targets, self.metadata[name].signed)

    def fetch(self, name: str, max_bytes: int) -> bytes | None:
        self.requests.append(name)
        return self.files.get(name)

    def publish(self, *roles: str) -> None:
        """Publish the next version of each role, or the first one."""
        for role in roles:
            if self.name_of(role) in self.files:
                self.metadata[role].signed.version += 1
            self._put(role)

    def republish(self, role: str, version: int) -> None:
        """Publish a role with a version, such as a lower one."""
        self.metadata[role].signed.version = version
        self._put(role)

    def rotate(self, role: str, n_keys: int = 1, threshold: int = 1) -> None:
        """Replace all keys of a top-level role by new ones."""
        self.set_keys(role, [self.new_signer() for _ in range(n_keys)], threshold)

    def set_keys(self, role: str, signers: Iterable[CryptoSigner], threshold: int = 1) -> None:
        self.signers[role] = list(signers)
        for keyid in list(self.root.roles[role].keyids):
            self.root.revoke_key(keyid, role)
        for signer in self.signers[role]:
            self.root.add_key(signer.public_key, role)
        self.root.roles[role].threshold = threshold

    def delegate(
        self, name: str, *paths: str, by: str = "targets", terminating: bool = False, expires: datetime = IN_A_MONTH
    ) -> None:
        """Delegate path patterns to a role, which is made if there is none of that name."""
        delegator = self.role(by)
        delegator.delegations = delegator.delegations or Delegations({}, roles={})
        assert delegator.delegations.roles is not None
        delegator.delegations.roles[name] = DelegatedRole(name, [], 1, terminating, list(paths) or ["*"])
        if name not in self.metadata:
            self.metadata[name] = Metadata(Targets(expires=expires))
            self.signers[name] = [self.new_signer()]
        for signer in self.signers[name]:
            delegator.add_key(signer.public_key, name)

    def add(self, path: str, content: bytes, role: str = "targets") -> None:
        """Put a target into a role."""
        file = TargetFile.from_data(path, content, ["sha256"])
        self.role(role).targets[path] = file
        folder, slash, name = path.rpartition("/")
        self.targets[f"{folder}{slash}{file.hashes['sha256']}.{name}"] = content

    def change(self, role: str, edit: Callable[[Metadata[Any]], None]) -> None:
        """Change the newest published file of a role without signing it anew."""
        name = self.name_of(role)
        metadata = Metadata.from_bytes(self.files[name])
        edit(metadata)
        self.files[name] = metadata.to_bytes(JSONSerializer(compact=True))

    def name_of(self, role: str) -> str:
        """Return the name of the newest file of a role."""
        return (
            "timestamp.json" if role == "timestamp" else f"{self.metadata[role].signed.version}.{quote(role, '')}.json"
        )

    def copy(self) -> "Repository":
        """Return a copy of the published state."""
        other = copy.copy(self)
        other.files, other.targets, other.requests = dict(self.files), dict(self.targets), []
        return other

    def _put(self, *roles: str) -> None:
        for role in sorted(roles, key=lambda role: (role == "timestamp", role == "snapshot")):
            metadata = self.metadata[role]
            metadata.signatures.clear()
            for signer in self.signers[role]:
                metadata.sign(signer, append=True)
            raw = metadata.to_bytes(JSONSerializer(compact=True))
            self.files[self.name_of(role)] = raw
            stated = MetaFile(metadata.signed.version)
            if self.states_digests:
                stated = MetaFile.from_data(metadata.signed.version, raw, ["sha256"])
            if role == "snapshot":
                self.timestamp.snapshot_meta = stated
            elif role not in ("root", "timestamp"):
                self.snapshot.meta[f"{role}.json"] = stated


class Device:
    """A device with a store and a clock, which starts from the first root of a repository."""

    def __init__(self, repository: Repository, folder: Path, *, root: bytes | None = None) -> None:
        self.repository = repository
        self.path = folder / "store.sqlite"
        self.clock = TODAY
        with MetadataStore(self.path) as store:
            store.commit(TrustedMetadata.pinned(root or repository.files["1.root.json"]))

    def now(self) -> float:
        return self.clock.timestamp()

    def refresh(self) -> TrustedMetadata:
        with MetadataStore(self.path) as store:
            trusted = store.load()
            assert trusted is not None
            trusted = drive(update(trusted, self.now), self.repository.fetch, store.commit)
            store.commit(trusted)
        return trusted

    def find(self, path: str) -> Found:
        """Return a target after an update."""
        trusted = self.refresh()
        with MetadataStore(self.path) as store:
            store.load()
            found = drive(target(trusted, path, self.now), self.repository.fetch, store.commit)
            store.commit(found.trusted)
        return found

    def trusted(self) -> TrustedMetadata:
        with MetadataStore(self.path) as store:
            trusted = store.load()
        assert trusted is not None
        return trusted

    def versions(self) -> dict[str, int]:
        """Return the versions of all saved files."""
        return {role: Metadata.from_bytes(raw).signed.version for role, raw in self.trusted().files.items()}
