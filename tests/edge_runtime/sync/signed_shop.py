"""A repository of signed releases of tiny bundles in a folder, and a device that syncs with it."""

import hashlib
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from edge_runtime.bundle import dump_manifest, open_folder
from edge_runtime.bundle.arrays import dump_arrays, load_arrays
from edge_runtime.bundle.delta import diff_files
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.release import (
    COMPONENTS,
    MAX_DELTAS,
    ComponentDocument,
    Delta,
    Digested,
    ReleaseDocument,
    RolloutDocument,
    Wave,
    dump_document,
)
from edge_runtime.device_folder import current_bundle
from edge_runtime.rounds.plan import RoundPlan, dump_plan, round_path
from edge_runtime.sync.apply import apply, writing
from edge_runtime.sync.device_metadata import DeviceMetadata
from edge_runtime.sync.documents import SignedDocuments
from edge_runtime.sync.fetch import Source
from edge_runtime.sync.folder_transport import FolderTransport
from edge_runtime.sync.layout import DOCUMENTS, TRUSTED
from edge_runtime.sync.report import SyncReport
from edge_runtime.sync.signed import SignedChannel
from edge_runtime.sync.transport import Transport
from edge_runtime.sync.trial import self_test
from tests.edge_runtime.sync.device import Time
from tests.edge_runtime.sync.tuf.repository import TODAY, Repository
from tests.tiny_bundle import make_tiny_bundle

LAPTOP = "laptop-x86_64"
Component = Literal["codebook", "transitions", "prompts", "adapter"]


class SignedShop:
    """A repository in ``folder`` as `pocketrec release` lays it out.

    Attributes:
        folder: the repository.
        target: the target of its releases.
        tuf: its metadata and keys.
        bundles: folder of each final bundle, by the digest of its manifest.
    """

    def __init__(self, folder: Path, target: str = LAPTOP) -> None:
        self.folder, self.target = folder, target
        self.tuf = Repository()
        self.bundles: dict[str, Path] = {}
        for role in (*COMPONENTS, "rollout"):
            self.tuf.delegate(role, f"{role}/*", terminating=True)
        self.tuf.publish(*COMPONENTS, "rollout", "targets", "snapshot", "timestamp")
        self.write()

    def renew(self, days: int = 30) -> None:
        """Let all metadata be valid by today's real date."""
        for metadata in self.tuf.metadata.values():
            metadata.signed.expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days)
        self.tuf.publish("root", *COMPONENTS, "rollout", "targets", "snapshot", "timestamp")
        self.write()

    def bundle(self, number: int) -> Path:
        """Make a bundle with random weights of its own."""
        folder = self.folder.parent / "made" / str(len(self.bundles))
        make_tiny_bundle(folder, seed=number, release=number, target=self.target)
        return folder

    def release(self, number: int, *, wave: Wave | None = None, bundle: Path | None = None) -> str:
        """Release a bundle; return the digest of its manifest."""
        made = bundle or self.bundle(number)
        return self._offer("targets", "bundle", partial(ReleaseDocument, wave=wave), number, made)

    def component(self, component: Component, number: int, bundle: Path, base: str, *, wave: Wave | None = None) -> str:
        """Release a component: a bundle that derives from another one."""
        kind = partial(ComponentDocument, component=component, base=base, wave=wave)
        return self._offer(component, component, kind, number, bundle)

    def hide(self, *digests: str) -> None:
        """Remove files that are signed, as a server without any key can: they have these digests in their names."""
        for path in self.folder.rglob("*"):
            if path.is_file() and any(digest in path.name for digest in digests):
                path.unlink()

    def hide_document(self, component: Component) -> None:
        """Remove the documents of a component."""
        shutil.rmtree(self.folder / "targets" / component)

    def roll_out(self, manifest: str, share: float, *, halted: bool = False) -> None:
        document = RolloutDocument(target=self.target, manifest=manifest, share=share, halted=halted)
        self._publish("rollout", f"rollout/{self.target}.json", dump_document(document))

    def open_round(self, plan: RoundPlan) -> None:
        """Sign the plan of a round."""
        self._publish("adapter", round_path(plan.target), dump_plan(plan))

    def write(self) -> None:
        """Write what is published, the timestamp last: a server reads everything again when it changes."""
        for path, data in self.tuf.targets.items():
            _put(self.folder / "targets" / path, data)
        for name, data in sorted(self.tuf.files.items(), key=lambda item: item[0] == "timestamp.json"):
            _put(self.folder / "metadata" / name, data)

    def _offer(self, role: str, folder: str, kind: Callable[..., ReleaseDocument], number: int, bundle: Path) -> str:
        for file in bundle.iterdir():
            _put(self.folder / "files" / _digest(file.read_bytes()), file.read_bytes())
        raw = (bundle / "manifest.json").read_bytes()
        manifest = open_folder(bundle).manifest
        document = kind(
            name=manifest.name,
            target=self.target,
            release=number,
            manifest=Digested(len(raw), _digest(raw)),
            deltas=tuple(self._delta(before, path, bundle) for before, path in [*self.bundles.items()][-MAX_DELTAS:]),
        )
        self.bundles[_digest(raw)] = bundle
        self._publish(role, f"{folder}/{self.target}.json", dump_document(document))
        return _digest(raw)

    def _delta(self, before: str, old: Path, new: Path) -> Delta:
        pack = diff_files(_files(old), _files(new), open_folder(old).manifest, open_folder(new).manifest) or b"none"
        _put(self.folder / "files" / _digest(pack), pack)
        return Delta(before, len(pack), _digest(pack))

    def _publish(self, role: str, path: str, data: bytes) -> None:
        self.tuf.add(path, data, role)
        self.tuf.publish(role, "snapshot", "timestamp")
        self.write()


def adapted(shop: SignedShop, base: str, number: int, *, also: str | None = None) -> Path:
    """Return a bundle that differs from another one in its adapter, and in one more file."""
    return changed(shop, base, number, "adapter.safetensors", *([] if also is None else [also]))


def changed(shop: SignedShop, base: str, number: int, *names: str, created: str | None = None) -> Path:
    """Return a bundle that differs from another one in some files, and perhaps in its date."""
    old = shop.bundles[base]
    folder = shop.folder.parent / "made" / f"changed-{number}"
    shutil.copytree(old, folder)
    for name in names:
        arrays = {key: array.copy() for key, array in load_arrays((folder / name).read_bytes(), name).items()}
        first = next(array for array in arrays.values() if array.dtype == np.float32)
        first.reshape(-1)[0] = np.nextafter(first.reshape(-1)[0], np.float32(np.inf))
        (folder / name).write_bytes(dump_arrays(arrays))
    manifest = open_folder(old).manifest
    files = tuple(describe(entry.name, entry.role, (folder / entry.name).read_bytes()) for entry in manifest.files)
    changed = msgspec.structs.replace(manifest, files=files, release=number, created=created or manifest.created)
    (folder / "manifest.json").write_bytes(dump_manifest(changed))
    return folder


class SignedDevice:
    """A device that trusts the first root of a shop."""

    def __init__(self, folder: Path, shop: SignedShop) -> None:
        self.folder, self.shop = folder, shop
        self.now = TODAY.timestamp()
        self.source = Source(FolderTransport(shop.folder))

    def sync(
        self,
        *,
        test: Callable[[Path], None] = self_test,
        preview: bool = False,
        transport: Transport | None = None,
        time: Time | None = None,
    ) -> SyncReport:
        """Sync with the shop, or over a transport, with a simulated clock for its waits."""
        time = time or Time()
        transport = transport or FolderTransport(self.shop.folder)
        self.source = Source(transport, clock=time.clock, sleep=time.sleep)
        with writing(self.folder), self._metadata() as metadata:
            channel = SignedChannel(SignedDocuments(self.source, LAPTOP, metadata, self.folder / DOCUMENTS))
            return apply(self.folder, channel=channel, self_test=test, preview=preview)

    def manifest(self) -> str:
        """Return the digest of the manifest of the bundle in use."""
        return _digest((current_bundle(self.folder) / "manifest.json").read_bytes())

    def draw(self) -> bytes:
        with self._metadata() as metadata:
            return metadata.draw()

    def floor(self) -> float:
        """Return the time that has certainly passed."""
        with self._metadata() as metadata:
            return metadata.trusted.floors.time

    def _metadata(self) -> DeviceMetadata:
        path = self.folder / TRUSTED
        root = None if path.exists() else self.shop.tuf.files["1.root.json"]
        return DeviceMetadata(path, root=root, clock=lambda: self.now)


def _files(bundle: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in bundle.iterdir() if file.name != "manifest.json"}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
