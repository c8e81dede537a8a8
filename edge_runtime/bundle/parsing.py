"""Parses untrusted JSON into typed values; every failure raises :class:`JsonError`."""

import codecs
import json
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
import numpy as np

MAX_DEPTH: Final = 32
"""Maximum nesting of lists and objects (SPEC section 1); deeper input could overflow a parser's stack."""

_PIECE_BYTES: Final = 1 << 20
_QUOTE, _OPEN, _CLOSE, _COLON = b'"{}:'
_PLAIN: Final = bytes(sorted(set(range(256)) - set(b'"{}[]:')))
"""All bytes that neither delimit strings nor nest: without them a fraction of the text is left."""
_BIT_OF_BRACES: Final = 0x20
"""The bit in which ``[`` and ``]`` differ from ``{`` and ``}``."""

Value = TypeVar("Value")


class JsonError(ValueError):
    """The text is not valid JSON of the expected type."""


def parse_json(text: bytes, kind: type[Value], names_of: Callable[[Value], int] | None = None) -> Value:
    """Check the encoding, the nesting depth and the names of ``text``, and decode it.

    Args:
        text: the JSON.
        kind: type of the result.
        names_of: the number of names that a result is read from. Where the text has as many, no name occurs twice, and
            the search for duplicates is saved, which takes as much memory as the result.

    Raises:
        JsonError: the text is not UTF-8 JSON, is nested too deeply, has a name twice in an object, or has another type.
    """
    check_utf8(text)
    n_names = check_depth(text)
    value = decode_json(text, kind)
    if names_of is None or names_of(value) != n_names:
        check_names(text)
    return value


def decode_json(text: bytes, kind: type[Value]) -> Value:
    """Decode ``text``, whose encoding, nesting depth and names are already checked.

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


def check_names(text: bytes) -> None:
    """Check that no object has a name twice: parsers differ in which of the values counts.

    Args:
        text: JSON whose nesting depth is already checked.

    Raises:
        JsonError: an object has a name twice.
    """
    json.loads(text, object_pairs_hook=_check_object, parse_int=float)  # as floats, because integers may be endless


def _check_object(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        raise JsonError(f"an object has {len(pairs)} names, of which {len(names)} are distinct")


def check_depth(text: bytes) -> int:
    """Check the nesting depth of brackets outside strings, and return the number of names of all objects.

    Raises:
        JsonError: it exceeds :data:`MAX_DEPTH`.
    """
    unescaped = text.replace(b"\\\\", b"").replace(b'\\"', b"")  # the quotation marks that remain delimit strings
    unescaped = unescaped.translate(None, _PLAIN)
    depth, is_in_string, n_names = 0, 0, 0
    for start in range(0, len(unescaped), _PIECE_BYTES):
        piece = np.frombuffer(unescaped, np.uint8, min(_PIECE_BYTES, len(unescaped) - start), start)
        in_string = (
            np.cumsum(piece == _QUOTE, dtype=np.uint8) + np.uint8(is_in_string)
        ) & 1  # parity survives overflow
        n_names += int(np.count_nonzero((piece == _COLON) & (in_string == 0)))
        brace = piece | _BIT_OF_BRACES
        steps = ((brace == _OPEN).astype(np.int8) - (brace == _CLOSE)) * (1 - in_string).astype(np.int8)
        depths = depth + np.cumsum(steps, dtype=np.int32)
        if depths.max() > MAX_DEPTH:
            raise JsonError(f"lists and objects are nested more than {MAX_DEPTH} deep")
        depth, is_in_string = int(depths[-1]), int(in_string[-1])
    return n_names
