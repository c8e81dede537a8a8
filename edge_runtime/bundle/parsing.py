"""Parses untrusted JSON into typed values; every failure raises :class:`JsonError`."""

import re
from typing import Final, TypeVar

import msgspec

MAX_DEPTH: Final = 32
"""Maximum nesting of lists and objects (SPEC section 1); deeper input could overflow a parser's stack."""

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)

Value = TypeVar("Value")


class JsonError(ValueError):
    """The text is not valid JSON of the expected type."""


def parse_json(text: bytes, kind: type[Value]) -> Value:
    """Check the nesting depth of ``text``, of at most a few megabytes, and decode it.

    Raises:
        JsonError: the text is not JSON, is nested too deeply, or has another type.
    """
    check_depth(text)
    return decode_json(text, kind)


def decode_json(text: bytes, kind: type[Value]) -> Value:
    """Decode ``text``, with a nesting depth that is already checked.

    Raises:
        JsonError: the text is not JSON, or has another type.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError as error:
        raise JsonError("lists and objects are nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JsonError(str(error)) from error


def check_depth(text: bytes) -> None:
    """Check the nesting depth of brackets outside strings.

    Raises:
        JsonError: it exceeds :data:`MAX_DEPTH`.
    """
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        token = text[match.start()]
        if token == ord('"'):
            continue
        depth += 1 if token in b"[{" else -1
        if depth > MAX_DEPTH:
            raise JsonError(f"lists and objects are nested more than {MAX_DEPTH} deep")
