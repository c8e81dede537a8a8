"""What a device fetches to get from an earlier release to the one on offer."""

from collections.abc import Sequence
from dataclasses import dataclass

from edge_runtime.bundle.delta import read_pack
from edge_runtime.bundle.manifest import File
from edge_runtime.bundle.release import COMPONENTS, Delta, component_path, release_path
from edge_runtime.errors import BundleError
from server.errors import RepositoryError
from server.repository.deltas import BACK
from server.repository.log import BUNDLE, ROLLBACK, Entry
from server.repository.offer import Offer, Step
from server.repository.repository import METADATA, TIMESTAMP_NAME, Repository
from server.repository.roles import SNAPSHOT, TARGETS, TIMESTAMP


@dataclass(frozen=True, slots=True)
class Update:
    """An update of a device.

    Attributes:
        release: number of the release that the device has.
        delta_bytes: size of the delta; None if it takes whole files.
        bytes: everything that it fetches: the delta, the files that this does not make, manifests, documents, metadata.
    """

    release: int
    delta_bytes: int | None
    bytes: int


def updates_to(repository: Repository, offer: Offer) -> tuple[Update, ...]:
    """Return the updates from the releases that deltas may lead from, newest first, except from those pruned."""
    entries = repository.log.of(offer.target)
    places = [len(entries) - 1 - back for back in BACK if back < len(entries)]
    return tuple(
        _update(repository, offer, entries[place], entries[place + 1 :])
        for place in places
        if repository.store.is_there(entries[place].final)
    )


def _update(repository: Repository, offer: Offer, entry: Entry, later: Sequence[Entry]) -> Update:
    final = offer.final
    here = {file.sha256 for file in repository.store.manifest(entry.final).files}
    missing = list({file.sha256: file for file in final.manifest.files if file.sha256 not in here}.values())
    delta = final.document.delta_from(entry.final)
    if delta is not None and delta.bytes >= sum(file.bytes for file in missing):
        delta = None  # as devices decide
    left = missing if delta is None else _not_made(repository, final, delta, missing)
    delta_bytes = None if delta is None else delta.bytes
    n_bytes = sum(file.bytes for file in left) + (delta_bytes or 0)
    return Update(entry.release, delta_bytes, n_bytes + _signed_bytes(repository, offer, later))


def _not_made(repository: Repository, final: Step, delta: Delta, missing: Sequence[File]) -> list[File]:
    """Return the files that a delta does not make; all of them if it is damaged, as devices find out."""
    try:
        made = read_pack(repository.store.read(delta.sha256), final.manifest).names
    except (BundleError, RepositoryError):
        made = ()
    return [entry for entry in missing if entry.name not in made]


def _signed_bytes(repository: Repository, offer: Offer, later: Sequence[Entry]) -> int:
    """Return the bytes of what later releases signed: manifests, documents, and the metadata that leads to them."""
    order = (BUNDLE, *COMPONENTS)
    changed = {BUNDLE if one.what == ROLLBACK else one.what for one in later}
    first = min(map(order.index, changed - {BUNDLE}), default=len(order))  # later components are derived anew
    n_bytes, roles = 0, [TIMESTAMP, SNAPSHOT]
    for step in offer.steps:
        if BUNDLE in changed or order.index(step.what) >= first:
            n_bytes += step.document.manifest.bytes + _document_bytes(repository, offer.target, step.what)
            roles.append(TARGETS if step.what == BUNDLE else step.what)
    for skipped in offer.skipped:  # a device reads these to find out
        if order.index(skipped.component) >= first:
            n_bytes += _document_bytes(repository, offer.target, skipped.component)
            roles.append(skipped.component)
    return n_bytes + sum(_metadata_bytes(repository, role) for role in roles)


def _document_bytes(repository: Repository, target: str, what: str) -> int:
    if what == BUNDLE:
        return len(repository.document(TARGETS, release_path(target)) or b"")
    return len(repository.document(what, component_path(what, target)) or b"")


def _metadata_bytes(repository: Repository, role: str) -> int:
    name = TIMESTAMP_NAME if role == TIMESTAMP else f"{repository.signed(role).version}.{role}.json"
    return (repository.path / METADATA / name).stat().st_size
