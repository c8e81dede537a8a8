"""How one table of bytes becomes another: as a whole, by edits of rows or of half bytes, or by differences."""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.delta.cursor import Cursor
from edge_runtime.bundle.delta.edits import Edits
from edge_runtime.bundle.delta.tables import Form, Table

Bytes = NDArray[np.uint8]
Words = NDArray[np.unsignedinteger[Any]]


class Operation(IntEnum):
    """The first byte of a tensor's delta."""

    FULL = 0
    ROWS = 1
    NIBBLES = 2
    SUB = 3


def apply(cursor: Cursor, form: Form, n_bytes: int, old: Table | None) -> Bytes:
    """Read one tensor's delta and return the tensor's bytes, of which there are ``n_bytes``.

    Args:
        cursor: at the start of the delta.
        form: of the new tensor's rows.
        n_bytes: size of the new tensor.
        old: the tensor of the same name in the older file, if it has one.

    Raises:
        DeltaError: the delta is malformed, or needs another tensor than ``old``.
    """
    code = cursor.take(1)[0]
    if code == Operation.FULL:
        return np.frombuffer(cursor.take(n_bytes), np.uint8)
    if code not in Operation.__members__.values():
        raise cursor.error(f"found the operation {code}, expected 0 to {max(Operation)}")
    if old is None or old.form != form or not form.width:
        raise cursor.error(f"found the operation {code}, which needs the older tensor in the form {form}")
    if code == Operation.ROWS:
        n_rows = n_bytes // form.width
        return Edits.read(cursor, len(old.values), n_rows, form.width).apply(old.values)
    if code == Operation.NIBBLES:
        halves = nibbles(old.values)
        edits = Edits.read(cursor, len(halves), 2 * n_bytes, 1)
        if int(edits.values.max(initial=0)) > 15:
            raise cursor.error(f"found the half byte {edits.values.max()}, expected at most 15")
        return joined(edits.apply(halves))
    n_same = min(n_bytes, old.values.size)
    changed = add_differences(old.values.reshape(-1)[:n_same], cursor.take(n_same), np.dtype(form.dtype).itemsize)
    return np.concatenate([changed, np.frombuffer(cursor.take(n_bytes - n_same), np.uint8)])


def differences(old: Bytes, new: Bytes, itemsize: int) -> bytes:
    """Return zig-zag differences of numbers in byte planes; those beyond the shorter table follow as they are.

    Args:
        old: the bytes of the older table.
        new: the bytes of the newer table.
        itemsize: bytes of a number.
    """
    n_same = min(old.size, new.size)
    bits = 8 * itemsize - 1
    change: Words = new[:n_same].view(f"<u{itemsize}") - old[:n_same].view(f"<u{itemsize}")
    folded = (change << _word(1, itemsize)) ^ (_word(0, itemsize) - (change >> _word(bits, itemsize)))
    planes = folded.view(np.uint8).reshape(-1, itemsize).T
    return planes.tobytes() + new[n_same:].tobytes()


def add_differences(old: Bytes, planes: bytes, itemsize: int) -> Bytes:
    """Invert :func:`differences`, for as many bytes as both have."""
    folded: Words = np.frombuffer(planes, np.uint8).reshape(itemsize, -1).T.copy().view(f"<u{itemsize}").reshape(-1)
    one = _word(1, itemsize)
    change = (folded >> one) ^ (_word(0, itemsize) - (folded & one))
    changed: Words = np.ascontiguousarray(old).view(f"<u{itemsize}") + change
    return changed.view(np.uint8)


def _word(value: int, itemsize: int) -> Words:
    """Return a number without sign, for arithmetic that wraps around."""
    return np.array([value], dtype=f"<u{itemsize}")


def nibbles(octets: Bytes) -> Bytes:
    """Return half bytes, the low one of each byte first, ``[2 n, 1]``."""
    flat = octets.reshape(-1)
    return np.stack([flat & 15, flat >> 4], axis=1).reshape(-1, 1)


def joined(halves: Bytes) -> Bytes:
    """Invert :func:`nibbles`; return bytes ``[n]``."""
    pairs = halves.reshape(-1, 2)
    both: Bytes = pairs[:, 0] | pairs[:, 1] << np.uint8(4)
    return both
