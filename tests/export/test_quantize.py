"""The int8 weights that all engines share."""

import numpy as np
import pytest
import torch

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.engines.reference import ReferenceEngine
from export.quantize import quantize_encoder, quantize_rows
from tests.export.encoder_cases import ROUNDING, SIZES, largest_error
from tests.tiny_student import make_encoder


def test_no_weight_moves_by_more_than_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(40, 24)).astype(np.float32)

    rows = quantize_rows(weight)

    # The scale is rounded up by a factor of at most 1 + 2^-16, which adds that share of 127 steps.
    assert (np.abs(rows.dequantize() - weight) <= 0.502 * rows.scale[:, None]).all()


def test_quantizing_twice_changes_nothing() -> None:
    once = quantize_rows(np.random.default_rng(1).normal(scale=1e-3, size=(200, 64)).astype(np.float32))

    twice = quantize_rows(once.dequantize())

    np.testing.assert_array_equal(once.values, twice.values)
    np.testing.assert_array_equal(once.scale, twice.scale)


def test_dequantizing_is_exact_in_float32() -> None:
    rows = quantize_rows(np.random.default_rng(2).normal(size=(50, 30)).astype(np.float32))

    exact = rows.values.astype(np.float64) * rows.scale.astype(np.float64)[:, None]

    np.testing.assert_array_equal(rows.dequantize().astype(np.float64), exact)


def test_a_row_of_zeros_stays_zero() -> None:
    rows = quantize_rows(np.zeros((2, 3), dtype=np.float32))

    assert not rows.dequantize().any()
    assert (rows.scale > 0).all()


@pytest.mark.parametrize("weight", [np.full((2, 2), np.nan), np.full((2, 2), np.inf), np.ones(4)])
def test_arrays_that_are_not_finite_matrices_are_refused(
    weight: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> None:
    with pytest.raises(ValueError, match="finite matrix"):
        quantize_rows(weight.astype(np.float32))


def test_quantizing_does_not_modify_the_encoder() -> None:
    encoder = make_encoder()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}

    quantized = quantize_encoder(encoder)

    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    assert not torch.equal(quantized.encoder.position, encoder.position)


def test_matrices_are_quantized_and_no_other_parameters() -> None:
    quantized = quantize_encoder(make_encoder())

    arrays = quantized.arrays()

    assert {name for name, array in arrays.items() if array.dtype == np.int8} == set(quantized.rows)
    assert all(name == "position" or name.endswith(".weight") for name in quantized.rows)
    assert all(arrays[name].ndim == 2 and f"{name}.scale" in arrays for name in quantized.rows)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_numpy_engine_computes_the_same_as_pytorch(adapted: bool) -> None:
    quantized = quantize_encoder(make_encoder())

    engine = ReferenceEngine.open(dump_arrays(quantized.arrays()), SIZES)

    assert largest_error(engine, quantized.encoder, adapted=adapted) < ROUNDING
