"""What a device trusts: the metadata that it has verified, and lower bounds on versions and on the time.

The bounds outlive the metadata that they came from, because a device may lose files and has no reliable clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from msgspec import Struct, structs

from edge_runtime.errors import ExpiredMetadataError, UpdateRefusedError
from edge_runtime.sync.tuf.keys import ED25519, Schemes
from edge_runtime.sync.tuf.metadata import (
    TOP_LEVEL,
    AnySigned,
    Delegation,
    Document,
    Root,
    Signed,
    Snapshot,
    Targets,
    Timestamp,
    check_signatures,
    parse,
    refusal,
)

_LAST_TIME: Final = datetime.max.replace(tzinfo=UTC).timestamp() - 1


class Floors(Struct, frozen=True):
    """Lower bounds that survive the metadata that they came from.

    A bound ends when the root takes the keys away from the role that stated it: then its statements may have been an
    attacker's (section 5.3.11 of the specification). The root's own version never ends. The time ends with the keys of
    the timestamp, whose expiry is what limits it: a far one, with a wrong clock, would make all later files expired.

    Attributes:
        timestamp: the highest versions that a timestamp stated, by file: its own and the snapshot's.
        snapshot: the highest versions that a snapshot stated: its own and those of all files with targets.
        time: a time that has certainly passed, in seconds since 1970.
    """

    timestamp: dict[str, int] = {}
    snapshot: dict[str, int] = {}
    time: float = 0.0


@dataclass(frozen=True, slots=True)
class TrustedMetadata:
    """Verified metadata; immutable.

    Attributes:
        root: the newest root.
        timestamp: the newest timestamp, unless there is none or its keys were replaced.
        snapshot: the newest snapshot, likewise.
        targets: the newest top-level targets. Its signatures are checked again before every use, as are `delegated`'s.
        delegated: files of delegated roles as received, by role. They are parsed when they are used: a check without
            news needs none.
        floors: lower bounds.
        schemes: the signature schemes; Ed25519 alone on a device.
    """

    root: Document[Root]
    timestamp: Document[Timestamp] | None = None
    snapshot: Document[Snapshot] | None = None
    targets: Document[Targets] | None = None
    delegated: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    floors: Floors = field(default_factory=Floors)
    schemes: Schemes = field(default_factory=lambda: ED25519)

    @classmethod
    def pinned(cls, root: bytes, *, not_before: float = 0.0, schemes: Schemes = ED25519) -> "TrustedMetadata":
        """Start from a root file that came with the app or the bundle, and is trusted as it is.

        Args:
            root: the file.
            not_before: a time that has passed, such as when the app was built, for devices without a clock.
            schemes: the signature schemes.

        Raises:
            UpdateRefusedError: it is not a root file signed by its own keys.
        """
        document = parse(root, Root, "root")
        check_signatures(document, document.signed.delegation("root"), schemes, "root")
        return cls(document, floors=Floors(time=not_before), schemes=schemes)

    @classmethod
    def restored(cls, files: Mapping[str, bytes], floors: Floors, schemes: Schemes = ED25519) -> "TrustedMetadata":
        """Return what :meth:`files` and ``floors`` were saved from. A file that no longer verifies is left out.

        The signatures of the root are not checked again: they are its own, and prove nothing about where it was saved.

        Raises:
            UpdateRefusedError: the root is not valid.
        """
        self = cls(parse(files["root"], Root, "root"), floors=floors, schemes=schemes)
        delegated = {role: raw for role, raw in files.items() if role not in TOP_LEVEL}
        return replace(
            self,
            timestamp=self._verified(_parsed(files.get("timestamp"), Timestamp, "timestamp"), "timestamp"),
            snapshot=self._verified(_parsed(files.get("snapshot"), Snapshot, "snapshot"), "snapshot"),
            targets=_parsed(files.get("targets"), Targets, "targets"),
            delegated=MappingProxyType(delegated),
        )

    @property
    def files(self) -> dict[str, bytes]:
        """All files, by role, for saving."""
        tops = {"timestamp": self.timestamp, "snapshot": self.snapshot, "targets": self.targets}
        saved = {name: document.raw for name, document in tops.items() if document is not None}
        return {"root": self.root.raw} | saved | dict(self.delegated)

    def targets_of(self, role: str) -> Document[Targets] | None:
        """Return the file of a role with targets, or None if there is none, or only a damaged one."""
        return self.targets if role == "targets" else _parsed(self.delegated.get(role), Targets, role)

    @property
    def expiry(self) -> datetime:
        """When the first of the top-level files expires."""
        others = (self.timestamp, self.snapshot, self.targets)
        return min([self.root.signed.expiry, *(document.signed.expiry for document in others if document is not None)])

    def raised(self, time: float) -> "TrustedMetadata":
        """Return the same with a time bound of ``time``, unless the bound is higher.

        For a time that a signed document states, such as when a release was made. It is cut off just before the trusted
        timestamp expires: a wrong one must not make this device refuse every later timestamp.
        """
        if self.timestamp is not None:
            time = min(time, self.timestamp.signed.expiry.timestamp() - 1)
        return replace(self, floors=_with(self.floors, time=max(self.floors.time, time)))

    def with_root(self, root: Document[Root]) -> "TrustedMetadata":
        """Return the same under the next root: what its keys did not sign is dropped (5.3.11)."""
        replaced = [name for name in ("timestamp", "snapshot") if _are_replaced(self.root.signed, root.signed, name)]
        floors = _with(self.floors, **{name: {} for name in replaced})
        if "timestamp" in replaced:
            floors = _with(floors, time=0.0)
        under = replace(self, root=root, floors=floors)
        if replaced:
            return replace(under, timestamp=None, snapshot=None)
        return replace(
            under,
            timestamp=under._verified(self.timestamp, "timestamp"),
            snapshot=under._verified(self.snapshot, "snapshot"),
        )

    def with_timestamp(self, timestamp: Document[Timestamp]) -> "TrustedMetadata":
        """Return the same with a verified timestamp."""
        versions = {"timestamp.json": timestamp.signed.version, "snapshot.json": timestamp.signed.meta.snapshot.version}
        return replace(self, timestamp=timestamp, floors=_with(self.floors, timestamp=versions))

    def with_snapshot(self, snapshot: Document[Snapshot]) -> "TrustedMetadata":
        """Return the same with a verified snapshot, without the files that it does not list."""
        versions = {name: file.version for name, file in snapshot.signed.meta.items()}
        delegated = {role: raw for role, raw in self.delegated.items() if f"{role}.json" in versions}
        return replace(
            self,
            snapshot=snapshot,
            delegated=MappingProxyType(delegated),
            floors=_with(self.floors, snapshot=versions | {"snapshot.json": snapshot.signed.version}),
        )

    def with_targets(self, role: str, targets: Document[Targets]) -> "TrustedMetadata":
        """Return the same with a verified file of targets."""
        if role == "targets":
            return replace(self, targets=targets)
        return replace(self, delegated=MappingProxyType({**self.delegated, role: targets.raw}))

    def check(self, document: Document[AnySigned], delegation: Delegation, name: str) -> None:
        """Check the signatures of a file; see :func:`check_signatures`."""
        check_signatures(document, delegation, self.schemes, name)

    def is_signed(self, document: Document[AnySigned], delegation: Delegation, name: str) -> bool:
        """Return whether a role signed a file."""
        try:
            self.check(document, delegation, name)
        except UpdateRefusedError:
            return False
        return True

    def _verified(self, document: Document[AnySigned] | None, name: str) -> Document[AnySigned] | None:
        """Return a file if the current root's keys signed it, else None."""
        is_signed = document is not None and self.is_signed(document, self.root.signed.delegation(name), name)
        return document if is_signed else None


def check_fresh(signed: Signed, name: str, now: float) -> None:
    """Check that a file has not expired.

    Raises:
        ExpiredMetadataError: it has.
    """
    if now >= signed.expiry.timestamp():
        today = datetime.fromtimestamp(min(now, _LAST_TIME), UTC)
        raise ExpiredMetadataError(
            f"the server's signed metadata expired: its {name} file was valid until {signed.expiry:%Y-%m-%d %H:%M} "
            f"UTC, and here it is {today:%Y-%m-%d %H:%M} UTC. The bundle in use goes on working. If the date is right, "
            "the server has not signed anew, or an old copy of it was served; sync again later.",
            stale_since=signed.expiry,
        )


def check_floor(version: int, floor: int, what: str) -> None:
    """Check that a version is not below one that was trusted before.

    Raises:
        UpdateRefusedError: it is.
    """
    if version < floor:
        raise refusal(f"it offers version {version} of its {what} file, but this device has seen version {floor}")


def _are_replaced(old: Root, new: Root, name: str) -> bool:
    """Return whether the keys that could sign a role, as many as its threshold, are no longer trusted with it."""
    before, after = (
        {delegation.keys[keyid].keyval.public for keyid in delegation.role.keyids if keyid in delegation.keys}
        for delegation in (old.delegation(name), new.delegation(name))
    )
    return len(before & after) < min(old.delegation(name).role.threshold, len(before))


def _parsed(raw: bytes | None, kind: type[AnySigned], name: str) -> Document[AnySigned] | None:
    try:
        return None if raw is None else parse(raw, kind, name)
    except UpdateRefusedError:
        return None


def _with(floors: Floors, **changes: object) -> Floors:
    return structs.replace(floors, **changes)
