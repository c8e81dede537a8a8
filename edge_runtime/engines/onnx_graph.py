"""Checks an ONNX file against an operator allowlist (SPEC section 3) before any library parses it.

The encoder needs arithmetic and no control flow. A graph of the allowed operators terminates, calls no custom code and
refers to no other file. Only the messages that lead to operators and tensors are parsed: a protobuf message is a list
of numbered fields (https://protobuf.dev/programming-guides/encoding), with the numbers of
https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Iterator
from typing import Final

from edge_runtime.errors import EngineError

OPERATORS: Final = frozenset({
    "Add", "Cast", "Concat", "Constant", "ConstantOfShape", "DequantizeLinear", "Div", "Erf", "Expand", "Gather",
    "Gelu", "Gemm", "Identity", "LayerNormalization", "MatMul", "Mul", "Neg", "Pow", "ReduceMean", "Relu", "Reshape",
    "Shape", "Sigmoid", "Slice", "Softmax", "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Trilu",
    "Unsqueeze", "Where",
})  # fmt: skip
MAX_FIELDS: Final = 100_000
"""Maximum number of parsed fields; the largest encoder that a manifest allows has about ten thousand."""

DOMAINS: Final = (b"", b"ai.onnx")
_VARINT, _BYTES, _FIXED = 0, 2, {1: 8, 5: 4}
_ORT_FORMAT: Final = b"ORTM"
_NO_GRAPH: Final = "the file is truncated or not an ONNX graph"

# Field numbers, by message.
_MODEL_GRAPH, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 20, 25
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_REFUSED = (5, 10), (6, 11, 22, 23)
_TENSOR_EXTERNAL = (13, 14)


def check_graph(data: bytes) -> None:
    """Check every operator and tensor of an ONNX file.

    Raises:
        EngineError: the file is not an ONNX graph, or has content that is not allowed.
    """
    if data[4:8] == _ORT_FORMAT:
        raise EngineError("the graph is in ONNX Runtime's own format, expected ONNX")
    _Walk(data).model()


class _Walk:
    """A single pass over the file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._n_fields = 0

    def model(self) -> None:
        n_operators = 0
        for number, start, stop in self._messages(0, len(self._data)):
            if number in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
                raise EngineError("the file has functions or training information, which are not allowed")
            if number == _MODEL_GRAPH:
                n_operators += self._graph(start, stop)
        if not n_operators:
            raise EngineError("the file has no operator; it is not an ONNX graph")

    def _graph(self, start: int, stop: int) -> int:
        n_operators = 0
        for number, first, last in self._messages(start, stop):
            if number == _GRAPH_NODE:
                self._node(first, last)
                n_operators += 1
            elif number == _GRAPH_INITIALIZER:
                self._tensor(first, last)
            elif number == _GRAPH_SPARSE:
                raise EngineError("the graph has a sparse tensor, which is not allowed")
        return n_operators

    def _node(self, start: int, stop: int) -> None:
        name = b""
        for number, first, last in self._messages(start, stop):
            if number == _NODE_OPERATOR:
                name = self._data[first:last]
                self._check_operator(name)
            elif number == _NODE_DOMAIN and self._data[first:last] not in DOMAINS:
                raise EngineError(
                    f"the graph has an operator of the domain {self._data[first:last][:60]!r}, which is not allowed"
                )
            elif number == _NODE_ATTRIBUTE:
                self._attribute(first, last)
        self._check_operator(name)

    def _check_operator(self, name: bytes) -> None:
        if name.decode("ascii", "replace") not in OPERATORS:
            raise EngineError(f"the graph has the operator {name[:60]!r}, which is not allowed in an encoder")

    def _attribute(self, start: int, stop: int) -> None:
        for number, first, last in self._messages(start, stop):
            if number in _ATTRIBUTE_REFUSED:
                raise EngineError("an operator of the graph has a subgraph or a sparse tensor, which is not allowed")
            if number in _ATTRIBUTE_TENSORS:
                self._tensor(first, last)

    def _tensor(self, start: int, stop: int) -> None:
        if any(number in _TENSOR_EXTERNAL for number, *_ in self._fields(start, stop)):
            raise EngineError("a tensor of the graph has external data, which is not allowed")

    def _messages(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """Yield number, start and stop of the length-delimited fields (messages, strings, bytes)."""
        return ((number, first, last) for number, wire, first, last in self._fields(start, stop) if wire == _BYTES)

    def _fields(self, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield number, wire type, start and stop of every field."""
        offset = start
        while offset < stop:
            self._n_fields += 1
            if self._n_fields > MAX_FIELDS:
                raise EngineError(f"the graph has more than {MAX_FIELDS:,} fields, the maximum")
            key, offset = self._varint(offset, stop)
            first, last = self._extent(key & 7, offset, stop)
            if last > stop or key < 8:
                raise EngineError(_NO_GRAPH)
            yield key >> 3, key & 7, first, last
            offset = last

    def _extent(self, wire: int, offset: int, stop: int) -> tuple[int, int]:
        """Return start and stop of the value of a field."""
        if wire == _BYTES:
            length, first = self._varint(offset, stop)
            return first, first + length
        if wire == _VARINT:
            return offset, self._varint(offset, stop)[1]
        if wire not in _FIXED:
            raise EngineError(_NO_GRAPH)
        return offset, offset + _FIXED[wire]

    def _varint(self, offset: int, stop: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 70, 7):
            if offset >= stop:
                break
            byte = self._data[offset]
            value |= (byte & 0x7F) << shift
            offset += 1
            if byte < 0x80:
                return value, offset
        raise EngineError(_NO_GRAPH)
