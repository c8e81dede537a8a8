"""The option ``--where``: one condition a word, such as ``price<20`` or ``brand=Aster|Birch``."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from edge_runtime.bundle.items import Items
from edge_runtime.errors import FilterError
from edge_runtime.filters.conditions import (
    Condition,
    NoneOf,
    Range,
    Value,
    above,
    at_least,
    at_most,
    below,
    number_of,
)

_CONDITION: Final = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|!=|<|>|=)\s*(.*?)\s*")
_RANGES: Final = {"<": below, "<=": at_most, ">": above, ">=": at_least}
_LIMITS: Final = ("at_least", "above", "at_most", "below")


def parse_where(conditions: Sequence[str]) -> dict[str, Condition]:
    """Return the filter that the conditions make together.

    Raises:
        ValueError: one is not a condition, or a fact has two that cannot be one.
    """
    where: dict[str, Condition] = {}
    for text in conditions:
        name, condition = _parse(text)
        where[name] = condition if name not in where else _both(name, where[name], condition)
    return where


def check_values(where: Mapping[str, Condition], items: Items) -> None:
    """Check that each text of a filter is a value of its fact, because a mistyped one would find nothing.

    Raises:
        FilterError: it is not; the message suggests the nearest one.
    """
    for name, condition in where.items():
        values = condition.values if isinstance(condition, NoneOf) else condition
        if name not in items.fields or not isinstance(values, tuple):
            continue
        known = set(items.fields[name].values)
        for text in values:
            if isinstance(text, str) and number_of(text) is None and text not in known:
                near = get_close_matches(text, known, n=1)
                raise FilterError(
                    f"--where: no item has the {name} {text!r}." + (f" Did you mean {near[0]!r}?" if near else "")
                )


def _parse(text: str) -> tuple[str, Condition]:
    match = _CONDITION.fullmatch(text)
    if match is None or not match[3]:
        raise ValueError(
            f"{text!r} is not a condition. Write FACT=VALUE, FACT=VALUE|VALUE, FACT!=VALUE, or a number: 'price<20', "
            "'price>=5'; quoted, because < and > mean files to a shell."
        )
    name, sign, value = match.groups()
    if sign in _RANGES:
        number = number_of(value)
        if number is None:
            raise ValueError(
                f"{text!r} compares with {value!r}, which is not a number. Write for example '{name}{sign}20'."
            )
        return name, _RANGES[sign](number)
    values = tuple(_values(value.split("|")))
    if not values:
        raise ValueError(f"{text!r} has no value between the separators. Write FACT=VALUE or FACT=VALUE|VALUE.")
    return name, NoneOf(values) if sign == "!=" else values


def _values(texts: Sequence[str]) -> list[Value]:
    """Return the texts, and the numbers that they stand for: ``12.9`` also means a fact of ``12.90``."""
    stripped = [text.strip() for text in texts if text.strip()]
    numbers = [number for number in map(number_of, stripped) if number is not None]
    return [*stripped, *numbers]


def _both(name: str, one: Condition, other: Condition) -> Range:
    if not isinstance(one, Range) or not isinstance(other, Range):
        raise ValueError(f"{name} has two conditions. Put several values into one: --where '{name}=A|B'.")
    limits = {limit: getattr(other, limit) for limit in _LIMITS if getattr(other, limit) is not None}
    if any(getattr(one, limit) is not None for limit in limits):
        raise ValueError(f"{name} has the same limit twice. Give it once.")
    return replace(one, **limits)
