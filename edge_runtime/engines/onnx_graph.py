"""Checks an ONNX file against allowlists (SPEC section 3) before any library parses it.

The encoder needs arithmetic and no control flow. A graph of the allowed operators terminates, calls no custom code and
refers to no other file. Field numbers: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Fields that the exported
graphs do not need are refused, whatever they mean.
"""

import struct
from math import prod
from typing import Final

from edge_runtime.bundle.manifest import Encoder
from edge_runtime.engines.onnx_values import Node, check_values
from edge_runtime.engines.protobuf import BYTES, FIXED32, VARINT, Field, Reader
from edge_runtime.engines.weights import MAX_FEED
from edge_runtime.errors import EngineError

OPERATORS: Final = frozenset({
    "Add", "Cast", "Concat", "Div", "Expand", "Gather", "Gelu", "LayerNormalization", "MatMul", "Mul", "Reshape",
    "Shape", "Slice", "Softmax", "Sub", "Transpose", "Trilu", "Unsqueeze",
})  # fmt: skip
DOMAINS: Final = (b"", b"ai.onnx")
MAX_RANK: Final = 8
"""Maximum number of dimensions of a tensor, so of integers in a shape."""
TENSOR_TYPES: Final = {1: 4, 3: 1, 7: 8}
"""Data type of a tensor (float32, int8, int64) to bytes per element."""
FLOAT: Final = 1
_INT64: Final = 7
_TO_THE_END: Final = ((1 << 63) - 1, -(1 << 63))
_ORT_FORMAT: Final = b"ORTM"

# Allowed fields by message, with their wire types; docstrings and names are allowed because exporters write them empty.
MODEL: Final = {1: VARINT, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES, 7: BYTES, 8: BYTES}
OPSET: Final = {1: BYTES, 2: VARINT}
GRAPH: Final = {1: BYTES, 2: BYTES, 5: BYTES, 10: BYTES, 11: BYTES, 12: BYTES}
NODE: Final = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 7: BYTES}
ATTRIBUTE: Final = {1: BYTES, 2: FIXED32, 3: VARINT, 4: BYTES, 8: VARINT, 20: VARINT}
TENSOR: Final = {1: VARINT, 2: VARINT, 8: BYTES, 9: BYTES, 12: BYTES, 13: BYTES, 14: VARINT}
_EXTERNAL: Final = (13, 14)


def check_graph(data: bytes, sizes: Encoder) -> None:
    """Check every operator and tensor of an ONNX file.

    Args:
        data: the file.
        sizes: the encoder's sizes in the manifest; they bound the constants of the graph.

    Raises:
        EngineError: the file is not an ONNX graph, or has content that is not allowed.
    """
    if data[4:8] == _ORT_FORMAT:
        raise EngineError("the graph is in ONNX Runtime's own format, expected ONNX")
    _Walk(data, sizes).model()


class _Walk:
    """A single pass over the file."""

    def __init__(self, data: bytes, sizes: Encoder) -> None:
        self._data = data
        self._reader = Reader(data)
        self._max_integer = max(sizes.max_length, sizes.dim, sizes.n_prompts)
        self._max_shape = sizes.max_length * max(sizes.max_length, sizes.dim)
        self._max_elements = sizes.dim * max(sizes.max_length, sizes.dim, MAX_FEED)
        self._nodes: list[Node] = []
        self._integers: set[bytes] = set()

    def model(self) -> None:
        for field in self._reader.fields("ModelProto", MODEL, 0, len(self._data)):
            if field.number == 7:
                self._graph(field)
            elif field.number == 8:
                self._opset(field)
        if not self._nodes:
            raise EngineError("the file has no operator; it is not an ONNX graph")
        check_values(self._nodes, self._integers)

    def _opset(self, opset: Field) -> None:
        for field in self._reader.fields("OperatorSetIdProto", OPSET, opset.start, opset.stop):
            if field.number == 1:
                self._check_domain(field)

    def _graph(self, graph: Field) -> None:
        for field in self._reader.fields("GraphProto", GRAPH, graph.start, graph.stop):
            if field.number == 1:
                self._nodes.append(self._node(field))
            elif field.number == 5:
                self._tensor(field)

    def _node(self, node: Field) -> Node:
        inputs, outputs, attributes, name = [], [], [], ""
        for field in self._reader.fields("NodeProto", NODE, node.start, node.stop):
            if field.number == 1:
                inputs.append(self._bytes(field))
            elif field.number == 2:
                outputs.append(self._bytes(field))
            elif field.number == 4:
                name = self._bytes(field).decode("ascii", "replace")
            elif field.number == 5:
                attributes.append(field)
            elif field.number == 7:
                self._check_domain(field)
        if name not in OPERATORS:
            raise EngineError(f"the graph has the operator {name[:60]!r}, which is not allowed in an encoder")
        for attribute in attributes:
            self._attribute(attribute, name)
        return Node(name, tuple(inputs), tuple(outputs))

    def _attribute(self, attribute: Field, operator: str) -> None:
        for field in self._reader.fields("AttributeProto", ATTRIBUTE, attribute.start, attribute.stop):
            if operator == "Cast" and field.number == 3 and field.value != FLOAT:
                raise EngineError(f"the graph casts to the type {field.value}, expected {FLOAT} (float32)")

    def _tensor(self, tensor: Field) -> None:
        kind, dims, name, values = 0, [], b"", b""
        for field in self._reader.fields("TensorProto", TENSOR, tensor.start, tensor.stop):
            if field.number in _EXTERNAL:
                raise EngineError("a tensor of the graph has external data, which is not allowed")
            if field.number == 1:
                dims.append(field.value)
            elif field.number == 2:
                kind = field.value
            elif field.number == 8:
                name = self._bytes(field)
            elif field.number == 9:
                values = self._bytes(field)
        n_elements = prod(dims[:MAX_RANK])
        if kind not in TENSOR_TYPES or len(dims) > MAX_RANK or n_elements * TENSOR_TYPES[kind] != len(values):
            raise EngineError(
                f"a tensor of the graph has the type {kind}, the shape {dims[:9]} and {len(values)} bytes"
            )
        if n_elements > self._max_elements:
            raise EngineError(
                f"a tensor of the graph has {n_elements:,} elements, the maximum is {self._max_elements:,}"
            )
        if kind == _INT64:
            self._check_integers(struct.unpack(f"<{n_elements}q", values))
            self._integers.add(name)

    def _check_integers(self, integers: tuple[int, ...]) -> None:
        """Check a constant that can be a shape, an axis or a bound of a slice."""
        if len(integers) == 1 and integers[0] in _TO_THE_END:
            return
        largest = max(map(abs, integers), default=0)
        product = prod(abs(value) or 1 for value in integers[:MAX_RANK])
        if len(integers) > MAX_RANK or largest > self._max_integer or product > self._max_shape:
            raise EngineError(
                f"the graph has the integers {list(integers[:9])}: expected at most {MAX_RANK}, each at most "
                f"{self._max_integer:,} and with a product of at most {self._max_shape:,}"
            )

    def _check_domain(self, field: Field) -> None:
        if self._bytes(field) not in DOMAINS:
            raise EngineError(
                f"the graph has operators of the domain {self._bytes(field)[:60]!r}, which is not allowed"
            )

    def _bytes(self, field: Field) -> bytes:
        return self._data[field.start : field.stop]
