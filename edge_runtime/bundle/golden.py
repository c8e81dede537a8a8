"""The golden vectors of the self-test (SPEC section 8)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array, take
from edge_runtime.bundle.manifest import Manifest
from edge_runtime.errors import BundleError

TOP = 10
MAX_SEQUENCES = 1024
"""Each sequence costs one encoder run at every self-test."""
_FILE = "golden.safetensors"


@dataclass(frozen=True, slots=True)
class Golden:
    """The outputs of the exporter's model for some sequences.

    Attributes:
        sequences: one array of catalogue rows per sequence, oldest first.
        states: float32 ``[g, d]``.
        top_rows: int32 ``[g, 10]``, padded at the end with -1 if the catalogue is smaller.
    """

    sequences: tuple[NDArray[np.int64], ...]
    states: NDArray[np.float32]
    top_rows: NDArray[np.int32]


def read_golden(arrays: Mapping[str, Array], manifest: Manifest) -> Golden:
    """Return the golden vectors, checked against the manifest.

    Raises:
        BundleError: the arrays violate SPEC section 8, or there is no sequence.
    """
    n_items, encoder = manifest.catalogue.n_items, manifest.encoder
    n_sequences = len(arrays["rows"]) if "rows" in arrays and arrays["rows"].ndim else 0
    if n_sequences > MAX_SEQUENCES:
        raise BundleError(f"{_FILE}: found {n_sequences} golden sequences, expected at most {MAX_SEQUENCES}")
    if not n_sequences:
        raise BundleError(f"{_FILE}: found no golden sequence, expected at least one")
    rows = take(arrays, "rows", "int32", (n_sequences, encoder.max_length), _FILE)
    states = take(arrays, "state", "float32", (n_sequences, encoder.dim), _FILE)
    top_rows = take(arrays, "top_rows", "int32", (n_sequences, TOP), _FILE)
    for name, array in (("rows", rows), ("top_rows", top_rows)):
        if int(array.max()) >= n_items or int(array.min()) < -1:
            raise BundleError(f"{_FILE}: {name} has a row outside the catalogue")
    is_item = rows >= 0
    lengths = is_item.sum(axis=1)
    if not lengths.all() or (is_item != (np.arange(rows.shape[1]) < lengths[:, None])).any():
        raise BundleError(f"{_FILE}: a sequence is empty or has a gap")
    sequences = tuple(row[:length].astype(np.int64) for row, length in zip(rows, lengths, strict=True))
    return Golden(sequences, states, top_rows)


def dump_golden(golden: Golden, max_length: int) -> dict[str, Array]:
    """Return the arrays of ``golden.safetensors``."""
    rows = np.full((len(golden.sequences), max_length), -1, dtype=np.int32)
    for index, sequence in enumerate(golden.sequences):
        rows[index, : len(sequence)] = sequence
    return {"rows": rows, "state": golden.states, "top_rows": golden.top_rows}
