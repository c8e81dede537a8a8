"""Reads the fields of a protobuf message strictly: what two parsers could read differently is refused.

ONNX Runtime's parser cuts a tag to 32 bits, so a longer tag would hide a field from a reader that keeps all its bits. A
message is a list of numbered fields: https://protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from edge_runtime.errors import EngineError

VARINT: Final = 0
BYTES: Final = 2
FIXED32: Final = 5
MAX_FIELDS: Final = 100_000
"""Maximum number of parsed fields; the largest encoder that a manifest allows has about ten thousand."""

_FIXED_SIZE: Final = 4
_MAX_TAG: Final = 1 << 32
_MAX_VALUE: Final = 1 << 64
_NO_GRAPH: Final = "the file is truncated or not an ONNX graph"


class Field(NamedTuple):
    """One field: its number, the start and stop of its bytes, and its value if it is a varint."""

    number: int
    start: int
    stop: int
    value: int


class Reader:
    """The fields of the messages of one file."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._n_fields = 0

    def fields(self, message: str, allowed: Mapping[int, int], start: int, stop: int) -> Iterator[Field]:
        """Yield the fields of one message.

        Args:
            message: name of the message, for errors.
            allowed: field number to wire type; every other field is refused.
            start: offset of the message.
            stop: offset behind the message.

        Raises:
            EngineError: a field is not allowed, or not in its shortest encoding.
        """
        offset = start
        while offset < stop:
            self._n_fields += 1
            if self._n_fields > MAX_FIELDS:
                raise EngineError(f"the graph has more than {MAX_FIELDS:,} fields, the maximum")
            tag, offset = self._varint(offset, stop)
            number, wire = tag >> 3, tag & 7
            if tag >= _MAX_TAG or allowed.get(number) != wire:
                raise EngineError(
                    f"the graph has the field {number} of wire type {wire} in a {message}, which is not allowed"
                )
            field = self._field(number, wire, offset, stop)
            if field.stop > stop:
                raise EngineError(_NO_GRAPH)
            yield field
            offset = field.stop

    def _field(self, number: int, wire: int, offset: int, stop: int) -> Field:
        if wire == FIXED32:
            return Field(number, offset, offset + _FIXED_SIZE, 0)
        value, first = self._varint(offset, stop)
        if wire == VARINT:
            return Field(number, offset, first, value)
        return Field(number, first, first + value, 0)

    def _varint(self, offset: int, stop: int) -> tuple[int, int]:
        """Return a number in its shortest encoding, at most ten bytes, and the offset behind it."""
        value = 0
        for index in range(10):
            if offset + index >= stop:
                break
            byte = self._data[offset + index]
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if value >= _MAX_VALUE or (index and not byte):
                    break
                return value, offset + index + 1
        raise EngineError(_NO_GRAPH)
