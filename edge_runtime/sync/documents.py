"""The signed documents of one target, and the manifests that they lead to (SPEC section "Signed releases").

Signed metadata gives length and digest of the documents, and these give those of manifests. Documents and manifests
are kept in a folder, so that a check reads them from there.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.folder import open_file
from edge_runtime.bundle.release import (
    COMPONENTS,
    MAX_DOCUMENT_BYTES,
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
from edge_runtime.errors import BundleError, BundleVersionError, UpdateRefusedError
from edge_runtime.files import write_atomically
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.trust import checked_manifest

Result = TypeVar("Result")
_OWN: Final = re.compile(r"[0-9a-f]{64}(\.new)?")


@dataclass(frozen=True, slots=True)
class Step:
    """A signed document, and the manifest that it leads to.

    Attributes:
        document: the document.
        raw: the bytes of the manifest.
        manifest: the manifest.
    """

    document: ReleaseDocument
    raw: bytes
    manifest: Manifest

    @property
    def sha256(self) -> str:
        """Digest of the manifest."""
        return self.document.manifest.sha256


@dataclass(slots=True)
class Chain:
    """The way to the newest bundle.

    Attributes:
        steps: the release of the whole bundle, then those of components, of which each derives from the one before.
        notes: what was left out, and why.
        lacks: whether something that is signed could not be had or must not be used.
    """

    steps: list[Step]
    notes: list[str] = field(default_factory=list)
    lacks: bool = False

    @property
    def final(self) -> Step:
        """The step that gives the final manifest."""
        return self.steps[-1]

    def leave_out(self, component: str, error: Exception) -> None:
        """Note a component that could not be had or must not be used."""
        self.notes.append(f"the release of {component} was left out: {error}")
        self.lacks = True


@dataclass(frozen=True, slots=True)
class SignedDocuments:
    """Reads what is signed for a target.

    Attributes:
        source: the server, or any other place of the files.
        target: the target.
        metadata: the trusted metadata of this device.
        folder: documents and manifests that were read before, named by their digests.
        used: digests of those that were read this time.
    """

    source: Source
    target: str
    metadata: DeviceMetadata
    folder: Path
    used: set[str] = field(default_factory=set)

    def chain(self) -> Chain:
        """Return the way to the newest bundle.

        A component that must not be used does not stop the device: with its key one could stop all updates otherwise.

        Raises:
            UpdateRefusedError: there is no release of the whole bundle, or it must not be used.
            BundleVersionError: it needs a newer runtime.
        """
        data = self._document(release_path(self.target))
        if data is None:
            raise UpdateRefusedError(f"no release for {self.target!r} is signed. Choose another target with --target.")
        chain = Chain([self._step(refusing(partial(parse_release, data, self.target)))])
        for component in COMPONENTS:
            try:
                self._extend(chain, component)
            except (BundleError, UpdateRefusedError) as error:
                chain.leave_out(component, error)
        return chain

    def rollout(self) -> RolloutDocument | None:
        """Return the rollout document, if there is one."""
        data = self._document(rollout_path(self.target))
        return None if data is None else refusing(partial(parse_rollout, data, self.target))

    def forget_unused(self) -> None:
        """Remove what was not read this time, and what a killed sync left of it; other files are none of ours."""
        for path in self.folder.iterdir() if self.folder.is_dir() and not self.folder.is_symlink() else ():
            is_own = _OWN.fullmatch(path.name) and (path.is_symlink() or path.is_file())
            if is_own and path.name not in self.used:
                path.unlink(missing_ok=True)

    def _extend(self, chain: Chain, component: str) -> None:
        """Add the release of a component to a chain, if there is one that derives from its last manifest."""
        data = self._document(component_path(component, self.target))
        if data is None:
            return
        document = parse_component(data, component, self.target)
        if document.base != chain.final.sha256:
            chain.notes.append(f"{component} release {document.release} is for another base and was skipped")
            return
        step = self._step(document)
        check_derived(chain.final.manifest, step.manifest, component)
        chain.steps.append(step)

    def _step(self, document: ReleaseDocument) -> Step:
        digested = document.manifest
        raw = self._read(digested.sha256, digested.bytes, f"files/{digested.sha256}", "the manifest")
        manifest = checked_manifest(raw, target=self.target)
        refusing(lambda: check_manifest(document, manifest))
        return Step(document, raw, manifest)

    def _document(self, path: str) -> bytes | None:
        found = self.metadata.target(path, self.source)
        if found is None:
            return None
        if found.length > MAX_DOCUMENT_BYTES:
            raise UpdateRefusedError(f"{path}: {found.length} bytes are signed, expected at most {MAX_DOCUMENT_BYTES}.")
        folder, _, name = path.rpartition("/")
        return self._read(found.sha256, found.length, f"targets/{folder}/{found.sha256}.{name}", path)

    def _read(self, sha256: str, n_bytes: int, path: str, what: str) -> bytes:
        self.used.add(sha256)
        kept = self._kept(sha256, n_bytes)
        if kept is not None:
            return kept
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
        self.folder.mkdir(exist_ok=True)
        write_atomically(self.folder / sha256, data)
        return data

    def _kept(self, sha256: str, n_bytes: int) -> bytes | None:
        """Return what was read before, if it is still what is signed."""
        try:
            with open_file(self.folder / sha256) as stream:
                data = stream.read(n_bytes + 1)
        except OSError:
            return None
        return data if _is(data, sha256, n_bytes) else None


def _is(data: bytes, sha256: str, n_bytes: int) -> bool:
    return len(data) == n_bytes and hashlib.sha256(data).hexdigest() == sha256


def refusing(read: Callable[[], Result]) -> Result:
    """Return the result of ``read``; what violates the format is refused."""
    try:
        return read()
    except BundleVersionError:
        raise
    except BundleError as error:
        raise UpdateRefusedError(f"the release is refused: {error}") from error
