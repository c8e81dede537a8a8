"""What devices of a target get: the release of the whole bundle, and the releases of components that derive from it."""

import hashlib
from dataclasses import dataclass

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.release import (
    COMPONENTS,
    ComponentDocument,
    ReleaseDocument,
    RolloutDocument,
    check_derived,
    check_manifest,
    component_path,
    open_share,
    parse_component,
    parse_release,
    parse_rollout,
    release_path,
    rollout_path,
)
from server.errors import RepositoryError
from server.repository.log import BUNDLE
from server.repository.repository import Repository
from server.repository.roles import ROLLOUT, TARGETS


@dataclass(frozen=True, slots=True)
class Step:
    """One document that devices apply.

    Attributes:
        what: ``bundle``, or the component.
        document: the document.
        manifest: the manifest that it leads to.
    """

    what: str
    document: ReleaseDocument
    manifest: Manifest

    @property
    def sha256(self) -> str:
        """Digest of the manifest."""
        return self.document.manifest.sha256


@dataclass(frozen=True, slots=True)
class Offer:
    """The release of a target on offer.

    Attributes:
        target: the target.
        steps: the release of the whole bundle, and those of components in effect, in order.
        skipped: releases of components for another base, which devices skip.
        rollout: what holds the rollout back, if it is of one of the steps: devices take all of them or none.
    """

    target: str
    steps: tuple[Step, ...]
    skipped: tuple[ComponentDocument, ...]
    rollout: RolloutDocument | None

    @property
    def final(self) -> Step:
        """The step that gives the final manifest."""
        return self.steps[-1]

    def open_share(self, rollout: RolloutDocument | None, now: float) -> float:
        """Return the share of the devices that all steps are open to, at ``now`` in seconds since 1970."""
        return min(open_share(step.document, step.sha256, rollout, now) for step in self.steps)


def read_offer(repository: Repository, target: str) -> Offer | None:
    """Return what devices of a target get, or None if there is no release for it.

    Raises:
        RepositoryError: a file is missing or damaged.
        BundleError: a document or manifest violates the specification.
    """
    data = repository.document(TARGETS, release_path(target))
    if data is None:
        return None
    steps = [bundle_step(repository, data, target)]
    skipped = []
    for component in COMPONENTS:
        document = component_document(repository, component, target)
        if document is None:
            continue
        if document.base != steps[-1].sha256:
            skipped.append(document)
            continue
        steps.append(component_step(repository, document, steps[-1]))
    held = repository.document(ROLLOUT, rollout_path(target))
    rollout = None if held is None else parse_rollout(held, target)
    is_current = rollout is not None and rollout.manifest in {step.sha256 for step in steps}
    return Offer(target, tuple(steps), tuple(skipped), rollout if is_current else None)


def offer_of(repository: Repository, target: str) -> Offer:
    """Return what devices of a target get.

    Raises:
        RepositoryError: there is no release for it.
    """
    offer = read_offer(repository, target)
    if offer is None:
        released = ", ".join(repository.released_targets()) or "none yet"
        raise RepositoryError(f"found no release for the target {target!r}, expected one of: {released}.")
    return offer


def bundle_step(repository: Repository, data: bytes, target: str) -> Step:
    """Return the step of a release of the whole bundle, whose document is ``data``."""
    return _step(repository, BUNDLE, parse_release(data, target))


def component_document(repository: Repository, component: str, target: str) -> ComponentDocument | None:
    """Return the document of a component, or None if there is none."""
    data = repository.document(component, component_path(component, target))
    return None if data is None else parse_component(data, component, target)


def component_step(repository: Repository, document: ComponentDocument, before: Step) -> Step:
    """Return the step of a component that derives from ``before``.

    Raises:
        BundleError: it changes what the component does not own.
    """
    step = _step(repository, document.component, document)
    check_derived(before.manifest, step.manifest, document.component)
    return step


def digest(data: bytes) -> str:
    """Return the sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def _step(repository: Repository, what: str, document: ReleaseDocument) -> Step:
    manifest = repository.store.manifest(document.manifest.sha256)
    check_manifest(document, manifest)
    return Step(what, document, manifest)
