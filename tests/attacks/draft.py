"""Modifies a valid bundle in one place and writes it again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.bundle.arrays import Array, dump_arrays, load_arrays
from edge_runtime.bundle.folder import describe
from edge_runtime.bundle.manifest import MANIFEST_NAME

Json = dict[str, Any]


@dataclass
class Draft:
    """A bundle in memory: change ``files`` or ``manifest``, then write it."""

    manifest: Json
    files: dict[str, bytes]
    raw_manifest: bytes | None = None

    def arrays(self, name: str) -> dict[str, Array]:
        """Return the arrays of a file."""
        return dict(load_arrays(self.files[name], name))

    def replace(self, name: str, data: bytes) -> None:
        """Replace the content of a file and update its digest in the manifest."""
        self.files[name] = data
        role = next(entry["role"] for entry in self.manifest["files"] if entry["name"] == name)
        entry = describe(name, role, data)
        fresh = {"name": name, "role": role, "bytes": entry.bytes, "sha256": entry.sha256}
        self.manifest["files"] = [fresh if old["name"] == name else old for old in self.manifest["files"]]

    def replace_arrays(self, name: str, **arrays: Array) -> None:
        """Replace some arrays of a file; the others are kept."""
        self.replace(name, dump_arrays(self.arrays(name) | arrays))

    def write(self, folder: Path) -> None:
        """Write the bundle without any checks."""
        folder.mkdir(parents=True)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        manifest = json.dumps(self.manifest).encode() if self.raw_manifest is None else self.raw_manifest
        (folder / MANIFEST_NAME).write_bytes(manifest)


Attack = Callable[[Draft], None]


def read_draft(folder: Path) -> Draft:
    """Read a valid bundle."""
    manifest = json.loads((folder / MANIFEST_NAME).read_bytes())
    return Draft(manifest, {entry["name"]: (folder / entry["name"]).read_bytes() for entry in manifest["files"]})


def in_part(part: str, index: int | None, **values: object) -> Attack:
    """Return an attack that changes fields of a part of the manifest, or of one entry of a list."""

    def attack(draft: Draft) -> None:
        target: Json = draft.manifest[part] if index is None else draft.manifest[part][index]
        target.update(values)

    return attack


def drop_role(role: str) -> Attack:
    """Return an attack that removes the files of a role from the manifest."""

    def attack(draft: Draft) -> None:
        kept: list[Mapping[str, object]] = [entry for entry in draft.manifest["files"] if entry["role"] != role]
        draft.manifest["files"] = kept

    return attack


def replace_in_manifest(old: bytes, new: bytes) -> Attack:
    """Return an attack that replaces a part of the manifest's JSON text."""

    def attack(draft: Draft) -> None:
        text = json.dumps(draft.manifest).encode()
        if old not in text:
            raise ValueError(f"the manifest does not contain {old!r}, so the attack has no effect")
        draft.raw_manifest = text.replace(old, new, 1)

    return attack


def flip(data: bytes) -> bytes:
    """Return the data with one bit in the middle changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
