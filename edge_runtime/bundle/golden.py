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
"""Each costs a run of the encoder at every first start."""
_FILE = "golden.safetensors"


@dataclass(frozen=True, slots=True)
class Golden:
    """What the exporter's own model answered.

    Attributes:
        sequences: catalogue rows, oldest first, one array a sequence.
        states: float32 ``[g, d]``.
        top_rows: int32 ``[g, 10]``, -1 behind where the catalogue is smaller.
    """

    sequences: tuple[NDArray[np.int64], ...]
    states: NDArray[np.float32]
    top_rows: NDArray[np.int32]


def read_golden(arrays: Mapping[str, Array], manifest: Manifest) -> Golden:
    """Return the golden vectors, checked against the manifest.

    Raises:
        BundleError: the arrays break SPEC section 8, or there is no sequence: an empty self-test proves nothing.
    """
    n_items, encoder = manifest.catalogue.n_items, manifest.encoder
    n_sequences = len(arrays["rows"]) if "rows" in arrays and arrays["rows"].ndim else 0
    if n_sequences > MAX_SEQUENCES:
        raise BundleError(f"{_FILE}: there are {n_sequences} golden sequences, at most {MAX_SEQUENCES} are allowed")
    if not n_sequences:
        raise BundleError(f"{_FILE}: there is no golden sequence")
    rows = take(arrays, "rows", "int32", (n_sequences, encoder.max_length), _FILE)
    states = take(arrays, "state", "float32", (n_sequences, encoder.dim), _FILE)
    top_rows = take(arrays, "top_rows", "int32", (n_sequences, TOP), _FILE)
    for name, array in (("rows", rows), ("top_rows", top_rows)):
        if int(array.max()) >= n_items or int(array.min()) < -1:
            raise BundleError(f"{_FILE}: {name} points outside the catalogue")
    known = rows >= 0
    lengths = known.sum(axis=1)
    if not lengths.all() or (known != (np.arange(rows.shape[1]) < lengths[:, None])).any():
        raise BundleError(f"{_FILE}: a sequence is empty or has a gap")
    sequences = tuple(row[:length].astype(np.int64) for row, length in zip(rows, lengths, strict=True))
    return Golden(sequences, states, top_rows)


def dump_golden(golden: Golden, max_length: int) -> dict[str, Array]:
    """Return the arrays of ``golden.safetensors``."""
    rows = np.full((len(golden.sequences), max_length), -1, dtype=np.int32)
    for index, sequence in enumerate(golden.sequences):
        rows[index, : len(sequence)] = sequence
    return {"rows": rows, "state": golden.states, "top_rows": golden.top_rows}
