"""Checks a TFLite file against an operator allowlist (SPEC section 3) before any library parses it.

The rules are those for ONNX: arithmetic only, one graph, all weights inside the file. The file is a flatbuffer
(https://flatbuffers.dev/internals) with the schema
https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

import struct
from collections.abc import Iterator
from typing import Final

from edge_runtime.errors import EngineError

OPERATORS: Final = {
    0: "ADD", 2: "CONCATENATION", 6: "DEQUANTIZE", 9: "FULLY_CONNECTED", 14: "LOGISTIC", 18: "MUL", 22: "RESHAPE",
    25: "SOFTMAX", 28: "TANH", 36: "GATHER", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 42: "DIV", 43: "SQUEEZE",
    45: "STRIDED_SLICE", 53: "CAST", 65: "SLICE", 70: "EXPAND_DIMS", 75: "SQRT", 76: "RSQRT", 78: "POW",
    99: "SQUARED_DIFFERENCE", 123: "SELECT_V2", 126: "BATCH_MATMUL", 150: "GELU",
}  # fmt: skip
N_INPUTS: Final = {
    "ADD": (2,), "CONCATENATION": (2, 3, 4), "DEQUANTIZE": (1,), "FULLY_CONNECTED": (3,), "LOGISTIC": (1,), "MUL": (2,),
    "RESHAPE": (2,), "SOFTMAX": (1,), "TANH": (1,), "GATHER": (2,), "TRANSPOSE": (2,), "MEAN": (2,), "SUB": (2,),
    "DIV": (2,), "SQUEEZE": (1,), "STRIDED_SLICE": (4,), "CAST": (1,), "SLICE": (3,), "EXPAND_DIMS": (2,), "SQRT": (1,),
    "RSQRT": (1,), "POW": (2,), "SQUARED_DIFFERENCE": (2,), "SELECT_V2": (3,), "BATCH_MATMUL": (2,), "GELU": (1,),
}  # fmt: skip
"""Allowed numbers of inputs; every operator has one output. Kernels read them without a check of their number."""
OPTIONAL: Final = {"FULLY_CONNECTED": 2}
"""Input that may be left out, by operator: the bias."""
MAX_ENTRIES: Final = 100_000
"""Maximum length of a vector in the file."""

_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_METADATA, _MODEL_EXTERNAL = 1, 2, 4, 6, (8, 9)
_METADATA_BUFFER = 1
_CODE_DEPRECATED, _CODE_CUSTOM, _CODE_BUILTIN = 0, 1, 3
_BUFFER_EXTERNAL: Final = (1, 2)
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATORS = 0, 1, 2, 3
_TENSOR_BUFFER = 2
_OPERATOR_CODE, _OPERATOR_INPUTS, _OPERATOR_OUTPUTS, _OPERATOR_INTERMEDIATES, _OPERATOR_CUSTOM = 0, 1, 2, 8, (9, 10)
_MODEL_SIGNATURES, _SIGNATURE_TENSORS, _SIGNATURE_GRAPH, _SIGNATURE_TENSOR = 7, (0, 1), 4, 1
_LEFT_OUT = -1


def check_graph(data: bytes) -> None:
    """Check every operator and buffer of a TFLite file.

    Raises:
        EngineError: the file is not a TFLite graph, or has content that is not allowed.
    """
    try:
        _check_model(_Table(data, _unsigned(data, 0)))
    except struct.error as error:
        raise EngineError("the file is truncated or not a TFLite graph") from error


def _check_model(model: "_Table") -> None:
    codes = list(model.tables(_MODEL_CODES))
    if not codes or model.length(_MODEL_SUBGRAPHS) != 1:
        raise EngineError(f"the file has {model.length(_MODEL_SUBGRAPHS)} graphs, expected one graph with operators")
    names = [_operator_name(code) for code in codes]
    if any(model.length(field) for field in _MODEL_EXTERNAL) or any(
        buffer.number(field, "<Q") for buffer in model.tables(_MODEL_BUFFERS) for field in _BUFFER_EXTERNAL
    ):
        raise EngineError("the graph has weights outside its tables, which is not allowed")
    (graph,) = model.tables(_MODEL_SUBGRAPHS)
    n_buffers = model.length(_MODEL_BUFFERS)
    for entry in model.tables(_MODEL_METADATA):
        _check_index("buffer", entry.number(_METADATA_BUFFER, "<I"), n_buffers)
    n_tensors = _check_tensors(graph, n_buffers)
    for operator in graph.tables(_GRAPH_OPERATORS):
        _check_operator(operator, names, n_tensors)
    _check_signatures(model, n_tensors)


def _check_signatures(model: "_Table", n_tensors: int) -> None:
    if model.length(_MODEL_SIGNATURES) > 1:
        raise EngineError(f"the file has {model.length(_MODEL_SIGNATURES)} signatures, expected one")
    for signature in model.tables(_MODEL_SIGNATURES):
        _check_index("graph", signature.number(_SIGNATURE_GRAPH, "<I"), 1)
        for field in _SIGNATURE_TENSORS:
            for entry in signature.tables(field):
                _check_index("tensor", entry.number(_SIGNATURE_TENSOR, "<I"), n_tensors)


def _operator_name(code: "_Table") -> str:
    number = max(code.number(_CODE_BUILTIN, "<i"), code.number(_CODE_DEPRECATED, "<b"))
    if number not in OPERATORS or code.has(_CODE_CUSTOM):
        raise EngineError(f"the graph has the operator {number}, which is not allowed in an encoder")
    return OPERATORS[number]


def _check_tensors(graph: "_Table", n_buffers: int) -> int:
    """Check the tensors of the graph and which of them are its inputs and outputs; return their number."""
    tensors = list(graph.tables(_GRAPH_TENSORS))
    for tensor in tensors:
        _check_index("buffer", tensor.number(_TENSOR_BUFFER, "<I"), n_buffers)
    for field in (_GRAPH_INPUTS, _GRAPH_OUTPUTS):
        for index in graph.integers(field):
            _check_index("tensor", index, len(tensors))
    return len(tensors)


def _check_operator(operator: "_Table", names: list[str], n_tensors: int) -> None:
    code = operator.number(_OPERATOR_CODE, "<I")
    _check_index("operator code", code, len(names))
    name = names[code]
    n_inputs, n_outputs = operator.length(_OPERATOR_INPUTS), operator.length(_OPERATOR_OUTPUTS)
    if n_inputs not in N_INPUTS[name] or n_outputs != 1:
        raise EngineError(
            f"an operator {name} of the graph has {n_inputs} inputs and {n_outputs} outputs, "
            f"expected {' or '.join(map(str, N_INPUTS[name]))} and 1"
        )
    if operator.length(_OPERATOR_INTERMEDIATES) or any(operator.has(field) for field in _OPERATOR_CUSTOM):
        raise EngineError(f"an operator {name} of the graph has intermediate tensors or custom options")
    for position, index in enumerate(operator.integers(_OPERATOR_INPUTS)):
        if index != _LEFT_OUT or OPTIONAL.get(name) != position:
            _check_index("tensor", index, n_tensors)
    _check_index("tensor", operator.integers(_OPERATOR_OUTPUTS)[0], n_tensors)


def _check_index(kind: str, index: int, length: int) -> None:
    if not 0 <= index < length:
        raise EngineError(f"the graph refers to the {kind} {index}, but has {length}")


class _Table:
    """A flatbuffer table: optional fields, addressed by number."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._data = data
        self._offset = offset
        self._vtable = offset - struct.unpack_from("<i", data, offset)[0]
        if self._vtable < 0:
            raise struct.error
        (self._size,) = struct.unpack_from("<H", data, self._vtable)

    def has(self, field: int) -> bool:
        return self._position(field) is not None

    def number(self, field: int, layout: str) -> int:
        position = self._position(field)
        return 0 if position is None else int(struct.unpack_from(layout, self._data, position)[0])

    def length(self, field: int) -> int:
        position = self._position(field)
        return 0 if position is None else _unsigned(self._data, position + _unsigned(self._data, position))

    def integers(self, field: int) -> tuple[int, ...]:
        return tuple(struct.unpack_from("<i", self._data, entry)[0] for entry in self._entries(field))

    def tables(self, field: int) -> Iterator["_Table"]:
        return (_Table(self._data, entry + _unsigned(self._data, entry)) for entry in self._entries(field))

    def _entries(self, field: int) -> range:
        """Return the byte offset of each entry of a vector; an entry has four bytes."""
        position = self._position(field)
        if position is None:
            return range(0)
        start = position + _unsigned(self._data, position) + 4
        length = self.length(field)
        if length > MAX_ENTRIES:
            raise EngineError(f"the file has a vector of {length:,} entries, expected at most {MAX_ENTRIES:,}")
        return range(start, start + 4 * length, 4)

    def _position(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return None
        (offset,) = struct.unpack_from("<H", self._data, self._vtable + slot)
        return self._offset + offset if offset else None


def _unsigned(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", data, offset)[0])
