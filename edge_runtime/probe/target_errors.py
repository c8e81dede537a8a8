"""What is wrong with a target: messages with the line of its file, the entry, and the name that was probably meant."""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec
from msgspec import inspect

_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_ENTRY = re.compile(r"\s*([\"']?)([\w-]+)\1\s*[=.]")


def located(text: str, error: msgspec.ValidationError, schema: type) -> str:
    """Return an error of conversion with its place: ``, line 5: budgets.ranking_bytes: Expected `int` >= 1.``.

    Args:
        text: the TOML file.
        error: raised by ``msgspec.convert`` of its contents.
        schema: the struct that was expected.
    """
    message, path = _split(str(error))
    unknown = _UNKNOWN.match(message)
    if unknown is not None:
        names = _names(schema, _keys(path))
        path = f"{path}.{unknown['key']}".lstrip(".")
        near = get_close_matches(unknown["key"], names, n=1)
        message = f"unknown entry. Did you mean {near[0]!r}?" if near else f"unknown entry; expected {', '.join(names)}"
    line = _line(text, path)
    place = "" if line is None else f", line {line}"
    end = "" if message.endswith("?") else "."
    return f"{place}: {path}: {message}{end}" if path else f"{place}: {message}{end}"


def _split(message: str) -> tuple[str, str]:
    """Return the message and the path in it, without ``$.``; an empty path for the whole file."""
    at = _AT.search(message)
    return (message, "") if at is None else (message[: at.start()], at["path"])


def _keys(path: str) -> list[str]:
    """Return the keys of a path, without the indices of lists."""
    return [key.partition("[")[0] for key in path.split(".") if key]


def _names(schema: type, path: Sequence[str]) -> list[str]:
    """Return the names of the entries of the table at ``path``; none where any are allowed."""
    kind: Any = inspect.type_info(schema)
    for name in path:
        field = next((one for one in kind.fields if one.name == name), None)
        if field is None:
            return []
        kind = next((one for one in _kinds(field.type) if isinstance(one, inspect.StructType)), None)
        if kind is None:
            return []
    return [field.encode_name for field in kind.fields if field.name != "name"]


def _kinds(kind: Any) -> Iterator[Any]:  # noqa: ANN401 - msgspec's description of any type
    """Yield a type, its alternatives and its elements."""
    yield kind
    for part in (*getattr(kind, "types", ()), *getattr(kind, "item_types", ()), getattr(kind, "item_type", None)):
        if part is not None:
            yield from _kinds(part)


def _line(text: str, path: str) -> int | None:
    """Return the number of the line that has the entry at ``path``, or the header of its table; None if none does."""
    *table, key = _keys(path) or [""]
    wanted = ".".join(table)
    indices = re.findall(r"\[(\d+)\]", path)
    index = int(indices[0]) if indices else None
    found, current, seen = None, "", -1
    for number, line in enumerate(text.splitlines(), start=1):
        header, entry = _HEADER.match(line), _ENTRY.match(line)
        if header is not None:
            current = header[2].replace(" ", "")
            seen += header[1] == "[[" and current in (wanted, key)
            if current == ".".join([*table, key]) or current == wanted:
                found = number if index is None or seen == index else found
        elif entry is not None and entry[2] == key and current == wanted and (index is None or seen == index):
            return number
    return found
