"""A delta pack: the deltas of some files of a release (SPEC section 13)."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_runtime.bundle.arrays import HEAD_BYTES, header_bytes, read_entries
from edge_runtime.bundle.delta.cursor import Cursor, dump_numbers
from edge_runtime.bundle.delta.operations import apply
from edge_runtime.bundle.delta.tables import form_of, octets, read_older
from edge_runtime.bundle.manifest import File, Manifest
from edge_runtime.errors import BundleError, DeltaError

MAGIC: Final = b"PRDELTA1"
PACK: Final = "delta pack"
OCTETS: Final = 0
ARRAYS: Final = 1

MAX_FILE_BYTES: Final = 64 << 20
"""Size of a file from which there is no delta: a device needs the memory of both versions to apply it."""

MAX_RESULT_BYTES: Final = 256 << 20
"""Maximum total size of the files of a pack: a few kilobytes could otherwise keep a device busy, and fill its disk."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The delta of one file.

    Attributes:
        kind: :data:`OCTETS` for one table of bytes, :data:`ARRAYS` for the tensors of a safetensors file.
        n_bytes: size before compression.
        deflated: the compressed bytes (RFC 1951).
    """

    kind: int
    n_bytes: int
    deflated: bytes


@dataclass(frozen=True, slots=True)
class Pack:
    """Deltas to files of ``manifest``."""

    manifest: Manifest
    deltas: Mapping[str, Delta]

    @property
    def names(self) -> tuple[str, ...]:
        """The files that it can make."""
        return tuple(self.deltas)

    def apply(self, name: str, old: bytes | None) -> bytes:
        """Return the file ``name`` of the manifest.

        Args:
            name: one of :attr:`names`.
            old: the file of this name in the older release, whose digest was checked; None if it has none.

        Raises:
            DeltaError: the delta is malformed, or does not lead from ``old`` to the file that the manifest states.
        """
        delta, entry = self.deltas[name], self.manifest.file(name)
        cursor = Cursor(_inflate(delta, name), name)
        data = _octets(cursor, entry, old) if delta.kind == OCTETS else _arrays(cursor, entry, old)
        cursor.end()
        found, digest = f"{len(data):,} bytes", hashlib.sha256(data).hexdigest()
        if len(data) != entry.bytes or digest != entry.sha256:
            raise DeltaError(
                name,
                f"found {found} with the sha256 {digest[:12]}… after the changes, expected {entry.bytes:,} bytes with "
                f"{entry.sha256[:12]}…",
            )
        return data


def max_inflated_bytes(n_bytes: int) -> int:
    """Return the maximum size of the delta of a file of ``n_bytes``; the file as a whole takes less."""
    return min(2 * n_bytes, MAX_FILE_BYTES) + 64


def dump_pack(deltas: Mapping[str, Delta]) -> bytes:
    """Return the bytes of a pack."""
    parts = [MAGIC, dump_numbers(len(deltas))]
    for name, delta in deltas.items():
        encoded = name.encode()
        parts += [dump_numbers(len(encoded)), encoded, dump_numbers(delta.kind, delta.n_bytes, len(delta.deflated))]
    return b"".join((*parts, *(delta.deflated for delta in deltas.values())))


def read_pack(data: bytes, manifest: Manifest) -> Pack:
    """Read the table of a pack; nothing is decompressed.

    Args:
        data: the pack.
        manifest: of the release that it leads to.

    Raises:
        DeltaError: the table is malformed, or does not fit the manifest.
    """
    cursor = Cursor(data, PACK)
    if cursor.take(len(MAGIC)) != MAGIC:
        raise cursor.error(f"found {data[: len(MAGIC)]!r} at the start, expected {MAGIC!r}")
    entries = {entry.name: entry for entry in manifest.files}
    sizes: dict[str, tuple[int, int, int]] = {}
    n_files = cursor.number()
    if n_files > len(entries):
        raise cursor.error(f"found {n_files:,} files, expected at most the {len(entries)} of the manifest")
    for _ in range(n_files):
        name = _name(cursor, entries, sizes)
        sizes[name] = _sizes(cursor, entries[name])
    if (total := sum(entries[name].bytes for name in sizes)) > MAX_RESULT_BYTES:
        raise cursor.error(f"found files of {total:,} bytes in all, expected at most {MAX_RESULT_BYTES:,}")
    deltas = {name: Delta(kind, n_bytes, cursor.take(size)) for name, (kind, n_bytes, size) in sizes.items()}
    cursor.end()
    return Pack(manifest, deltas)


def _name(cursor: Cursor, entries: Mapping[str, File], before: Mapping[str, object]) -> str:
    name = cursor.take(cursor.number()).decode("ascii", errors="replace")
    if name not in entries or name in before:
        raise cursor.error(f"found the file {name[:100]!r}, expected each file of the manifest at most once")
    return name


def _sizes(cursor: Cursor, entry: File) -> tuple[int, int, int]:
    kind, n_bytes, n_deflated = cursor.numbers(3).tolist()
    if kind not in (OCTETS, ARRAYS):
        raise cursor.error(f"{entry.name}: found the kind {kind}, expected {OCTETS} or {ARRAYS}")
    if entry.bytes > MAX_FILE_BYTES:
        raise cursor.error(f"{entry.name}: found a file of {entry.bytes:,} bytes, expected at most {MAX_FILE_BYTES:,}")
    most = max_inflated_bytes(entry.bytes)
    if n_bytes > most:
        raise cursor.error(f"{entry.name}: found a delta of {n_bytes:,} bytes, expected at most {most:,}")
    return kind, n_bytes, n_deflated


def _inflate(delta: Delta, name: str) -> bytes:
    """Decompress to the stated size, and not beyond it."""
    inflater = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(delta.deflated, delta.n_bytes + 1)
    except zlib.error as error:
        raise DeltaError(name, f"found no deflate stream: {error}") from error
    if len(data) != delta.n_bytes or not inflater.eof or inflater.unused_data:
        raise DeltaError(
            name,
            f"found {len(data):,} bytes or more in the deflate stream, expected {delta.n_bytes:,} and the end",
        )
    return data


def _octets(cursor: Cursor, entry: File, old: bytes | None) -> bytes:
    table = None if old is None else octets(old)
    return apply(cursor, octets(b"").form, entry.bytes, table).tobytes()


def _arrays(cursor: Cursor, entry: File, old: bytes | None) -> bytes:
    """Return a safetensors file; its header is in the delta, or that of ``old``."""
    old_header, tables = read_older(old)
    header = cursor.take(cursor.number()) or old_header
    try:
        header_bytes(len(header).to_bytes(HEAD_BYTES, "little"), entry.bytes, entry.name)
        tensors = read_entries(header, entry.bytes - HEAD_BYTES - len(header), entry.name)
    except BundleError as error:
        raise DeltaError(entry.name, str(error).removeprefix(f"{entry.name}: ")) from error
    parts = [len(header).to_bytes(HEAD_BYTES, "little"), header]
    for tensor in tensors:
        values = apply(cursor, form_of(tensor), tensor.stop - tensor.start, tables.get(tensor.name))
        parts.append(np.ascontiguousarray(values).tobytes())
    return b"".join(parts)
