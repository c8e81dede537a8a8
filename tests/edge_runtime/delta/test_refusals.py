"""Packs that a hostile server could send are refused before they cost memory or time."""

from typing import Any

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import HEAD_BYTES, dump_arrays
from edge_runtime.bundle.delta import read_pack
from edge_runtime.bundle.delta.cursor import dump_numbers
from edge_runtime.bundle.delta.pack import ARRAYS, dump_pack
from edge_runtime.errors import BundleError, DeltaError
from tests.edge_runtime.delta.releases import manifest_of
from tests.malformed_deltas import FULL, NAME, NEW, NIBBLES, OLD, ROWS, SUB, delta, malformed

ARRAY_FILE = dump_arrays({"a": np.arange(8, dtype=np.float32)})
CASES = {name: (problem, data) for name, problem, data in malformed()}


@pytest.mark.parametrize("name", CASES)
def test_a_malformed_pack_is_refused_with_the_reason(name: str) -> None:
    problem, data = CASES[name]
    with pytest.raises(DeltaError) as error:
        read_pack(data, manifest_of({NAME: NEW})).apply(NAME, OLD)

    assert problem in str(error.value)
    assert "fetch the whole file" in str(error.value)


@pytest.mark.parametrize("operation", [ROWS, NIBBLES, SUB])
def test_an_operation_on_a_file_that_the_device_lacks_is_refused(operation: bytes) -> None:
    pack = read_pack(dump_pack({NAME: delta(operation + bytes(20))}), manifest_of({NAME: NEW}))

    with pytest.raises(DeltaError, match="needs the older tensor"):
        pack.apply(NAME, None)


@pytest.mark.parametrize(
    "old",
    [np.arange(8, dtype=np.int32), np.zeros((8, 2), np.float32), np.array(1.0, np.float32), np.zeros((0,), np.float32)],
)
def test_an_operation_on_a_tensor_of_another_form_is_refused(old: NDArray[Any]) -> None:
    head = ARRAY_FILE[HEAD_BYTES:-32]
    payload = dump_numbers(len(head)) + head + SUB + bytes(32)
    pack = read_pack(dump_pack({NAME: delta(payload, ARRAYS)}), manifest_of({NAME: ARRAY_FILE}))

    with pytest.raises(DeltaError):
        pack.apply(NAME, dump_arrays({"a": old}))


def test_a_delta_applied_to_another_file_than_its_own_is_refused() -> None:
    pack = read_pack(dump_pack({NAME: delta(SUB + bytes([2] * 20))}), manifest_of({NAME: NEW}))

    assert pack.apply(NAME, OLD) == NEW
    with pytest.raises(DeltaError, match="after the changes"):
        pack.apply(NAME, NEW)


@pytest.mark.parametrize(
    ("sizes", "problem"),
    [
        ([(64 << 20) + 1], r"b0: found a file of 67,108,865 bytes, expected at most 67,108,864"),
        ([64 << 20] * 4 + [1], "found files of 268,435,457 bytes in all, expected at most 268,435,456"),
    ],
)
def test_a_pack_that_makes_too_much_is_refused_before_it_is_decompressed(sizes: list[int], problem: str) -> None:
    names = [f"b{number}" for number in range(len(sizes))]
    manifest = manifest_of(dict.fromkeys(names, b""))
    files = tuple(structs.replace(entry, bytes=size) for entry, size in zip(manifest.files, sizes, strict=True))

    with pytest.raises(DeltaError, match=problem):
        read_pack(dump_pack({name: delta(FULL) for name in names}), structs.replace(manifest, files=files))


def test_a_delta_decompresses_to_little_more_than_the_largest_file() -> None:
    manifest = manifest_of({NAME: b""})
    files = (structs.replace(manifest.files[0], bytes=64 << 20),)
    pack = dump_pack({NAME: delta(FULL, n_bytes=(64 << 20) + 65)})

    with pytest.raises(DeltaError, match="expected at most 67,108,928"):
        read_pack(pack, structs.replace(manifest, files=files))


def test_callers_that_handle_bundles_handle_deltas() -> None:
    assert issubclass(DeltaError, BundleError)
