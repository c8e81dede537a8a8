"""Makes the delta pack between two releases."""

import zlib
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.delta.alignment import Alignment, aligned
from edge_runtime.bundle.delta.cursor import dump_numbers
from edge_runtime.bundle.delta.edits import MAX_EDITS, Edits, Runs
from edge_runtime.bundle.delta.operations import Operation, differences, nibbles
from edge_runtime.bundle.delta.pack import (
    ARRAYS,
    MAX_FILE_BYTES,
    MAX_RESULT_BYTES,
    OCTETS,
    Delta,
    dump_pack,
    max_inflated_bytes,
)
from edge_runtime.bundle.delta.tables import Table, octets, read_older, read_tables
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.errors import BundleError

MAX_SHARE: Final = 0.6
"""Largest size of a delta relative to the whole file; above, the file is fetched."""

_TRIAL_LEVEL: Final = 6
_LEVEL: Final = 9

Bytes = NDArray[np.uint8]


def diff_files(
    old: Mapping[str, bytes], new: Mapping[str, bytes], old_manifest: Manifest, new_manifest: Manifest
) -> bytes | None:
    """Return the pack that leads from one release to another.

    A file that is not in it is the same in both, or is better fetched as a whole.

    Args:
        old: the contents of files of the older release, by name; those that the device may lack need not be there.
        new: the contents of files of the newer release; those that are missing are left out of the pack.
        old_manifest: of the older release.
        new_manifest: of the newer release.

    Returns:
        The pack; None if it has no file.
    """
    digests = {entry.name: entry.sha256 for entry in old_manifest.files}
    deltas: dict[str, Delta] = {}
    left = MAX_RESULT_BYTES
    for entry in new_manifest.files:
        if entry.name not in new or digests.get(entry.name) == entry.sha256 or entry.bytes > min(MAX_FILE_BYTES, left):
            continue
        before = old.get(entry.name)
        delta = diff_file(None if before is None or len(before) > MAX_FILE_BYTES else before, new[entry.name])
        if len(delta.deflated) < MAX_SHARE * entry.bytes:
            deltas[entry.name] = delta
            left -= entry.bytes
    return dump_pack(deltas) if deltas else None


def diff_file(old: bytes | None, new: bytes) -> Delta:
    """Return the delta between two versions of any file."""
    delta = _arrays(old, new)
    if delta is None:
        payload = _change(None if old is None else octets(old), octets(new))
        delta = _delta(OCTETS, payload)
    if delta.n_bytes > max_inflated_bytes(len(new)):
        return _delta(OCTETS, _operation(Operation.FULL, new))
    return delta


def _arrays(old: bytes | None, new: bytes) -> Delta | None:
    """Return the delta of a safetensors file by tensors; None if it is none."""
    try:
        header, tables = read_tables(new, "")
    except BundleError:
        return None
    old_header, old_tables = read_older(old)
    alignments = aligned(old_tables, tables)
    stated = b"" if header == old_header else header
    parts = [dump_numbers(len(stated)), stated]
    for name, table in tables.items():
        parts.append(_change(old_tables.get(name), table, alignments.get(name)))
    return _delta(ARRAYS, b"".join(parts))


def _change(old: Table | None, new: Table, alignment: Alignment | None = None) -> bytes:
    """Return the operation that takes the fewest bytes after compression."""
    full = _operation(Operation.FULL, new.values.tobytes())
    if old is None or old.form != new.form or not new.values.size:
        return full
    if np.array_equal(old.values, new.values):
        return _operation(Operation.ROWS, dump_numbers(0))
    return min(full, *_candidates(old, new, alignment), key=lambda part: len(_deflate(part, _TRIAL_LEVEL)))


def _candidates(old: Table, new: Table, alignment: Alignment | None) -> Iterator[bytes]:
    itemsize = np.dtype(new.form.dtype).itemsize
    yield _operation(Operation.SUB, differences(old.values.reshape(-1), new.values.reshape(-1), itemsize))
    yield from _edited(Operation.ROWS, new.values, Runs.at_same_positions(old.values, new.values), len(old.values))
    if alignment is None:
        return
    operation, rows, new_rows = Operation.ROWS, old.values, new.values
    if alignment.is_halved:
        operation, rows, new_rows = Operation.NIBBLES, nibbles(rows), nibbles(new_rows)
    yield from _edited(operation, new_rows, alignment.runs.equal(rows, new_rows), len(rows))


def _edited(operation: Operation, new: Bytes, kept: Runs, n_old: int) -> Iterator[bytes]:
    """Yield the edits that keep some rows of the older table, unless there are too many."""
    edits = Edits.between(new, kept, n_old)
    if len(edits.skip) <= MAX_EDITS:
        yield _operation(operation, edits.dump())


def _operation(operation: Operation, operand: bytes) -> bytes:
    return bytes([operation]) + operand


def _delta(kind: int, payload: bytes) -> Delta:
    return Delta(kind, len(payload), _deflate(payload, _LEVEL))


def _deflate(data: bytes, level: int) -> bytes:
    deflater = zlib.compressobj(level, wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()
