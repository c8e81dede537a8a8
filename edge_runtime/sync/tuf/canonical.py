"""Reads signed JSON strictly, and writes it in the canonical form that signatures cover."""

import json
from typing import Final, NoReturn, TypeAlias

from edge_runtime.bundle.parsing import JsonError, check_depth

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON parser reads exactly, the page's included."""


def read_json(raw: bytes) -> Json:
    """Parse UTF-8 JSON that means the same to every parser. The caller has checked its length.

    Raises:
        JsonError: not UTF-8 JSON, nested too deeply, a name twice in an object, or a number that is no exact integer.
    """
    check_depth(raw)
    try:
        text = raw.decode("utf-8")  # given bytes, json would guess the encoding
        value: Json = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise JsonError(str(error)) from error
    return value


def canonical_json(value: Json) -> bytes:
    """Encode in OLPC's canonical JSON, as python-tuf does: names sorted, no spaces, nothing escaped but two characters.

    Raises:
        JsonError: a string has a lone surrogate.
    """
    try:
        return _text(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise JsonError("a string has a lone surrogate") from error


def _text(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(name)}:{_text(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str):
        return _quoted(value)
    return "null" if value is None else str(value).lower()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise JsonError(f"an object has {len(pairs)} names, of which {len(value)} are distinct")
    return value


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise JsonError(f"the number {digits[:30]} is out of range; expected integers up to {MAX_INTEGER}")
    return int(digits)


def _no_float(digits: str) -> NoReturn:
    raise JsonError(f"found the number {digits[:30]}; signed metadata has integers only")
