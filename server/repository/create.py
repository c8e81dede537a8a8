"""Creates a repository: its keys, and the first version of its metadata."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from securesystemslib.signer import Key
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)

from edge_runtime.files import replacing_folder
from server.errors import RepositoryError
from server.objects import Objects, Place
from server.repository.deployment import write_deployment
from server.repository.draft import expiry
from server.repository.keys import KeyRing
from server.repository.log import FOLDER as LOG_FOLDER
from server.repository.log import Log, dump_log
from server.repository.remote import Remote, push
from server.repository.repository import METADATA, TIMESTAMP_NAME, Kind
from server.repository.roles import (
    DELEGATED,
    KEYS,
    ROOT,
    ROOT_KEYS,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    path_pattern,
)
from server.repository.store import FILES

ROOT_THRESHOLD = 2


@dataclass(frozen=True, slots=True)
class Created:
    """A new repository.

    Attributes:
        path: its folder.
        keys: the folder of the key files.
        key_ids: ids of the keys, by their names.
    """

    path: Place
    keys: Path
    key_ids: Mapping[str, str]


def create(path: Place, keys: Path, signers: Mapping[str, str], now: datetime | None = None) -> Created:
    """Create the keys and an empty repository.

    Args:
        path: folder of the repository, or its URL.
        keys: folder of the key files.
        signers: URIs of keys that are elsewhere, by the names of the keys.
        now: the time that counts.

    Raises:
        RepositoryError: there is something already.
        SigningError: the passphrase is too short, or a signer cannot be used.
    """
    if isinstance(path, str):
        return _create_remote(path, keys, signers, now or datetime.now(UTC))
    _check_is_new(path, "a repository")
    _check_is_new(keys, "keys")
    if keys.resolve().is_relative_to(path.resolve()):
        raise RepositoryError(f"{keys}: the keys are inside the repository, which is served. Choose another folder.")
    now = now or datetime.now(UTC)
    with replacing_folder(path) as fresh:
        with replacing_folder(keys) as fresh_keys:
            public = _write(fresh, fresh_keys, signers, now)
        write_deployment(fresh, path.resolve(), keys.resolve())
    return Created(path, keys, {name: key.keyid for name, key in public.items()})


def _create_remote(url: str, keys: Path, signers: Mapping[str, str], now: datetime) -> Created:
    """Create a repository in object storage; the files that renew its timestamp are beside the keys."""
    _check_is_new(keys, "keys")
    remote = Remote(Objects(url))
    if remote.objects.list(METADATA):
        raise RepositoryError(f"{url}: found a repository, expected an empty place for a new one. Choose another.")
    with TemporaryDirectory(prefix="pocketrec-release-") as folder:
        with replacing_folder(keys) as fresh_keys:
            public = _write(Path(folder), fresh_keys, signers, now)
            write_deployment(fresh_keys, url, keys.resolve())
        # After the keys: a repository whose keys are lost would be of no use.
        push(Path(folder), remote)
    return Created(url, keys, {name: key.keyid for name, key in public.items()})


def _write(folder: Path, keys: Path, signers: Mapping[str, str], now: datetime) -> dict[str, Key]:
    """Write the keys and the metadata, and return the public keys."""
    keys.chmod(0o700)
    ring = KeyRing([keys])
    public = {name: ring.create(name, signers.get(name)) for name in KEYS}
    _write_metadata(folder, ring, public, now)
    return public


def _check_is_new(path: Path, what: str) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RepositoryError(
            f"{path}: found a file or a full folder, expected a new folder for {what}. Choose another."
        )


def _write_metadata(folder: Path, ring: KeyRing, public: Mapping[str, Key], now: datetime) -> None:
    for name in (METADATA, FILES, LOG_FOLDER):
        (folder / name).mkdir()
    root = _root(public, now)
    targets = {role: Metadata(Targets(expires=expiry(role, now))) for role in (TARGETS, *DELEGATED)}
    targets[TARGETS].signed.delegations = _delegations(public)
    written: dict[str, MetaFile] = {}

    def write(role: str, name: str, metadata: Metadata[Kind]) -> None:
        needed = root.signed.roles[ROOT].threshold if role == ROOT else 1
        for signer in ring.signers(role, [public[key] for key in (ROOT_KEYS if role == ROOT else (role,))], needed):
            metadata.sign(signer, append=True)
        data = metadata.to_bytes()
        (folder / METADATA / name).write_bytes(data)
        written[f"{role}.json"] = MetaFile.from_data(1, data, ["sha256"])

    write(ROOT, "1.root.json", root)
    for role, metadata in targets.items():
        write(role, f"1.{role}.json", metadata)
    meta = {f"{role}.json": written[f"{role}.json"] for role in targets}
    write(SNAPSHOT, "1.snapshot.json", Metadata(Snapshot(expires=expiry(SNAPSHOT, now), meta=meta)))
    timestamp = Timestamp(expires=expiry(TIMESTAMP, now), snapshot_meta=written["snapshot.json"])
    write(TIMESTAMP, TIMESTAMP_NAME, Metadata(timestamp))
    (folder / LOG_FOLDER / "1.json").write_bytes(dump_log(Log()))


def _root(public: Mapping[str, Key], now: datetime) -> Metadata[Root]:
    names = {ROOT: ROOT_KEYS} | {role: (role,) for role in TOP_LEVEL[1:]}
    roles = {
        role: Role([public[name].keyid for name in keys], ROOT_THRESHOLD if role == ROOT else 1)
        for role, keys in names.items()
    }
    keys = {public[name].keyid: public[name] for held in names.values() for name in held}
    return Metadata(Root(expires=expiry(ROOT, now), keys=keys, roles=roles, consistent_snapshot=True))


def _delegations(public: Mapping[str, Key]) -> Delegations:
    roles = {
        role: DelegatedRole(role, [public[role].keyid], 1, terminating=True, paths=[path_pattern(role)])
        for role in DELEGATED
    }
    return Delegations({public[role].keyid: public[role] for role in DELEGATED}, roles)
