"""Parses untrusted JSON into typed values; every failure raises :class:`JsonError`."""

import codecs
from typing import Final, TypeVar

import msgspec
import numpy as np

MAX_DEPTH: Final = 32
"""Maximum nesting of lists and objects (SPEC section 1); deeper input could overflow a parser's stack."""

_PIECE_BYTES: Final = 1 << 20
_QUOTE, _OPEN, _CLOSE = b'"{}'
_BIT_OF_BRACES: Final = 0x20
"""The bit in which ``[`` and ``]`` differ from ``{`` and ``}``."""

Value = TypeVar("Value")


class JsonError(ValueError):
    """The text is not valid JSON of the expected type."""


def parse_json(text: bytes, kind: type[Value]) -> Value:
    """Check the encoding and the nesting depth of ``text``, and decode it.

    Raises:
        JsonError: the text is not UTF-8 JSON, is nested too deeply, or has another type.
    """
    check_utf8(text)
    check_depth(text)
    return decode_json(text, kind)


def decode_json(text: bytes, kind: type[Value]) -> Value:
    """Decode ``text``, with an encoding and a nesting depth that are already checked.

    Raises:
        JsonError: the text is not JSON, or has another type.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError as error:
        raise JsonError("lists and objects are nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JsonError(str(error)) from error


def check_utf8(text: bytes) -> None:
    """Check the encoding, also of the fields that a decoder skips because their names are unknown.

    Raises:
        JsonError: the text is not UTF-8.
    """
    if text.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(text), _PIECE_BYTES):
            decoder.decode(text[start : start + _PIECE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise JsonError(f"the text is not UTF-8 ({error.reason})") from error


def check_depth(text: bytes) -> None:
    """Check the nesting depth of brackets outside strings.

    Raises:
        JsonError: it exceeds :data:`MAX_DEPTH`.
    """
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"")  # the quotation marks that remain delimit strings
    depth, is_in_string = 0, 0
    for start in range(0, len(unescaped), _PIECE_BYTES):
        piece = np.frombuffer(unescaped, np.uint8, min(_PIECE_BYTES, len(unescaped) - start), start)
        in_string = (
            np.cumsum(piece == _QUOTE, dtype=np.uint8) + np.uint8(is_in_string)
        ) & 1  # parity survives overflow
        brace = piece | _BIT_OF_BRACES
        steps = ((brace == _OPEN).astype(np.int8) - (brace == _CLOSE)) * (1 - in_string).astype(np.int8)
        depths = depth + np.cumsum(steps, dtype=np.int32)
        if depths.max() > MAX_DEPTH:
            raise JsonError(f"lists and objects are nested more than {MAX_DEPTH} deep")
        depth, is_in_string = int(depths[-1]), int(in_string[-1])
