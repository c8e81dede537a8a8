"""The TFLite file has the same weights and the same outputs as the other engines."""

import sys

import numpy as np
import pytest

from edge_runtime.engines.litert import LiteRTEngine
from edge_runtime.errors import EngineError
from export.encoder_tflite import export_tflite, export_tflite_int8
from export.quantize import QuantizedEncoder, QuantizedRows, quantize_encoder
from export.tflite_weights import store_weights
from tests.export.encoder_cases import NARROW, ROUNDING, SIZES, largest_error
from tests.tiny_student import N_PROMPTS, RANK, make_encoder


@pytest.mark.slow
@pytest.mark.parametrize("adapted", [False, True])
def test_litert_differs_from_pytorch_only_by_rounding(
    tflite: bytes, quantized: QuantizedEncoder, adapted: bool
) -> None:
    engine = LiteRTEngine.open(tflite, SIZES)

    assert largest_error(engine, quantized.encoder, adapted=adapted) < ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("n_prompts", [N_PROMPTS, 1])
def test_in_float32_it_differs_from_pytorch_only_by_rounding(tflite: bytes, n_prompts: int) -> None:
    encoder = make_encoder()
    data = export_tflite(encoder, n_prompts=n_prompts, adapter_rank=RANK)

    engine = LiteRTEngine.open(data, SIZES, precision="fp32")

    assert len(data) > len(tflite)
    if n_prompts == N_PROMPTS:
        assert largest_error(engine, encoder, adapted=True) < ROUNDING


@pytest.mark.slow
def test_a_pruned_encoder_is_smaller_and_computes_the_same_as_pytorch(tflite: bytes) -> None:
    narrow = quantize_encoder(make_encoder(NARROW))

    data = export_tflite_int8(narrow, n_prompts=N_PROMPTS, adapter_rank=RANK)

    assert len(data) < len(tflite) - 500
    assert largest_error(LiteRTEngine.open(data, SIZES), narrow.encoder, adapted=True) < ROUNDING


def test_the_file_contains_the_same_int8_values_as_the_other_engines(
    tflite: bytes, quantized: QuantizedEncoder
) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(tflite, 0))
    stored = {
        bytes(model.buffers[tensor.buffer].data)
        for tensor in model.subgraphs[0].tensors
        if tensor.type == schema.TensorType.INT8
    }

    rows = quantized.rows
    expected = {rows[name].values.tobytes() for name in rows if name != "position"}
    assert stored == expected | {rows["position"].values[::-1].tobytes()}


@pytest.mark.usefixtures("_converts_again")
def test_the_error_of_a_failing_converter_says_what_to_do(
    quantized: QuantizedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(EngineError, match=r"exit code 1.*leave litert out of the target"):
        export_tflite_int8(quantized, n_prompts=N_PROMPTS, adapter_rank=RANK)


def test_the_error_names_a_matrix_that_is_not_in_the_file(tflite: bytes) -> None:
    other = QuantizedRows(np.ones((3, 5), np.int8), np.ones(3, np.float32))

    with pytest.raises(EngineError, match="'elsewhere' 0 times"):
        store_weights(tflite, {"elsewhere": other})
