"""What a repository offers, for operators."""

from dataclasses import dataclass
from datetime import UTC, datetime

from server.objects import Place
from server.repository.log import Entry
from server.repository.offer import Offer, read_offer
from server.repository.repository import Repository, reading
from server.repository.roles import ROLES
from server.repository.rotate import Expiry, expiry_of, key_name
from server.repository.updates import Update, updates_to


@dataclass(frozen=True, slots=True)
class ComponentState:
    """A release of a component: its number, and whether devices apply it or skip it for its base."""

    component: str
    release: int
    in_effect: bool


@dataclass(frozen=True, slots=True)
class TargetState:
    """What devices of a target get.

    Attributes:
        target: the target.
        name: name of the bundle.
        release: number of the release.
        manifest: sha256 of the final manifest.
        bytes: size of all files.
        updates: what devices with earlier releases fetch.
        components: the releases of components.
        open: the share of the devices that may install it now.
        held: the share at which an operator holds the rollout; None if its schedule goes on.
        halted: whether the rollout is halted.
        rings: shares of the schedule; empty for everyone at once.
        start: start of the schedule.
        hours: hours from ring to ring.
        history: the releases so far, oldest first.
    """

    target: str
    name: str
    release: int
    manifest: str
    bytes: int
    updates: tuple[Update, ...]
    components: tuple[ComponentState, ...]
    open: float
    held: float | None
    halted: bool
    rings: tuple[float, ...]
    start: str | None
    hours: float | None
    history: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a repository.

    Attributes:
        releases: what devices of each target get.
        metadata: until when the metadata of each role is valid.
        expired: the roles whose metadata is no longer valid, so that devices take no updates.
        keys: ids of the keys, by their names.
        unfinished: roles whose new key has not signed yet, because a rotation was interrupted.
    """

    releases: tuple[TargetState, ...]
    metadata: tuple[Expiry, ...]
    expired: tuple[str, ...]
    keys: dict[str, str]
    unfinished: tuple[str, ...] = ()


def read_status(path: Place, now: datetime | None = None) -> Status:
    """Return the state of a repository, after verifying all metadata and documents.

    Raises:
        RepositoryError: there is none, or it is damaged.
    """
    now = now or datetime.now(UTC)
    with reading(path) as repository:
        offers = (read_offer(repository, target) for target in repository.released_targets())
        releases = tuple(_state(repository, offer, now) for offer in offers if offer is not None)
        keys = {key_name(role, index): key.keyid for role in ROLES for index, key in enumerate(repository.keys(role))}
        metadata = tuple(expiry_of(repository, role, now) for role in ROLES)
    expired = tuple(one.role for one in metadata if one.expired)
    return Status(releases, metadata, expired, keys, tuple(sorted(repository.unfinished)))


def _state(repository: Repository, offer: Offer, now: datetime) -> TargetState:
    final, rollout = offer.final, offer.rollout
    wave = final.document.wave
    applied = [ComponentState(step.what, step.document.release, True) for step in offer.steps[1:]]
    skipped = [ComponentState(document.component, document.release, False) for document in offer.skipped]
    return TargetState(
        target=offer.target,
        name=final.manifest.name,
        release=final.document.release,
        manifest=final.sha256,
        bytes=final.manifest.bundle_bytes,
        updates=updates_to(repository, offer),
        components=(*applied, *skipped),
        open=offer.open_share(rollout, now.timestamp()),
        held=None if rollout is None or rollout.share >= 1.0 else rollout.share,
        halted=rollout is not None and rollout.halted,
        rings=() if wave is None else wave.rings,
        start=None if wave is None else wave.start,
        hours=None if wave is None else wave.hours,
        history=repository.log.of(offer.target),
    )
