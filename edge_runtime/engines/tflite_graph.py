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
MAX_ENTRIES: Final = 100_000
"""Maximum length of a vector in the file."""

_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_EXTERNAL = 1, 2, 4, (8, 9)
_CODE_DEPRECATED, _CODE_CUSTOM, _CODE_BUILTIN = 0, 1, 3
_BUFFER_EXTERNAL: Final = (1, 2)


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
    for code in codes:
        number = max(code.number(_CODE_BUILTIN, "<i"), code.number(_CODE_DEPRECATED, "<b"))
        if number not in OPERATORS or code.has(_CODE_CUSTOM):
            raise EngineError(f"the graph has the operator {number}, which is not allowed in an encoder")
    if any(model.length(field) for field in _MODEL_EXTERNAL) or any(
        buffer.number(field, "<Q") for buffer in model.tables(_MODEL_BUFFERS) for field in _BUFFER_EXTERNAL
    ):
        raise EngineError("the graph has weights outside its tables, which is not allowed")


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

    def tables(self, field: int) -> Iterator["_Table"]:
        position = self._position(field)
        if position is None:
            return
        start = position + _unsigned(self._data, position)
        length = _unsigned(self._data, start)
        if length > MAX_ENTRIES:
            raise EngineError(f"the file has a vector of {length:,} entries, expected at most {MAX_ENTRIES:,}")
        for entry in range(start + 4, start + 4 + 4 * length, 4):
            yield _Table(self._data, entry + _unsigned(self._data, entry))

    def _position(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return None
        (offset,) = struct.unpack_from("<H", self._data, self._vtable + slot)
        return self._offset + offset if offset else None


def _unsigned(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("<I", data, offset)[0])
