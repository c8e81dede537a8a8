"""Inserts int8 weights into a converted TFLite file: each matrix becomes an int8 constant and a ``DEQUANTIZE``.

Works on the flatbuffer, with the schema that LiteRT ships, and is independent of the model: a weight is an input of the
signature with the name ``weights_{name}``, or a float constant, and is replaced by its quantized rows.
"""

from collections.abc import Mapping

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_runtime.errors import EngineError
from export.quantize import QuantizedRows

PREFIX = "weights_"
# The first version with one scale per row; supported by tflite-runtime 2.14.
_DEQUANTIZE_VERSION = 5


def store_weights(data: bytes, rows: Mapping[str, QuantizedRows]) -> bytes:
    """Return the file with every matrix of ``rows`` stored as int8, and without names of inner tensors.

    Args:
        data: a TFLite file with one graph and one signature.
        rows: matrices by name. A matrix that is not an input must be a constant with its rows in reverse order (true
            for positions: the converter folds the reversal into the constant).

    Raises:
        EngineError: a matrix of ``rows`` is neither an input nor a constant of the file.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    inputs = {entry.name.decode(): int(entry.tensorIndex) for entry in model.signatureDefs[0].inputs}
    if rows:
        model.operatorCodes.append(_dequantize_code())
    operators = []
    for name, matrix in rows.items():
        index = inputs.get(PREFIX + name)
        if index is None:
            matrix = QuantizedRows(matrix.values[::-1], matrix.scale[::-1])
            index = _constant(model, matrix.dequantize(), name)
        operators.append(_dequantize(model, index, matrix))
    graph.operators = operators + graph.operators
    _remove_weight_inputs(model)
    _remove_names(graph)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _dequantize_code() -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = _DEQUANTIZE_VERSION
    return code


def _dequantize(model: schema.ModelT, index: int, matrix: QuantizedRows) -> schema.OperatorT:
    """Add an int8 constant, and return the operator that dequantizes it into tensor ``index``."""
    graph = model.subgraphs[0]
    whole = graph.tensors[index]
    whole.buffer = 0
    stored = schema.TensorT()
    stored.shape, stored.hasRank, stored.type = whole.shape, whole.hasRank, schema.TensorType.INT8
    stored.buffer = len(model.buffers)
    stored.quantization = schema.QuantizationParametersT()
    stored.quantization.scale = np.ascontiguousarray(matrix.scale)
    stored.quantization.zeroPoint = np.zeros(len(matrix.scale), dtype=np.int64)
    # Rows are the second to last dimension: a constant may have a leading batch dimension of 1.
    stored.quantization.quantizedDimension = len(whole.shape) - 2
    buffer = schema.BufferT()
    buffer.data = np.ascontiguousarray(matrix.values).reshape(-1).view(np.uint8)
    model.buffers.append(buffer)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs = np.array([len(graph.tensors)], dtype=np.int32)
    operator.outputs = np.array([index], dtype=np.int32)
    graph.tensors.append(stored)
    return operator


def _constant(model: schema.ModelT, values: NDArray[np.float32], name: str) -> int:
    """Return the index of the constant tensor that equals ``values``, and clear its buffer."""
    tensors = model.subgraphs[0].tensors
    matches = [index for index, tensor in enumerate(tensors) if _equals(model, tensor, values)]
    if len(matches) != 1:
        raise EngineError(
            f"the TFLite graph contains {name!r} {len(matches)} times, expected once: this version of the converter "
            "rewrites it. Install the pinned litert-torch (constraints.txt)."
        )
    model.buffers[tensors[matches[0]].buffer].data = None
    return matches[0]


def _equals(model: schema.ModelT, tensor: schema.TensorT, values: NDArray[np.float32]) -> bool:
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) != values.nbytes:
        return False
    return bool((np.frombuffer(bytes(data), dtype="<f4") == values.reshape(-1)).all())


def _remove_weight_inputs(model: schema.ModelT) -> None:
    """Remove the weights, which are constants now, from the signature and the inputs of the graph."""
    signature, graph = model.signatureDefs[0], model.subgraphs[0]
    weights = {int(entry.tensorIndex) for entry in signature.inputs if entry.name.startswith(PREFIX.encode())}
    signature.inputs = [entry for entry in signature.inputs if int(entry.tensorIndex) not in weights]
    graph.inputs = np.array([index for index in graph.inputs if int(index) not in weights], dtype=np.int32)


def _remove_names(graph: schema.SubGraphT) -> None:
    """Remove the names of inner tensors: only inputs and outputs are looked up, and the others are 25 % of the file."""
    edges = {*map(int, graph.inputs), *map(int, graph.outputs)}
    for index, tensor in enumerate(graph.tensors):
        if index not in edges:
            tensor.name = b""
        tensor.shapeSignature = None
