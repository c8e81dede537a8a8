"""The metadata files of The Update Framework: their fields, and how they are parsed and their signatures checked.

Of the specification's options, a device supports those of our repositories: consistent snapshots, SHA-256, and the
keys that :mod:`edge_runtime.sync.tuf.keys` knows. Unknown fields are ignored, but signatures cover them.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast

from msgspec import Meta, Struct, ValidationError, convert, field

from edge_runtime.bundle.parsing import JsonError
from edge_runtime.errors import UpdateRefusedError
from edge_runtime.sync.tuf.canonical import MAX_INTEGER, Json, canonical_json, read_json
from edge_runtime.sync.tuf.keys import Schemes

TOP_LEVEL: Final = ("root", "timestamp", "snapshot", "targets")

Version: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Length: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Digest: TypeAlias = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Time: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z\Z")
]
SpecVersion: TypeAlias = Annotated[str, Meta(pattern=r"\A1\.[0-9]+(\.[0-9]+)?\Z")]


class KeyValue(Struct, frozen=True):
    """The public part of a key."""

    public: str


class Key(Struct, frozen=True):
    """A public key."""

    keytype: str
    scheme: str
    keyval: KeyValue


class Role(Struct, frozen=True, kw_only=True):
    """Which keys may sign a file, and how many of them must."""

    keyids: list[str]
    threshold: Version

    def __post_init__(self) -> None:
        if len(set(self.keyids)) != len(self.keyids):
            raise ValueError("a role lists a key id twice")


class Delegation(NamedTuple):
    """A role with the keys that its key ids refer to."""

    keys: Mapping[str, Key]
    role: Role


class Hashes(Struct, frozen=True, forbid_unknown_fields=True):
    """The digest of a file. Other algorithms are refused, because they would not be checked."""

    sha256: Digest


class MetaFile(Struct, frozen=True):
    """What one metadata file says of another."""

    version: Version
    length: Length | None = None
    hashes: Hashes | None = None

    def matches(self, raw: bytes) -> bool:
        """Return whether a file has the length and the digest, as far as they are given."""
        has_digest = self.hashes is None or hashlib.sha256(raw).hexdigest() == self.hashes.sha256
        return self.length in (None, len(raw)) and has_digest


class Signed(Struct, frozen=True, kw_only=True):
    """The fields that all metadata files have."""

    version: Version
    spec_version: SpecVersion
    expires: Time

    def __post_init__(self) -> None:
        datetime.fromisoformat(self.expires)  # refuses a 30th of February

    @property
    def expiry(self) -> datetime:
        """When the file expires."""
        return datetime.fromisoformat(self.expires)


class Roles(Struct, frozen=True, forbid_unknown_fields=True):
    """The top-level roles."""

    root: Role
    timestamp: Role
    snapshot: Role
    targets: Role


class Root(Signed, frozen=True, kw_only=True):
    """Which keys sign the top-level files."""

    kind: Literal["root"] = field(name="_type")
    consistent_snapshot: bool
    keys: dict[str, Key]
    roles: Roles

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.consistent_snapshot:
            raise ValueError("consistent_snapshot is false")

    def delegation(self, name: str) -> Delegation:
        """Return a top-level role."""
        return Delegation(self.keys, getattr(self.roles, name))


class SnapshotMeta(Struct, frozen=True, forbid_unknown_fields=True, rename={"snapshot": "snapshot.json"}):
    """What a timestamp says: the current snapshot."""

    snapshot: MetaFile


class Timestamp(Signed, frozen=True, kw_only=True):
    """The file that every check fetches."""

    kind: Literal["timestamp"] = field(name="_type")
    meta: SnapshotMeta


class Snapshot(Signed, frozen=True, kw_only=True):
    """The current versions of all files with targets."""

    kind: Literal["snapshot"] = field(name="_type")
    meta: dict[str, MetaFile]


class TargetEntry(Struct, frozen=True):
    """What is signed of one target."""

    length: Length
    hashes: Hashes
    custom: object = None


@dataclass(frozen=True, slots=True)
class TargetFile:
    """What is signed of a target.

    Attributes:
        path: its path.
        length: its number of bytes.
        sha256: its digest.
        custom: what the repository adds; nothing checks it but the signature.
        role: the role that signed this.
    """

    path: str
    length: int
    sha256: str
    custom: object
    role: str

    @property
    def name(self) -> str:
        """The path of the file in the repository's targets folder, which contains the digest."""
        folder, slash, name = self.path.rpartition("/")
        return f"{folder}{slash}{self.sha256}.{name}"


class DelegatedRole(Role, frozen=True, kw_only=True):
    """A role that another one trusts with some targets, given as path patterns or as prefixes of the paths' digests."""

    name: Annotated[str, Meta(min_length=1)]
    terminating: bool
    paths: list[str] | None = None
    path_hash_prefixes: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name in TOP_LEVEL:
            raise ValueError(f"a delegated role has the name {self.name!r}")
        if (self.paths is None) == (self.path_hash_prefixes is None):
            raise ValueError("a delegated role needs either paths or path_hash_prefixes")
        if any("[" in pattern for pattern in self.paths or ()):
            raise ValueError("a path pattern has a bracket, but only * and ? are supported")

    def covers(self, path: str) -> bool:
        """Return whether the role is trusted with a target path."""
        if self.path_hash_prefixes is not None:
            return hashlib.sha256(path.encode()).hexdigest().startswith(tuple(self.path_hash_prefixes))
        return any(_path_matches(path, pattern) for pattern in self.paths or ())


class Delegations(Struct, frozen=True):
    """The roles that a file with targets trusts, most trusted first, and their keys."""

    keys: dict[str, Key]
    roles: list[DelegatedRole]

    def __post_init__(self) -> None:
        if len({role.name for role in self.roles}) != len(self.roles):
            raise ValueError("a role is delegated to twice")


class Targets(Signed, frozen=True, kw_only=True):
    """Targets, and the roles that other targets are delegated to."""

    kind: Literal["targets"] = field(name="_type")
    targets: dict[str, TargetEntry]
    delegations: Delegations | None = None

    @property
    def keys(self) -> Mapping[str, Key]:
        """The keys of the delegated roles."""
        return self.delegations.keys if self.delegations else {}

    def delegated(self, path: str) -> list[DelegatedRole]:
        """Return the roles that are trusted with a path, in order."""
        return [role for role in self.delegations.roles if role.covers(path)] if self.delegations else []


AnySigned = TypeVar("AnySigned", Root, Timestamp, Snapshot, Targets)


class _Signature(Struct, frozen=True):
    keyid: str
    sig: str


class _Envelope(Struct, frozen=True):
    signatures: list[_Signature]
    signed: dict[str, object]


@dataclass(frozen=True, slots=True)
class Document(Generic[AnySigned]):
    """A parsed metadata file.

    Attributes:
        raw: the file as received.
        signed: its content.
        message: the bytes that its signatures cover.
        signatures: signature of each key id, not checked yet.
        checked: results of the checks of signatures so far, because one search for a target checks a file many times.
    """

    raw: bytes
    signed: AnySigned
    message: bytes
    signatures: Mapping[str, str]
    checked: dict[tuple[str, str, str, str], bool] = dataclasses.field(default_factory=dict, compare=False, repr=False)

    def is_signed_by(self, keyid: str, key: Key, schemes: Schemes) -> bool:
        """Return whether there is a valid signature by a key under this key id."""
        signature, verify = self.signatures.get(keyid), schemes.get((key.keytype, key.scheme))
        if signature is None or verify is None:
            return False
        which = (key.keytype, key.scheme, key.keyval.public, signature)
        if which not in self.checked:
            self.checked[which] = verify(key.keyval.public, signature, self.message)
        return self.checked[which]


def parse(raw: bytes, kind: type[AnySigned], name: str) -> Document[AnySigned]:
    """Parse a metadata file, whose length the caller has checked.

    Args:
        raw: the file.
        kind: its type.
        name: its role, for errors.

    Raises:
        UpdateRefusedError: it is not a metadata file of this type.
    """
    try:
        envelope = convert(read_json(raw), _Envelope)
        signatures = {signature.keyid: signature.sig for signature in envelope.signatures}
        if len(signatures) != len(envelope.signatures):
            raise JsonError("a key id has two signatures")
        message = canonical_json(cast(Json, envelope.signed))
        return Document(raw, convert(envelope.signed, kind), message, signatures)
    except (JsonError, ValidationError) as error:
        raise refusal(f"its {name} file is not valid metadata: {error}") from error


def check_signatures(document: Document[AnySigned], delegation: Delegation, schemes: Schemes, name: str) -> None:
    """Check that enough distinct keys of a role signed a file.

    Raises:
        UpdateRefusedError: they did not.
    """
    signers = {
        (key.keytype, key.keyval.public)  # two key ids of one key count once
        for keyid in delegation.role.keyids
        if (key := delegation.keys.get(keyid)) is not None and document.is_signed_by(keyid, key, schemes)
    }
    if len(signers) < delegation.role.threshold:
        raise refusal(
            f"its {name} file {document.signed.version} is signed by {len(signers)} of the keys that this device "
            f"trusts with it, expected {delegation.role.threshold}"
        )


def refusal(reason: str) -> UpdateRefusedError:
    """Return the error for metadata that cannot be trusted."""
    return UpdateRefusedError(
        f"the server's signed metadata is refused: {reason}. Nothing was changed. If the address is right, the server, "
        "or something between it and this device, is damaged, outdated or hostile."
    )


def _path_matches(path: str, pattern: str) -> bool:
    """Return whether a path matches a pattern of ``*`` and ``?``, which do not match a slash."""
    parts, patterns = path.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
