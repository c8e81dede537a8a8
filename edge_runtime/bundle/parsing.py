"""JSON that somebody else wrote, as typed values: whatever the text holds, there is one kind of error."""

import re
from typing import Final, TypeVar

import msgspec

MAX_DEPTH: Final = 32
"""Lists and objects inside one another (SPEC section 1): what is deeper ends a parser's stack."""

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)

Value = TypeVar("Value")


class JsonError(ValueError):
    """A text is not the JSON that was expected."""


def parse_json(text: bytes, kind: type[Value]) -> Value:
    """Return the value in ``text``, of at most a few megabytes: every bracket is counted first.

    Raises:
        JsonError: it is no JSON, is nested too deep, or is not of this kind.
    """
    check_depth(text)
    return decode_json(text, kind)


def decode_json(text: bytes, kind: type[Value]) -> Value:
    """Return the value in a ``text`` whose brackets are known to be bounded.

    Raises:
        JsonError: it is no JSON, or is not of this kind.
    """
    try:
        return msgspec.json.decode(text, type=kind)
    except RecursionError as error:
        raise JsonError("lists and objects are nested too deep") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise JsonError(str(error)) from error


def check_depth(text: bytes) -> None:
    """Count the brackets outside strings.

    Raises:
        JsonError: more than :data:`MAX_DEPTH` are open at once.
    """
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        token = text[match.start()]
        if token == ord('"'):
            continue
        depth += 1 if token in b"[{" else -1
        if depth > MAX_DEPTH:
            raise JsonError(f"lists and objects are nested more than {MAX_DEPTH} deep")
