"""A file as tables of bytes: each tensor of a safetensors file, or the whole of another file."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import HEAD_BYTES, Entry, header_bytes, read_entries
from edge_runtime.errors import BundleError


@dataclass(frozen=True, slots=True)
class Form:
    """What the rows of two tables must have in common for one to be a change of the other.

    Attributes:
        dtype: type of the elements.
        shape: sizes of the dimensions of a row; None for a single number, which counts as one row.
    """

    dtype: str
    shape: tuple[int, ...] | None

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape or ())


@dataclass(frozen=True, slots=True)
class Table:
    """One tensor as rows of bytes, uint8 ``[n, form.width]``; without elements it has no rows."""

    form: Form
    values: NDArray[np.uint8]

    @classmethod
    def of(cls, form: Form, data: bytes | memoryview) -> "Table":
        """Return the table of some bytes."""
        return cls(form, np.frombuffer(data, np.uint8).reshape(-1, form.width) if form.width else _NOTHING)


_NOTHING = np.empty((0, 0), dtype=np.uint8)
_OCTET = Form("u1", ())

Tables = Mapping[str, Table]


def form_of(entry: Entry) -> Form:
    """Return the form of a tensor's rows."""
    return Form(entry.dtype.str.lstrip("<|"), entry.shape[1:] if entry.shape else None)


def octets(data: bytes) -> Table:
    """Return bytes of any kind as a table."""
    return Table.of(_OCTET, data)


def read_older(data: bytes | None) -> tuple[bytes, dict[str, Table]]:
    """Return header and tensors of the older version of a file; none if there is none, or if it is no safetensors file.

    Writers and readers agree in that, so that a delta leads from any file to any other.
    """
    try:
        return (b"", {}) if data is None else read_tables(data, "")
    except BundleError:
        return b"", {}


def read_tables(data: bytes, source: str) -> tuple[bytes, dict[str, Table]]:
    """Return the header of a safetensors file, and its tensors in the order of their bytes.

    Raises:
        BundleError: the bytes violate SPEC section 9, except for NaN and infinity, which are bytes as others.
    """
    start = HEAD_BYTES + header_bytes(data[:HEAD_BYTES], len(data), source)
    body = memoryview(data)[start:]
    entries = read_entries(data[HEAD_BYTES:start], len(body), source)
    tables = {entry.name: Table.of(form_of(entry), body[entry.start : entry.stop]) for entry in entries}
    return data[HEAD_BYTES:start], tables
