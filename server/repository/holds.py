"""Keeps rollouts held back when documents are dropped: the hold goes over to the manifest that is then final."""

from collections.abc import Iterator
from contextlib import suppress

from msgspec.structs import replace

from edge_runtime.bundle.release import (
    COMPONENTS,
    ComponentDocument,
    RolloutDocument,
    parse_rollout,
    release_path,
    rollout_path,
)
from edge_runtime.errors import BundleError
from server.errors import RepositoryError
from server.repository.offer import Step, bundle_step, component_document, component_step
from server.repository.repository import Repository
from server.repository.roles import ROLLOUT, TARGETS


def holds_without(repository: Repository, role: str) -> dict[str, RolloutDocument]:
    """Return the rollout documents to sign when the documents of a role are dropped, by their paths.

    A thief may have signed any of them: what devices refuse is passed over, as they do.

    Args:
        repository: what is on offer.
        role: the role whose documents are dropped. A hold survives that of ``rollout``, too: a release that was
            halted must not go on because a key was replaced.
    """
    return {
        rollout_path(target): hold
        for target in repository.released_targets()
        if (hold := _hold_without(repository, role, target)) is not None
    }


def _hold_without(repository: Repository, role: str, target: str) -> RolloutDocument | None:
    held = _held(repository, target)
    if held is None or not (held.halted or held.share < 1.0):
        return None
    data = repository.document(TARGETS, release_path(target))
    if data is None:
        return None
    final = bundle_step(repository, data, target)
    documents = list(_components(repository, target))
    on_offer = {final.sha256, repository.log.of(target)[-1].final, *(one.manifest.sha256 for one in documents)}
    final = _final(repository, final, [one for one in documents if one.component != role])
    is_signed = role != ROLLOUT and held.manifest == final.sha256
    if held.manifest not in on_offer or final.document.wave is None or is_signed:
        return None
    return replace(held, manifest=final.sha256)


def _held(repository: Repository, target: str) -> RolloutDocument | None:
    with suppress(BundleError, RepositoryError):
        data = repository.document(ROLLOUT, rollout_path(target))
        return None if data is None else parse_rollout(data, target)
    return None


def _components(repository: Repository, target: str) -> Iterator[ComponentDocument]:
    for component in COMPONENTS:
        with suppress(BundleError, RepositoryError):
            document = component_document(repository, component, target)
            if document is not None:
                yield document


def _final(repository: Repository, base: Step, documents: list[ComponentDocument]) -> Step:
    """Return the last of the steps that devices take."""
    for document in documents:
        if document.base == base.sha256:
            with suppress(BundleError, RepositoryError):
                base = component_step(repository, document, base)
    return base
