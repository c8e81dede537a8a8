"""TOML as targets have it: text, numbers, lists, tables within tables, and lists of tables."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def dump_toml(values: Mapping[str, Any]) -> str:
    """Return a TOML document; plain values come before tables, which otherwise keep their order.

    Names must be bare keys: letters, digits, ``_`` and ``-``.
    """
    return "\n".join(_lines(values, "")).strip() + "\n"


def _lines(values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for name, value in values.items():
        if not isinstance(value, Mapping) and not _is_tables(value):
            yield f"{name} = {_literal(value)}"
    for name, value in values.items():
        for table in value if _is_tables(value) else [value] if isinstance(value, Mapping) else []:
            header = f"[[{prefix}{name}]]" if _is_tables(value) else f"[{prefix}{name}]"
            yield f"\n{header}"
            yield from _lines(table, f"{prefix}{name}.")


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)


def _literal(value: object) -> str:
    """Return a value as TOML: text, true and false, and lists are written as in JSON, and numbers as in Python."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    # JSON escapes the control characters but DEL, which TOML does not allow either.
    return (
        repr(value) if type(value) in (int, float) else json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    )
