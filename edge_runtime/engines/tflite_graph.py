"""What a TFLite file may compute (SPEC section 3), looked up before any library parses it.

As for ONNX: arithmetic alone, in one graph, with every weight inside the file. The file is a flatbuffer
(https://flatbuffers.dev/internals); its fields are those of
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
"""Of a list in the file."""

_MODEL_CODES, _MODEL_SUBGRAPHS, _MODEL_BUFFERS, _MODEL_EXTERNAL = 1, 2, 4, (8, 9)
_CODE_DEPRECATED, _CODE_CUSTOM, _CODE_BUILTIN = 0, 1, 3
_BUFFER_OUTSIDE: Final = (1, 2)


def check_graph(data: bytes) -> None:
    """Look at every operator and every buffer of a TFLite file.

    Raises:
        EngineError: it is no TFLite file, or holds what an encoder has no need of.
    """
    try:
        _check_model(_Table(data, _unsigned(data, 0)))
    except struct.error as error:
        raise EngineError("the file is cut short, or no TFLite graph") from error


def _check_model(model: "_Table") -> None:
    codes = list(model.tables(_MODEL_CODES))
    if not codes or model.length(_MODEL_SUBGRAPHS) != 1:
        raise EngineError(f"the file has {model.length(_MODEL_SUBGRAPHS)} graphs, expected one with operators")
    for code in codes:
        number = max(code.number(_CODE_BUILTIN, "<i"), code.number(_CODE_DEPRECATED, "<b"))
        if number not in OPERATORS or code.has(_CODE_CUSTOM):
            raise EngineError(f"the graph has the operator {number}, which is not allowed in an encoder")
    if any(model.length(field) for field in _MODEL_EXTERNAL) or any(
        buffer.number(field, "<Q") for buffer in model.tables(_MODEL_BUFFERS) for field in _BUFFER_OUTSIDE
    ):
        raise EngineError("the graph keeps weights outside its own tables, which is not allowed")


class _Table:
    """One table of a flatbuffer: a list of optional fields, found by number."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._directory = at - struct.unpack_from("<i", data, at)[0]
        if self._directory < 0:
            raise struct.error
        (self._size,) = struct.unpack_from("<H", data, self._directory)

    def has(self, field: int) -> bool:
        return self._place(field) is not None

    def number(self, field: int, layout: str) -> int:
        place = self._place(field)
        return 0 if place is None else int(struct.unpack_from(layout, self._data, place)[0])

    def length(self, field: int) -> int:
        place = self._place(field)
        return 0 if place is None else _unsigned(self._data, place + _unsigned(self._data, place))

    def tables(self, field: int) -> Iterator["_Table"]:
        place = self._place(field)
        if place is None:
            return
        start = place + _unsigned(self._data, place)
        length = _unsigned(self._data, start)
        if length > MAX_ENTRIES:
            raise EngineError(f"the file has a list of {length:,} entries, at most {MAX_ENTRIES:,} are allowed")
        for entry in range(start + 4, start + 4 + 4 * length, 4):
            yield _Table(self._data, entry + _unsigned(self._data, entry))

    def _place(self, field: int) -> int | None:
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return None
        (offset,) = struct.unpack_from("<H", self._data, self._directory + slot)
        return self._at + offset if offset else None


def _unsigned(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])
