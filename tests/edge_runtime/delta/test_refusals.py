"""Packs that a hostile server could send are refused before they cost memory or time."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import HEAD_BYTES, dump_arrays
from edge_runtime.bundle.delta import read_pack
from edge_runtime.bundle.delta.cursor import dump_numbers
from edge_runtime.bundle.delta.pack import ARRAYS, dump_pack
from edge_runtime.errors import BundleError, DeltaError
from tests.edge_runtime.delta.releases import manifest_of
from tests.malformed_deltas import NAME, NEW, NIBBLES, OLD, ROWS, SUB, delta, malformed

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


def test_callers_that_handle_bundles_handle_deltas() -> None:
    assert issubclass(DeltaError, BundleError)
