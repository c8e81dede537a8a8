"""The conditions of ``where``: values with types, never code (ADR 0031).

A filter is a mapping of fact to condition, and all conditions must hold:

    where={"categories": {"Skin care", "Bath"}, "price": below(20), "in_stock": True, "brand": none_of("Elm")}

Facts are texts (SPEC section 6). A text that is a plain decimal number, such as ``12.90``, also counts as that number,
and ``true`` and ``false`` as the two booleans. An item has a fact if any of its values does.
"""

import math
import re
import reprlib
import sys
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

Value = str | int | float | bool
"""A text, which is compared as it is written; a number; or a boolean."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
_LARGEST_FLOAT = int(sys.float_info.max)
_MAX_NUMBER: Final = 10**12
_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers between two limits; None is no limit. The helper functions of this module are shorter to write.

    Raises:
        TypeError: a limit is not a number.
        ValueError: there is no limit, one is not finite, or no number lies between them.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}
        for name, limit in limits.items():
            _check_number(f"{name}()", limit)
        if not limits:
            raise ValueError("a range needs a limit. Write for example below(20) or between(5, 20).")
        low = max([limits[name] for name in ("at_least", "above") if name in limits], default=-math.inf)
        high = min([limits[name] for name in ("at_most", "below") if name in limits], default=math.inf)
        if low > high or (low == high and not (self.holds(low))):
            raise ValueError(f"no number is in {self}. Exchange the limits.")

    def holds(self, number: float) -> bool:
        """Return whether a number lies between the limits."""
        return (
            (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        return ", ".join(
            f"{name} {getattr(self, name):g}" for name in self.__slots__ if getattr(self, name) is not None
        )


@dataclass(frozen=True, slots=True)
class NoneOf:
    """Items that have none of these values; an item without the fact is among them."""

    values: tuple[Value, ...]


Condition = Value | Collection[Value] | Range | NoneOf
"""One value, several of which any may hold, a range of numbers, or values that must not hold."""

Where = Mapping[str, Condition]
"""Fact to condition; all of them must hold."""


def below(limit: float) -> Range:
    """Return the condition of numbers below a limit."""
    return Range(below=limit)


def at_most(limit: float) -> Range:
    """Return the condition of numbers up to a limit."""
    return Range(at_most=limit)


def above(limit: float) -> Range:
    """Return the condition of numbers above a limit."""
    return Range(above=limit)


def at_least(limit: float) -> Range:
    """Return the condition of numbers from a limit on."""
    return Range(at_least=limit)


def between(low: float, high: float) -> Range:
    """Return the condition of numbers from ``low`` to ``high``, both included."""
    return Range(at_least=low, at_most=high)


def none_of(*values: Value) -> NoneOf:
    """Return the condition that no value of the fact is one of these."""
    return NoneOf(values)


@dataclass(frozen=True, slots=True)
class Test:
    """A checked condition: which values hold, and whether an item needs one of them or must have none.

    Attributes:
        texts: texts that hold; booleans are among them.
        numbers: numbers that hold.
        range: the range of numbers that hold, or None.
        is_negated: items without such a value hold.
        kind: what the fact's values have to be, for messages: ``text``, ``number`` or ``true or false``.
    """

    texts: frozenset[str]
    numbers: frozenset[float]
    range: Range | None
    is_negated: bool
    kind: str

    def holds(self, text: str, number: float | None) -> bool:
        """Return whether one value holds, ignoring the negation.

        Args:
            text: the value.
            number: the number that it stands for, or None.
        """
        if text in self.texts:
            return True
        if number is None:
            return False
        return number in self.numbers or (self.range is not None and self.range.holds(number))


def checked_where(where: object) -> dict[str, Test]:
    """Return the tests of a filter by fact.

    Raises:
        TypeError: the filter is not a mapping of names to conditions.
        ValueError: a condition has no values, or a number that is not finite.
    """
    if not isinstance(where, Mapping):
        raise TypeError(
            f"where must be a mapping of facts to conditions, got {_shown(where)}. "
            "Pass for example {'brand': 'Aster', 'price': below(20)}."
        )
    for name in where:
        if not isinstance(name, str):
            raise TypeError(f"where must have names of facts as keys, got {_shown(name)}. Pass for example 'brand'.")
    return {name: _test(name, condition) for name, condition in where.items()}


def number_of(text: str) -> float | None:
    """Return the number that a value stands for; None for other texts."""
    return float(text) if _NUMBER.fullmatch(text) else None


def text_of(what: str, value: object) -> str:
    """Return a value as the text of a fact; a number has up to six decimals.

    Args:
        what: what the value is, for the message.
        value: the value.

    Raises:
        TypeError: it is not a text, a number or a boolean.
        ValueError: it is a number that is not finite, or 10^12 or more.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    _check_number(what, value)
    number = float(value)  # type: ignore[arg-type]  # a number, as just checked
    if abs(number) >= _MAX_NUMBER:
        raise ValueError(f"{what} must be below 10^12, got {number:g}. Pass it as a text.")
    text = f"{number + 0.0:.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _test(name: str, condition: object) -> Test:
    if isinstance(condition, Range):
        return Test(frozenset(), frozenset(), condition, is_negated=False, kind="number")
    if isinstance(condition, NoneOf):
        return _any_of(name, condition.values, is_negated=True)
    if isinstance(condition, AbstractSet | list | tuple):
        return _any_of(name, condition, is_negated=False)
    return _any_of(name, [condition], is_negated=False)


def _any_of(name: str, values: Collection[object], *, is_negated: bool) -> Test:
    if not values:
        raise ValueError(f"where[{name!r}] has no values, so that nothing can hold. Leave it out to allow everything.")
    for value in values:
        _check_value(name, value)
    numbers = [float(value) for value in _without_booleans(values) if isinstance(value, int | float)]
    texts = [text_of(f"where[{name!r}]", value) for value in values if isinstance(value, str | bool)]
    kinds = {_kind(value) for value in values}
    kind = kinds.pop() if len(kinds) == 1 else "text"
    return Test(frozenset(texts), frozenset(numbers), None, is_negated, kind)


def _without_booleans(values: Iterable[object]) -> list[object]:
    return [value for value in values if not isinstance(value, bool)]


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "text" if isinstance(value, str) else "number"


def _check_value(name: str, value: object) -> None:
    if not isinstance(value, str | int | float):
        raise TypeError(
            f"where[{name!r}] must be a text, a number, True or False, a set of these, or a range, "
            f"got {_shown(value)}. "
            "Pass for example 'Aster', {'Aster', 'Birch'}, below(20) or none_of('Elm')."
        )
    if not isinstance(value, str | bool):
        _check_number(f"where[{name!r}]", value)


def _check_number(what: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{what} must be a number, got {_shown(value)}. Pass for example 20 or 19.9.")
    if isinstance(value, int):
        if abs(value) > _LARGEST_FLOAT:
            raise ValueError(f"{what} must be a number of ordinary size, got {reprlib.repr(value)}.")
    elif not math.isfinite(value):
        raise ValueError(f"{what} must be a finite number, got {value}.")


def _shown(value: object) -> str:
    return f"{reprlib.repr(value)} ({type(value).__name__})"
