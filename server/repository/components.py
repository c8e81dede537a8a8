"""Derives the manifests of a release of one component."""

from dataclasses import dataclass

from msgspec.structs import replace

from edge_runtime.bundle import Manifest, dump_manifest
from edge_runtime.bundle.release import COMPONENTS, OWNED_FIELDS, OWNED_ROLES, check_derived, foreign_change
from server.errors import RepositoryError
from server.repository.offer import Offer, digest


@dataclass(frozen=True, slots=True)
class Derived:
    """A manifest that derives from another for a component.

    Attributes:
        component: the component.
        base: sha256 of the manifest that it derives from.
        manifest: the derived manifest.
    """

    component: str
    base: str
    manifest: Manifest


def check_only(before: Manifest, after: Manifest, component: str) -> None:
    """Check that a bundle differs from the one on offer only in what a component owns.

    Raises:
        RepositoryError: it differs in something else.
    """
    change = foreign_change(before, after, component)
    if change is not None:
        raise RepositoryError(
            f"{after.target}: {change} on offer, because {component!r} does not own it. "
            "Publish the whole bundle, without --component."
        )


def chain(offer: Offer, new: Manifest, component: str) -> list[Derived]:
    """Return the manifests to sign: the component's, and those of later components in effect, derived anew.

    Args:
        offer: what is on offer.
        new: the new bundle, which differs from the final manifest on offer only in what the component owns.
        component: the component.
    """
    place = COMPONENTS.index(component)
    earlier = [step for step in offer.steps if step.what not in COMPONENTS[place:]]
    later = [step.what for step in offer.steps if step.what in COMPONENTS[place + 1 :]]
    base, derived = earlier[-1].manifest, []
    base_sha256 = earlier[-1].sha256
    for name in (component, *later):
        manifest = _derive(base, new, name)
        check_derived(base, manifest, name)
        if name == component or manifest != base:
            derived.append(Derived(name, base_sha256, manifest))
            base, base_sha256 = manifest, digest(dump_manifest(manifest))
    return derived


def _derive(base: Manifest, new: Manifest, component: str) -> Manifest:
    """Return ``base`` with what a component owns taken from ``new``; files are in the order of ``new``."""
    owned = OWNED_ROLES[component]
    kept = {entry.name: entry for entry in base.files if entry.role not in owned}
    files = []
    for entry in new.files:
        mine = entry if entry.role in owned else kept.pop(entry.name, None)
        if mine is not None:
            files.append(mine)
    fields = {name: getattr(new, name) for name in OWNED_FIELDS[component]}
    return replace(base, files=(*files, *kept.values()), **fields)
