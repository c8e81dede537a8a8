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
        rollout: what holds the rollout back, if it is of this release.
    """

    target: str
    steps: tuple[Step, ...]
    skipped: tuple[ComponentDocument, ...]
    rollout: RolloutDocument | None

    @property
    def final(self) -> Step:
        """The step that gives the final manifest."""
        return self.steps[-1]


def read_offer(repository: Repository, target: str) -> Offer | None:
    """Return what devices of a target get, or None if there is no release for it.

    Raises:
        RepositoryError: a file is missing or damaged.
        BundleError: a document or manifest violates the specification.
    """
    data = repository.document(TARGETS, release_path(target))
    if data is None:
        return None
    steps = [_step(repository, BUNDLE, parse_release(data, target))]
    skipped = []
    for component in COMPONENTS:
        data = repository.document(component, component_path(component, target))
        if data is None:
            continue
        document = parse_component(data, component, target)
        if document.base != steps[-1].sha256:
            skipped.append(document)
            continue
        step = _step(repository, component, document)
        check_derived(steps[-1].manifest, step.manifest, component)
        steps.append(step)
    held = repository.document(ROLLOUT, rollout_path(target))
    rollout = None if held is None else parse_rollout(held, target)
    is_current = rollout is not None and rollout.manifest == steps[-1].sha256
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


def digest(data: bytes) -> str:
    """Return the sha256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def _step(repository: Repository, what: str, document: ReleaseDocument) -> Step:
    manifest = repository.store.manifest(document.manifest.sha256)
    check_manifest(document, manifest)
    return Step(what, document, manifest)
