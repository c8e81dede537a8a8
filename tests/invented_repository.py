"""A repository of one target with invented signatures, which the server does not look at."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from edge_runtime.bundle.release import Digested, ReleaseDocument, RolloutDocument, Wave, dump_document
from tests.tiny_bundle import make_tiny_bundle

LAPTOP: Final = "laptop-x86_64"


class Repository:
    """A repository of one target with invented signatures, which the server does not look at."""

    def __init__(self, root: Path, bundles: Path) -> None:
        self.root, self.bundles, self.version = root, bundles, 0
        for folder in ("metadata", "targets", "files"):
            (root / folder).mkdir(parents=True)
        self.documents: dict[str, dict[str, bytes]] = {"targets": {}, "adapter": {}, "rollout": {}}

    def add(self, seed: int, release: int) -> str:
        """Add a bundle; return the digest of its manifest."""
        folder = self.bundles / str(seed)
        make_tiny_bundle(folder, seed=seed, release=release)
        for file in folder.iterdir():
            data = file.read_bytes()
            (self.root / "files" / hashlib.sha256(data).hexdigest()).write_bytes(data)
        return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()

    def publish(self) -> None:
        """Write new metadata."""
        self.version += 1
        meta = {}
        for role, documents in self.documents.items():
            targets = {}
            for path, data in documents.items():
                digest = hashlib.sha256(data).hexdigest()
                folder, _, name = path.rpartition("/")
                (self.root / "targets" / folder).mkdir(exist_ok=True)
                (self.root / "targets" / folder / f"{digest}.{name}").write_bytes(data)
                targets[path] = {"length": len(data), "hashes": {"sha256": digest}}
            self._write(f"{self.version}.{role}.json", {"targets": targets})
            meta[f"{role}.json"] = {"version": self.version}
        self._write(f"{self.version}.snapshot.json", {"meta": meta})
        expires = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._write("timestamp.json", {"meta": {"snapshot.json": {"version": self.version}}, "expires": expires})

    def roll_out(self, release: int = 1, *, seed: int = 0, max_refused: float = 0.02) -> str:
        """Publish a release with a wave; return the digest of its manifest."""
        manifest = self.add(seed, release)
        wave = Wave(start="2026-01-01T00:00:00Z", hours=24.0, rings=(0.01, 1.0), salt="0" * 32, max_refused=max_refused)
        self.documents["targets"][f"bundle/{LAPTOP}.json"] = release_of(manifest, release, wave)
        self.publish()
        return manifest

    def hold(self, manifest: str, *, halted: bool) -> None:
        """Publish a rollout document."""
        document = RolloutDocument(target=LAPTOP, manifest=manifest, share=0.5, halted=halted)
        self.documents["rollout"][f"rollout/{LAPTOP}.json"] = dump_document(document)
        self.publish()

    def _write(self, name: str, signed: dict[str, object]) -> None:
        (self.root / "metadata" / name).write_text(json.dumps({"signatures": [], "signed": signed}))


def release_of(manifest: str, number: int, wave: Wave | None = None) -> bytes:
    """Return the signed document of a release."""
    digested = Digested(1, manifest)
    return dump_document(ReleaseDocument(name="tiny", target=LAPTOP, release=number, manifest=digested, wave=wave))
