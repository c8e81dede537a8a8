"""Turns a value of the items file into the values of a fact: short texts that may be said of an item."""

import math
import re

import msgspec

FACTS = ("brand", "categories", "price")
# Written as one text, "A, B" in these is two values; anywhere else the comma belongs to the value.
_NAMES = ("cast", "actors", "director", "genres", "tags", "keywords")
_SUFFIXES = ("Jr.", "Sr.", "II", "III")
MOST_CHARACTERS = 1000
_MOST_NAME_CHARACTERS = 64
_MOST_PRICE = 10**12
_NUMBER = re.compile(r"\s*\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*")


class FactError(ValueError):
    """A value that is no text, number or list of them; the message says what was expected."""


def fact_values(name: str, value: object) -> tuple[str, ...]:
    """Return the distinct values in their order; none for null and for blank text.

    Raises:
        FactError: the value cannot be said.
    """
    if not 1 <= len(name.strip()) <= _MOST_NAME_CHARACTERS:
        raise FactError(f"expected a column name of 1 to {_MOST_NAME_CHARACTERS} characters.")
    if name == "price":
        return _price(value)
    if isinstance(value, str):
        parts = _split(name, value)
    elif isinstance(value, list):
        parts = [_said(part) for part in value if part is not None]
    else:
        parts = [] if value is None else [_said(value)]
    stripped = [" ".join(part.split()) for part in parts]
    if any(len(part) > MOST_CHARACTERS for part in stripped):
        raise FactError(f"expected at most {MOST_CHARACTERS:,} characters a value.")
    return tuple(dict.fromkeys(part for part in stripped if part))


def text_list(value: object) -> list[str]:
    """Return a list of texts: of a list, of ``a|b``, of one text, of a JSON array in text, of null.

    Raises:
        FactError: it is none of these.
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
        except (msgspec.MsgspecError, RecursionError):  # a text in brackets, then, and no list
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


def _said(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FactError("expected text, a number or a list of them.")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise FactError("expected a finite number.")
        value = int(value) if value.is_integer() else value
    return str(value)


def _price(value: object) -> tuple[str, ...]:
    """Return the price with two decimals, without a currency."""
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        value = float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MOST_PRICE:
        raise FactError("expected a number of at least 0 and below 10^12, without a currency.")
    return (f"{value:.2f}",)
