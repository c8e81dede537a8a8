"""Converts values of the items file to facts: short texts that describe an item."""

import math
import re

import msgspec

FACTS = ("brand", "categories", "price")
# "A, B" is two values in these columns; in others the comma belongs to the value.
_NAMES = ("cast", "actors", "director", "genres", "tags", "keywords")
_SUFFIXES = ("Jr.", "Sr.", "II", "III")
MAX_VALUE_CHARACTERS = 1000
_MAX_NAME_CHARACTERS = 64
_MAX_PRICE = 10**12
_NUMBER = re.compile(r"\s*\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*")


class FactError(ValueError):
    """A value is not valid as a fact; the message says what was expected."""


def fact_values(name: str, value: object) -> tuple[str, ...]:
    """Return the distinct values in order; none for null and blank text.

    Raises:
        FactError: the value is neither text, a number nor a list of them, or is too long.
    """
    if not 1 <= len(name.strip()) <= _MAX_NAME_CHARACTERS:
        raise FactError(f"expected a column name of 1 to {_MAX_NAME_CHARACTERS} characters.")
    if name == "price":
        return _price(value)
    if isinstance(value, str):
        parts = _split(name, value)
    elif isinstance(value, list):
        parts = [_as_text(part) for part in value if part is not None]
    else:
        parts = [] if value is None else [_as_text(value)]
    stripped = [" ".join(part.split()) for part in parts]
    if any(len(part) > MAX_VALUE_CHARACTERS for part in stripped):
        raise FactError(f"expected at most {MAX_VALUE_CHARACTERS:,} characters per value.")
    return tuple(dict.fromkeys(part for part in stripped if part))


def text_list(value: object) -> list[str]:
    """Convert a list of texts, ``a|b``, a single text, a JSON array in text, or null to a list of texts.

    Raises:
        FactError: the value is none of these.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in _split("", value) if part.strip()]
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return [part for part in value if part]
    raise FactError("expected text or a list of texts.")


def _split(name: str, text: str) -> list[str]:
    if text[:1] == "[" and text[-1:] == "]":
        try:
            return msgspec.json.decode(text, type=list[str])
        except (msgspec.MsgspecError, RecursionError):  # an ordinary text in brackets
            return [text]
    if "|" in text:
        return text.split("|")
    if name not in _NAMES:
        return [text]
    parts: list[str] = []
    for part in text.split(", "):
        if part in _SUFFIXES and parts:
            parts[-1] += f", {part}"
        else:
            parts.append(part)
    return parts


def _as_text(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FactError("expected text, a number or a list of them.")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise FactError("expected a finite number.")
        value = int(value) if value.is_integer() else value
    return str(value)


def _price(value: object) -> tuple[str, ...]:
    """Return the price with two decimals, without a currency; nothing if there is none."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MAX_PRICE:
        raise FactError("expected a number of at least 0 and below 10^12, without a currency.")
    return (f"{value:.2f}",)
