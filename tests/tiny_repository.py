"""A repository of signed releases with tiny bundles, and python-tuf's client, which reads it from the disk."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from unittest import mock

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater

from edge_runtime.bundle import Manifest
from server.repository import key_file
from server.repository.create import create
from server.repository.keys import KeyRing
from server.repository.publish import Published, publish
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import WITH_ENGINES

PASSPHRASE: Final = "correct horse"
TARGET: Final = "laptop-x86_64"


@dataclass(frozen=True, slots=True)
class TinyRepository:
    """A repository at ``path``, with its keys in ``keys`` and the bundles to publish in ``bundles``.

    ``POCKETREC_PASSPHRASE`` must be :data:`PASSPHRASE`.
    """

    path: Path
    keys: Path
    bundles: Path

    def ring(self, *names: str) -> KeyRing:
        """Return the keys with these names, or all of them."""
        if not names:
            return KeyRing([self.keys])
        folder = self.keys.with_name("some-keys")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name in names:
            for file in self.keys.glob(f"{name}.*.pem"):
                shutil.copy(file, folder)
        return KeyRing([folder])

    def bundle(self, seed: int = 0, target: str = TARGET, n_items: int = 40) -> Manifest:
        """Write a bundle to publish."""
        transitions = WITH_ENGINES if n_items == 40 else None
        return make_tiny_bundle(
            self.bundles / target, seed=seed, target=target, n_items=n_items, transitions=transitions
        )

    def publish(self, seed: int = 0, now: datetime | None = None) -> Published:
        """Write a bundle and publish it."""
        self.bundle(seed)
        return publish(self.path, self.bundles, self.ring(), now=now)[0]

    def client(self, folder: Path) -> "TufClient":
        """Return a client that trusts the first root."""
        return TufClient(self.path, folder, (self.path / "metadata" / "1.root.json").read_bytes())

    def changed_file(self, name: str, data: bytes) -> None:
        """Replace a file of the bundle to publish, and its entry in the manifest."""
        replace_file(self.bundles / TARGET, name, data)


def make_repository(folder: Path) -> TinyRepository:
    """Create an empty repository; its key files take few iterations to open."""
    made = TinyRepository(folder / "releases", folder / "releases-keys", folder / "bundles")
    with mock.patch.object(key_file, "ITERATIONS", 1000):
        create(made.path, made.keys, {})
    return made


@dataclass(slots=True)
class TufClient:
    """A device as python-tuf has it: it keeps its metadata in ``folder``.

    Attributes:
        repository: folder of the repository.
        folder: where the client keeps its metadata.
        root: the root that it trusts from the start.
        fetched: names of the files that were fetched.
    """

    repository: Path
    folder: Path
    root: bytes
    fetched: list[str] = field(default_factory=list)

    def refresh(self) -> Updater:
        """Check for updates.

        Raises:
            tuf.api.exceptions.RepositoryError: the metadata is forged, expired or older.
        """
        self.folder.mkdir(exist_ok=True)
        fetcher = _FromDisk(self.repository, self.fetched)
        updater = Updater(
            str(self.folder), "/metadata/", str(self.folder), "/targets/", fetcher=fetcher, bootstrap=self.root
        )
        updater.refresh()
        return updater

    def document(self, path: str) -> bytes | None:
        """Check for updates, and return a document, or None if there is none."""
        updater = self.refresh()
        info = updater.get_targetinfo(path)
        return None if info is None else Path(updater.download_target(info)).read_bytes()


class _FromDisk(FetcherInterface):
    def __init__(self, repository: Path, fetched: list[str]) -> None:
        self._repository = repository
        self._fetched = fetched

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self._repository / url.lstrip("/")
        self._fetched.append(path.name)
        if not path.is_file():
            raise DownloadHTTPError("found no such file", 404)
        yield path.read_bytes()


def replace_file(folder: Path, name: str, data: bytes) -> None:
    """Replace a file of a bundle, and its entry in the manifest."""
    from msgspec.structs import replace

    from edge_runtime.bundle import dump_manifest, open_folder
    from edge_runtime.bundle.folder import describe

    manifest = open_folder(folder).manifest
    files = tuple(describe(name, entry.role, data) if entry.name == name else entry for entry in manifest.files)
    (folder / name).write_bytes(data)
    (folder / "manifest.json").write_bytes(dump_manifest(replace(manifest, files=files)))
