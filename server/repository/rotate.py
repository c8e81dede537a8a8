"""Replaces a key, and renews expiry dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from securesystemslib.signer import Key
from tuf.api.metadata import Root, Targets

from edge_runtime.bundle.release import RolloutDocument, dump_document
from server.errors import RepositoryError
from server.objects import Place
from server.repository.draft import Draft
from server.repository.holds import holds_without
from server.repository.keys import KeyRing
from server.repository.repository import Repository, changing, keys_of, reading
from server.repository.roles import (
    DELEGATED,
    KEYS,
    ROLES,
    ROLLOUT,
    ROOT,
    ROOT_KEYS,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
    TOP_LEVEL,
    role_of,
)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A replaced key.

    Attributes:
        key: its name.
        old: id of the key that no longer counts.
        new: id of the key that counts now.
        documents: what the new key has signed again.
        dropped: what is no longer on offer.
        held: what holds rollouts back as before, for the manifest that is final now.
    """

    key: str
    old: str
    new: str
    documents: tuple[str, ...]
    dropped: tuple[str, ...]
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expiry:
    """Until when the metadata of a role is valid, and whether that is over."""

    role: str
    version: int
    expires: str
    days_left: float
    expired: bool


def rotate(
    path: Place, name: str, keys: KeyRing, *, uri: str | None = None, drop: bool = False, now: datetime | None = None
) -> Rotated:
    """Replace a key by a new one; devices take it over with their next check.

    Args:
        path: the repository.
        name: name of the key.
        keys: the keys.
        uri: URI of the new key, if it is elsewhere; None writes a key file.
        drop: take what the role has signed off the offer, because the old key was stolen. What was held back stays so.
        now: the time that counts.

    Raises:
        RepositoryError: there is no such key.
        SigningError: a key that must sign the change is missing.
    """
    role = role_of(name)
    if name not in KEYS:
        raise RepositoryError(f"found the key {name!r}, expected one of {', '.join(KEYS)}.")
    if drop and role not in DELEGATED:
        raise RepositoryError(f"--drop: found the role {role!r}, expected one of {', '.join(DELEGATED)}.")
    with changing(path) as repository:
        draft = Draft(repository, keys, now)
        signs = ROOT if role in TOP_LEVEL else TARGETS
        draft.change(signs)  # before a key file is written: it may lack a key
        holds = holds_without(repository, role) if drop else {}
        if holds and role != ROLLOUT:
            draft.change(ROLLOUT)  # before a key file is written, too
        new = keys.create(name, uri)
        old = _replace(draft.root.signed if signs == ROOT else draft.targets[TARGETS].signed, name, new)
        documents = tuple(sorted(draft.targets[role].signed.targets)) if role in draft.targets else ()
        if drop:
            _drop(draft, role, holds)
        draft.change(role)
        draft.commit()
    if not drop:
        return Rotated(name, old, new.keyid, documents, ())
    return Rotated(name, old, new.keyid, (), tuple(path for path in documents if path not in holds), tuple(holds))


def renew(
    path: Place, roles: Sequence[str], keys: KeyRing, *, days: float | None = None, now: datetime | None = None
) -> list[Expiry]:
    """Sign the metadata of some roles again, valid from now.

    With the timestamp, the snapshot is renewed when it has less than half of its time left.

    Args:
        path: the repository.
        roles: names of roles.
        keys: the keys.
        days: how long it is valid; None for the usual time of each role.
        now: the time that counts.

    Raises:
        RepositoryError: there is no such role.
        SigningError: a key is missing.
    """
    unknown = [role for role in roles if role not in ROLES]
    if unknown:
        raise RepositoryError(f"found the role {unknown[0]!r}, expected one of {', '.join(ROLES)}.")
    with changing(path) as repository:
        draft = Draft(repository, keys, now)
        wanted = set(roles)
        half = ROLES[SNAPSHOT].days / 2
        if TIMESTAMP in roles and expiry_of(repository, SNAPSHOT, draft.now).days_left < half:
            wanted.add(SNAPSHOT)
        for role in sorted(wanted):
            draft.change(role, days if role in roles else None)
        draft.commit()
    return expiries_of(path, now)


def expiries_of(path: Place, now: datetime | None = None) -> list[Expiry]:
    """Return until when the metadata of each role is valid."""
    with reading(path) as repository:
        return [expiry_of(repository, role, now or datetime.now(UTC)) for role in ROLES]


def key_name(role: str, index: int) -> str:
    """Return the name of a role's key."""
    return ROOT_KEYS[index] if role == ROOT else role


def _drop(draft: Draft, role: str, holds: Mapping[str, RolloutDocument]) -> None:
    draft.targets[role].signed.targets.clear()
    for path, hold in holds.items():
        draft.put(ROLLOUT, path, dump_document(hold))


def _replace(delegator: Root | Targets, name: str, new: Key) -> str:
    """Replace the key in place, so that the names of the others stay, and return the id of the old one."""
    role = role_of(name)
    index = ROOT_KEYS.index(name) if role == ROOT else 0
    old = keys_of(delegator, role)[index].keyid
    delegator.revoke_key(old, role)
    delegator.add_key(new, role)
    keyids = delegator.get_delegated_role(role).keyids
    keyids.remove(new.keyid)
    keyids.insert(index, new.keyid)
    return old


def expiry_of(repository: Repository, role: str, now: datetime) -> Expiry:
    """Return until when the metadata of a role is valid."""
    signed = repository.signed(role)
    left = (signed.expires - now).total_seconds() / 86_400
    return Expiry(
        role, signed.version, signed.expires.strftime("%Y-%m-%dT%H:%M:%SZ"), round(left, 2), expired=left <= 0
    )
