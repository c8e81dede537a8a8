"""Puts int8 weights into a converted TFLite file: each becomes a constant behind a ``DEQUANTIZE``.

Works on the flatbuffer itself, with the schema that LiteRT ships. Knows nothing of encoders: a weight is an input of
the signature called ``weights_{name}``, or a float constant, that is replaced by its rows on the int8 grid.
"""

from collections.abc import Mapping

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_runtime.errors import EngineError
from export.quantize import QuantizedRows

PREFIX = "weights_"
# The first version whose scales may differ by row; tflite-runtime 2.14 has it.
_DEQUANTIZE_VERSION = 5


def store_weights(data: bytes, rows: Mapping[str, QuantizedRows]) -> bytes:
    """Return the file with every matrix of ``rows`` stored as int8, and without the names of inner tensors.

    Args:
        data: a TFLite file of one graph and one signature.
        rows: the matrices, by name. One that is no input must be a constant, rows newest last (as the encoder adds its
            positions: the converter has folded their order).

    Raises:
        EngineError: the file holds a matrix of ``rows`` in neither way.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    inputs = {entry.name.decode(): int(entry.tensorIndex) for entry in model.signatureDefs[0].inputs}
    model.operatorCodes.append(_dequantize_code())
    operators = []
    for name, matrix in rows.items():
        index = inputs.get(PREFIX + name)
        if index is None:
            matrix = QuantizedRows(matrix.values[::-1], matrix.scale[::-1])
            index = _constant(model, matrix.dequantize(), name)
        operators.append(_dequantize(model, index, matrix))
    graph.operators = operators + graph.operators
    _forget_weight_inputs(model)
    _forget_names(graph)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _dequantize_code() -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = _DEQUANTIZE_VERSION
    return code


def _dequantize(model: schema.ModelT, index: int, matrix: QuantizedRows) -> schema.OperatorT:
    """Add an int8 constant, and return the operator that fills tensor ``index`` from it."""
    graph = model.subgraphs[0]
    whole = graph.tensors[index]
    whole.buffer = 0
    stored = schema.TensorT()
    stored.shape, stored.hasRank, stored.type = whole.shape, whole.hasRank, schema.TensorType.INT8
    stored.buffer = len(model.buffers)
    stored.quantization = schema.QuantizationParametersT()
    stored.quantization.scale = np.ascontiguousarray(matrix.scale)
    stored.quantization.zeroPoint = np.zeros(len(matrix.scale), dtype=np.int64)
    # Rows are the last but one: a constant may have a leading batch of 1.
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


def _constant(model: schema.ModelT, wanted: NDArray[np.float32], name: str) -> int:
    """Return the index of the tensor that is a constant of exactly these floats."""
    tensors = model.subgraphs[0].tensors
    found = [index for index, tensor in enumerate(tensors) if _holds(model, tensor, wanted)]
    if len(found) != 1:
        raise EngineError(
            f"the TFLite graph holds {name!r} {len(found)} times, expected once: this version of the converter "
            "rewrites it. Install the pinned litert-torch (constraints.txt)."
        )
    data = model.buffers[tensors[found[0]].buffer]
    data.data = None
    return found[0]


def _holds(model: schema.ModelT, tensor: schema.TensorT, wanted: NDArray[np.float32]) -> bool:
    data = model.buffers[tensor.buffer].data
    if data is None or len(data) != wanted.nbytes:
        return False
    return bool((np.frombuffer(bytes(data), dtype="<f4") == wanted.reshape(-1)).all())


def _forget_weight_inputs(model: schema.ModelT) -> None:
    """Take the weights out of the signature and of the graph's inputs: they are constants now."""
    signature, graph = model.signatureDefs[0], model.subgraphs[0]
    weights = {int(entry.tensorIndex) for entry in signature.inputs if entry.name.startswith(PREFIX.encode())}
    signature.inputs = [entry for entry in signature.inputs if int(entry.tensorIndex) not in weights]
    graph.inputs = np.array([index for index in graph.inputs if int(index) not in weights], dtype=np.int32)


def _forget_names(graph: schema.SubGraphT) -> None:
    """Only inputs and outputs are ever asked for by name; the other names are a quarter of the file."""
    edges = {*map(int, graph.inputs), *map(int, graph.outputs)}
    for index, tensor in enumerate(graph.tensors):
        if index not in edges:
            tensor.name = b""
        tensor.shapeSignature = None
