"""The newest bundle of a repository of signed releases (SPEC section 8); the server need not be trusted.

Signed metadata (:mod:`edge_runtime.sync.tuf`) gives length and digest of small documents, these give those of
manifests, and manifests those of all other files. Metadata is saved before anything that it names is fetched, so that
an older release is refused from then on, whatever happens next.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.release import (
    COMPONENTS,
    Digested,
    ReleaseDocument,
    check_derived,
    check_manifest,
    component_path,
    open_share,
    parse_component,
    parse_release,
    parse_rollout,
    position,
    release_path,
    rollout_path,
)
from edge_runtime.device_folder import Pointer, slot_name
from edge_runtime.errors import BundleError, BundleVersionError, UpdateRefusedError
from edge_runtime.files import write_atomically
from edge_runtime.sync.channel import Answer, Offer
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.trust import Installed, check_succession, checked_manifest

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Final:
    """What the documents of one target lead to.

    Attributes:
        raw: the bytes of the final manifest.
        manifest: the parsed manifest.
        documents: the documents on the way, of which the last gives it.
        notes: components that were skipped, and notes of the metadata.
    """

    raw: bytes
    manifest: Manifest
    documents: tuple[ReleaseDocument, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SignedChannel:
    """A repository of signed releases; see :class:`~edge_runtime.sync.channel.Channel`.

    Attributes:
        source: the server, or any other place of the files.
        target: the requested target.
        metadata: the trusted metadata of this device.
        documents: folder of documents that were read before, named by their digests.
        used: digests of the documents that were read this time.
    """

    source: Source
    target: str
    metadata: DeviceMetadata
    documents: Path
    used: set[str] = field(default_factory=set)

    def newest(self, held: Pointer | None, installed: Pointer | None) -> Answer:
        """Return the newest bundle; see :class:`Channel`."""
        self.metadata.update(self.source)
        return replace(self._newest(held, installed), fresh_until=self.metadata.fresh_until())

    def _newest(self, held: Pointer | None, installed: Pointer | None) -> Answer:
        if held is not None and held.slot == self.metadata.settled(self.target):
            return Answer(None, notes=self.metadata.notes)
        final = self._final()
        with suppress(ValueError):  # a manifest may state a day that no calendar has
            self.metadata.has_passed(datetime.fromisoformat(final.manifest.created).timestamp())
        is_turn = held is None or self._is_its_turn(final)
        self._forget_unused()
        if held is not None and slot_name(final.raw) == held.slot:
            if not final.notes:
                self.metadata.settle(self.target, held.slot)
            return Answer(None, notes=final.notes)
        if installed is not None:
            # Metadata must not be older, which is checked above. A component that is withdrawn lowers the number.
            current = Installed(installed.name, installed.target, installed.release)
            check_succession(final.manifest, current, allow_older=True)
        if not is_turn:
            return Answer(None, waiting=final.manifest.release, notes=final.notes)
        return Answer(Offer(final.raw, final.manifest, deltas=final.documents[-1].deltas), notes=final.notes)

    def _final(self) -> _Final:
        """Return the manifest that the documents of the target lead to."""
        data = self._document(release_path(self.target))
        if data is None:
            raise UpdateRefusedError(f"no release for {self.target!r} is signed. Choose another target with --target.")
        document = _refusing(lambda: parse_release(data, self.target))
        raw, manifest = self._manifest(document.manifest, document)
        final = _Final(raw, manifest, (document,), self.metadata.notes)
        for component in COMPONENTS:
            final = self._derived(final, component)
        return final

    def _derived(self, base: _Final, component: str) -> _Final:
        """Return what a component makes of a bundle; the bundle itself, with a note, if it cannot be used.

        A component that must not be used does not stop the device: with its key one could stop all updates otherwise.
        """
        path = component_path(component, self.target)
        try:
            data = self._document(path)
            if data is None:
                return base
            document = parse_component(data, component, self.target)
            if document.base != hashlib.sha256(base.raw).hexdigest():
                note = f"{component} release {document.release} is for another base and was skipped"
                return replace(base, notes=(*base.notes, note))
            raw, manifest = self._manifest(document.manifest, document)
            check_derived(base.manifest, manifest, component)
        except (BundleError, UpdateRefusedError) as error:
            note = f"the release of {component} was refused: {error}"
            return replace(base, notes=(*base.notes, note))
        return _Final(raw, manifest, (*base.documents, document), base.notes)

    def _manifest(self, digested: Digested, document: ReleaseDocument) -> tuple[bytes, Manifest]:
        raw = self._read(digested.sha256, digested.bytes, f"files/{digested.sha256}", "the manifest")
        manifest = checked_manifest(raw, target=self.target)
        _refusing(lambda: check_manifest(document, manifest))
        return raw, manifest

    def _is_its_turn(self, final: _Final) -> bool:
        """Return whether the staged rollouts of a release and of all components have come to this device.

        Of all, because the key of a component must not open the rollout of what it derives from.
        """
        staged = [(document, document.wave) for document in final.documents if document.wave is not None]
        if not staged:
            return True
        data = self._document(rollout_path(self.target))
        rollout = None if data is None else _refusing(lambda: parse_rollout(data, self.target))
        now, draw = self.metadata.now(), self.metadata.draw()
        return all(
            position(wave.salt, draw) < open_share(document, document.manifest.sha256, rollout, now)
            for document, wave in staged
        )

    def _document(self, path: str) -> bytes | None:
        """Return a signed document, or None if there is none at this path."""
        found = self.metadata.target(path, self.source)
        if found is None:
            return None
        folder, _, name = path.rpartition("/")
        return self._read(found.sha256, found.length, f"targets/{folder}/{found.sha256}.{name}", path)

    def _forget_unused(self) -> None:
        for path in self.documents.iterdir() if self.documents.is_dir() else ():
            if path.name not in self.used:
                path.unlink(missing_ok=True)

    def _read(self, sha256: str, n_bytes: int, path: str, what: str) -> bytes:
        """Return a small file with this digest, from the folder of documents or from the server."""
        self.used.add(sha256)
        kept = self.documents / sha256
        if kept.is_file() and _is(before := kept.read_bytes(), sha256, n_bytes):
            return before
        data = self.source.small(path, n_bytes, what)
        if data is None:
            raise UpdateRefusedError(
                f"the server lacks {what}, which is signed. Try again later, or tell the operator."
            )
        if not _is(data, sha256, n_bytes):
            raise UpdateRefusedError(
                f"{what}: found {len(data)} bytes with another digest, expected the {n_bytes} bytes that are signed. "
                "They were damaged or changed on their way. Sync again."
            )
        self.documents.mkdir(exist_ok=True)
        write_atomically(kept, data)
        return data


def _is(data: bytes, sha256: str, n_bytes: int) -> bool:
    return len(data) == n_bytes and hashlib.sha256(data).hexdigest() == sha256


def _refusing(read: Callable[[], Result]) -> Result:
    """Return the result of ``read``; what violates the format is refused."""
    try:
        return read()
    except BundleVersionError:
        raise
    except BundleError as error:
        raise UpdateRefusedError(f"the release is refused: {error}") from error
