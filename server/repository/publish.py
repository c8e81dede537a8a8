"""Publishes bundles: whole ones, those of one component, and earlier ones once more."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from msgspec.structs import replace

from edge_runtime.bundle import Manifest, dump_manifest
from edge_runtime.bundle.release import (
    ComponentDocument,
    Delta,
    Digested,
    ReleaseDocument,
    Wave,
    component_path,
    dump_document,
    release_path,
)
from edge_runtime.files import make_folder_durably, write_atomically
from server.errors import RepositoryError
from server.objects import Place
from server.repository.components import chain, check_only
from server.repository.deltas import starting_points, write_deltas
from server.repository.draft import Draft
from server.repository.keys import KeyRing
from server.repository.log import BUNDLE, ROLLBACK, Entry
from server.repository.offer import Offer, digest, read_offer
from server.repository.oms import FOLDER as MODEL_SIGNATURES
from server.repository.oms import load_model_key, model_signature
from server.repository.repository import changing
from server.repository.roles import TARGETS
from server.repository.rows import check_rows
from server.repository.sources import Source, check_name, earlier_source, read_sources, with_item_log

MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a release reaches the devices: ``rings`` are shares, and each opens ``hours`` after the one before."""

    hours: float
    rings: tuple[float, ...]
    max_refused: float

    def wave(self, now: datetime) -> Wave:
        """Return the schedule that starts ``now``; its salt gives devices new places."""
        return Wave(
            start=now.strftime(MOMENT),
            hours=self.hours,
            rings=self.rings,
            salt=secrets.token_hex(16),
            max_refused=self.max_refused,
        )


@dataclass(frozen=True, slots=True)
class Published:
    """A release of one target.

    Attributes:
        target: the target.
        name: the name of the bundle.
        release: its number.
        what: ``bundle``, a component, or ``rollback``.
        manifest: sha256 of the final manifest.
        bundle_bytes: size of all files.
        changed_bytes: size of the files that the release before does not have.
        deltas: sizes of the delta packs, newest starting point first.
        restores: the release whose files a rollback has.
    """

    target: str
    name: str
    release: int
    what: str
    manifest: str
    bundle_bytes: int
    changed_bytes: int
    deltas: tuple[int, ...]
    restores: int | None = None


def publish(
    path: Place,
    bundles: Path,
    keys: KeyRing,
    *,
    component: str | None = None,
    rollout: Rollout | None = None,
    allow_moved_rows: bool = False,
    oms_key: Path | None = None,
    now: datetime | None = None,
) -> list[Published]:
    """Release bundles as a whole, or what one component has changed in them.

    Bundles without a change are left out, except that without ``rollout`` a rollout in progress, which nothing holds
    back, is replaced by a release of the same files for everyone. A number that is not above the last release of the
    target is replaced by the next one.

    Args:
        path: the repository.
        bundles: a folder of bundle folders, as ``pocketrec export --out`` writes them, or one bundle folder.
        keys: the keys.
        component: the component; None for whole bundles.
        rollout: the staged rollout; None offers the release to all devices at once, or a component to those that the
            rollout of the release before it has reached.
        allow_moved_rows: publish items that have moved to other rows; no deltas lead to such a release.
        oms_key: file of a private key that signs the bundles for tools of OpenSSF model signing, too.
        now: the time that counts.

    Raises:
        RepositoryError: nothing has changed, rows have moved, something changed that the component does not own, a
            bundle has another name than the release before it, or two are for one target.
        BundleError: a bundle is invalid or damaged.
        SigningError: a key is missing.
    """
    with changing(path) as repository:
        draft = Draft(repository, keys, now)
        draft.change(component or TARGETS)
        private = None if oms_key is None else load_model_key(oms_key, keys.passphrase)
        done = []
        for source in read_sources(bundles):
            offer = read_offer(repository, source.manifest.target)
            check_name(source, None if offer is None else offer.final.manifest)
            before = None if offer is None or allow_moved_rows else offer.final.manifest
            if before is not None:
                check_rows(draft.store.bundle(before), source.folder)
            source = with_item_log(source, before, draft.store, component)
            opens = component is None and rollout is None and _is_opening(offer, draft.now)
            if opens or _has_changed(source.manifest, offer):
                release = _Release(draft, source, offer, rollout, has_deltas=not allow_moved_rows)
                done.append(release.whole() if component is None else release.component(component))
        if not done:
            raise RepositoryError(
                f"{bundles}: found the files that are on offer already, expected a change, or a rollout in progress "
                "that nothing holds back, which publishing without --wave opens to all devices. "
                "Look with `pocketrec release status`."
            )
        if private is not None:
            for one in done:
                _write_model_signature(draft, one, private)
        draft.commit()
    return done


def roll_back(
    path: Place,
    keys: KeyRing,
    *,
    target: str | None = None,
    to: int | None = None,
    rollout: Rollout | None = None,
    now: datetime | None = None,
) -> list[Published]:
    """Release the files of an earlier release once more, under a new number.

    Args:
        path: the repository.
        keys: the keys.
        target: the target; None for all.
        to: number of the earlier release; None for the one before that on offer.
        rollout: the staged rollout; None offers it to all devices at once.
        now: the time that counts.

    Raises:
        RepositoryError: there is no such release, its files were pruned, or they are on offer already.
        SigningError: a key is missing.
    """
    with changing(path) as repository:
        draft = Draft(repository, keys, now)
        draft.change(TARGETS)
        targets = repository.released_targets() if target is None else [target]
        sources = [earlier_source(repository, name, to) for name in targets]
        if not sources:
            raise RepositoryError(f"{path}: found no release yet, expected two for a rollback.")
        done = []
        for source in sources:
            offer = read_offer(repository, source.manifest.target)
            _check_restores(source, offer)
            done.append(_Release(draft, source, offer, rollout).whole())
        draft.commit()
    return done


def _check_restores(source: Source, offer: Offer | None) -> None:
    """Check that a rollback changes what devices get.

    Raises:
        RepositoryError: what it restores is on offer already.
    """
    if offer is None:
        return
    on_offer = offer.final.manifest
    if replace(source.manifest, release=on_offer.release, created=on_offer.created) == on_offer:
        raise RepositoryError(
            f"{offer.target}: release {source.restores} is what is on offer, as release {on_offer.release}. Nothing "
            "was changed. Choose another release with --to, or only some targets with --target."
        )


class _Release:
    """One target's part of a change.

    Args:
        draft: the change.
        source: the bundle to release.
        offer: what is on offer before it.
        rollout: the staged rollout.
        has_deltas: whether deltas lead to it.
    """

    def __init__(
        self, draft: Draft, source: Source, offer: Offer | None, rollout: Rollout | None, *, has_deltas: bool = True
    ) -> None:
        self._draft = draft
        self._source = source
        self._offer = offer
        self._wave = None if rollout is None else rollout.wave(draft.now)
        self._has_deltas = has_deltas
        self._target = source.manifest.target
        last = draft.log.last_number(self._target)
        # A rollback is made now; a bundle says itself when it was made.
        created = source.manifest.created if source.restores is None else draft.now.strftime(MOMENT)
        number = max(source.manifest.release, last + 1) if source.restores is None else last + 1
        self._manifest = replace(source.manifest, release=number, created=created)

    def whole(self) -> Published:
        """Release the whole bundle."""
        document = ReleaseDocument(**self._fields(self._manifest, self._write_files()))
        self._draft.put(TARGETS, release_path(self._target), dump_document(document))
        return self._finish(document, BUNDLE if self._source.restores is None else ROLLBACK)

    def component(self, component: str) -> Published:
        """Release what a component owns, and derive the releases of later components anew."""
        if self._offer is None:
            raise RepositoryError(
                f"{self._target}: found no release, expected one that {component!r} can derive from. "
                "Publish the whole bundle first, without --component."
            )
        self._keep_rollout(self._offer)
        check_only(self._offer.final.manifest, self._manifest, component)
        steps = chain(self._offer, self._manifest, component)
        for step in steps:
            self._draft.change(step.component)
        self._manifest = steps[-1].manifest
        deltas = self._write_files()
        for step in steps:
            fields = self._fields(step.manifest, deltas if step is steps[-1] else ())
            document = ComponentDocument(**fields, component=step.component, base=step.base)  # type: ignore[arg-type]  # one of COMPONENTS
            self._draft.put(step.component, component_path(step.component, self._target), dump_document(document))
        return self._finish(document, component)

    def _keep_rollout(self, offer: Offer) -> None:
        """Let a component reach only the devices that its base has reached: it brings the base with it.

        Raises:
            RepositoryError: the base is held back.
        """
        held = offer.rollout
        if held is not None and (held.halted or held.share < 1.0):
            raise RepositoryError(
                f"{self._target}: release {offer.final.document.release} is held back, and a release of a component "
                "would bring it to all devices. Open it with `pocketrec release promote`, or roll it back."
            )
        if self._wave is None:
            self._wave = offer.final.document.wave

    def _fields(self, manifest: Manifest, deltas: tuple[Delta, ...]) -> dict[str, Any]:
        """Write a manifest, and return the fields of the document that leads to it."""
        data = dump_manifest(manifest)
        return {
            "name": manifest.name,
            "target": manifest.target,
            "release": manifest.release,
            "manifest": Digested(len(data), self._draft.store.write(data)),
            "deltas": deltas,
            "wave": self._wave,
        }

    def _write_files(self) -> tuple[Delta, ...]:
        """Write the bundle's files and the deltas that lead to them, and return these."""
        store = self._draft.store
        self._source.write_into(store)
        if not self._has_deltas:
            return ()
        starts = starting_points(self._draft.log.of(self._target), digest(dump_manifest(self._manifest)))
        return write_deltas(store, starts, self._manifest, store.bundle(self._manifest))

    def _finish(self, document: ReleaseDocument, what: str) -> Published:
        """Record the release, and return what was published."""
        final, before = document.manifest.sha256, self._offer.final.manifest if self._offer else None
        published = self._draft.now.strftime(MOMENT)
        entry = Entry(document.release, what, final, published, self._source.restores)
        self._draft.log = self._draft.log.with_entries({self._target: entry})
        known = {file.sha256 for file in before.files} if before else set()
        return Published(
            target=self._target,
            name=self._manifest.name,
            release=document.release,
            what=what,
            manifest=final,
            bundle_bytes=self._manifest.bundle_bytes,
            changed_bytes=sum(file.bytes for file in self._manifest.files if file.sha256 not in known),
            deltas=tuple(delta.bytes for delta in document.deltas),
            restores=self._source.restores,
        )


def _has_changed(manifest: Manifest, offer: Offer | None) -> bool:
    """Return whether a bundle differs from what is on offer, except in its number, date and provenance."""
    if offer is None:
        return True
    before = offer.final.manifest
    same = replace(manifest, release=before.release, created=before.created, provenance=before.provenance)
    return same != before


def _is_opening(offer: Offer | None, now: datetime) -> bool:
    """Return whether a rollout has not reached all devices yet, although nothing holds it back."""
    if offer is None or (offer.rollout is not None and (offer.rollout.halted or offer.rollout.share < 1.0)):
        return False
    return offer.open_share(None, now.timestamp()) < 1.0


def _write_model_signature(draft: Draft, published: Published, private: EllipticCurvePrivateKey) -> None:
    data = model_signature(draft.store.manifest(published.manifest), published.manifest, private)
    path = draft.path / MODEL_SIGNATURES / f"{published.target}.{published.release}.sig"
    make_folder_durably(path.parent)
    write_atomically(path, data)
