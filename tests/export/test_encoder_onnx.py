"""The ONNX graphs compute the same function as the PyTorch encoder, for all lengths, with and without padding."""

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.names import ENCODER_INPUTS, ENCODER_OUTPUT
from edge_runtime.engines.onnxruntime import OnnxRuntimeEngine, library
from edge_runtime.engines.protocol import Floats, SmallMatrices
from edge_runtime.engines.reference import ReferenceEngine
from edge_runtime.errors import EngineError
from export.encoder_onnx import export_onnx, export_onnx_int8
from export.quantize import QuantizedEncoder, QuantizedRows, quantize_encoder
from tests.export.encoder_cases import NARROW, ROUNDING, SIZES, cases, largest_error, torch_state
from tests.tiny_student import CONFIG, N_PROMPTS, RANK, make_encoder
from train.backbones.encoder import EncoderConfig


@pytest.fixture(scope="module")
def float32() -> bytes:
    return export_onnx(make_encoder(), n_prompts=N_PROMPTS, adapter_rank=RANK)


@pytest.fixture(scope="module")
def int8(quantized: QuantizedEncoder) -> bytes:
    return export_onnx_int8(quantized, n_prompts=N_PROMPTS, adapter_rank=RANK)


@pytest.mark.parametrize("adapted", [False, True])
def test_the_float32_graph_computes_the_same_as_pytorch(float32: bytes, adapted: bool) -> None:
    engine = OnnxRuntimeEngine.open(float32, SIZES, precision="fp32")

    assert largest_error(engine, make_encoder(), adapted=adapted) < ROUNDING


@pytest.mark.parametrize("adapted", [False, True])
def test_the_int8_graph_differs_from_pytorch_only_by_rounding(
    int8: bytes, quantized: QuantizedEncoder, adapted: bool
) -> None:
    engine = OnnxRuntimeEngine.open(int8, SIZES)

    assert largest_error(engine, quantized.encoder, adapted=adapted) < ROUNDING


def test_a_pruned_encoder_is_smaller_and_computes_the_same_as_pytorch(int8: bytes) -> None:
    narrow = quantize_encoder(make_encoder(NARROW))

    data = export_onnx_int8(narrow, n_prompts=N_PROMPTS, adapter_rank=RANK)

    assert len(data) < len(int8) - 500
    assert largest_error(OnnxRuntimeEngine.open(data, SIZES), narrow.encoder, adapted=True) < ROUNDING
    reference = ReferenceEngine.open(dump_arrays(narrow.arrays()), SIZES)
    assert largest_error(reference, narrow.encoder, adapted=True) < ROUNDING


def test_a_session_with_default_options_is_as_exact(int8: bytes, quantized: QuantizedEncoder) -> None:
    """ONNX Runtime must not replace any part of the graph by int8 arithmetic."""
    session = library().InferenceSession(int8, providers=["CPUExecutionProvider"])
    case = cases(adapted=True)[-1]

    state = session.run([ENCODER_OUTPUT], _inputs(case.embeddings, np.ones(len(case.embeddings)), case.small))[0][0]

    np.testing.assert_allclose(state, torch_state(quantized.encoder, case), atol=ROUNDING)


@pytest.mark.parametrize("n_padding", [1, 7])
def test_padding_has_no_effect_whatever_its_values(int8: bytes, quantized: QuantizedEncoder, n_padding: int) -> None:
    session = library().InferenceSession(int8, providers=["CPUExecutionProvider"])
    case = cases(adapted=True)[2]
    embeddings = np.concatenate([np.full((n_padding, CONFIG.dim), 7.0, np.float32), case.embeddings])
    mask = np.r_[np.zeros(n_padding), np.ones(len(case.embeddings))]

    state = session.run([ENCODER_OUTPUT], _inputs(embeddings, mask, case.small))[0][0]

    unpadded = torch_state(quantized.encoder, case)
    np.testing.assert_allclose(state, unpadded, atol=ROUNDING)
    np.testing.assert_allclose(torch_state(quantized.encoder, case, n_padding=n_padding), unpadded, atol=ROUNDING)


def test_inputs_and_output_have_the_names_of_the_format(int8: bytes) -> None:
    graph = onnx.load_from_string(int8).graph

    assert tuple(value.name for value in graph.input) == ENCODER_INPUTS
    assert [value.name for value in graph.output] == [ENCODER_OUTPUT]


def test_the_graph_uses_only_features_that_browsers_support(int8: bytes) -> None:
    model = onnx.load_from_string(int8)

    assert max(opset.version for opset in model.opset_import) <= 21
    assert {opset.domain for opset in model.opset_import} == {""}
    assert not model.functions


def test_every_matrix_is_stored_as_int8(int8: bytes, quantized: QuantizedEncoder) -> None:
    initializers = onnx.load_from_string(int8).graph.initializer

    stored = [entry for entry in initializers if entry.data_type == onnx.TensorProto.INT8]

    assert len(stored) == len(quantized.rows)


def test_int8_reduces_a_file_of_realistic_size_to_less_than_a_third() -> None:
    encoder = make_encoder(EncoderConfig(dim=64, max_length=50, n_blocks=1, n_heads=2))

    small = export_onnx_int8(quantize_encoder(encoder), n_prompts=8, adapter_rank=4)

    assert len(small) < len(export_onnx(encoder, n_prompts=8, adapter_rank=4)) / 3


def test_equal_weights_produce_equal_bytes(int8: bytes, quantized: QuantizedEncoder) -> None:
    assert export_onnx_int8(quantized, n_prompts=N_PROMPTS, adapter_rank=RANK) == int8


def test_the_error_names_a_weight_that_is_not_in_the_graph(quantized: QuantizedEncoder) -> None:
    other = QuantizedRows(np.ones((3, 5), np.int8), np.ones(3, np.float32))
    broken = QuantizedEncoder(quantized.encoder, {**quantized.rows, "block.9.query.weight": other})

    with pytest.raises(EngineError, match=r"block\.9\.query\.weight"):
        export_onnx_int8(broken, n_prompts=N_PROMPTS, adapter_rank=RANK)


def _inputs(embeddings: Floats, mask: NDArray[np.float64], small: SmallMatrices) -> dict[str, Floats]:
    return {
        "embeddings": embeddings[None],
        "mask": mask[None].astype(np.float32),
        "prompts": small.prompts,
        "knowledge": small.knowledge,
        "adapter_a": small.adapter_a,
        "adapter_b": small.adapter_b,
    }
