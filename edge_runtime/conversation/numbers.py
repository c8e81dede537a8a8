"""Reads numbers: an item of the list, a decade, or limits of a price or a year."""

from dataclasses import replace
from typing import Final

import msgspec

from edge_runtime.conversation.query import Limit, Wish
from edge_runtime.conversation.reading import Reading
from edge_runtime.conversation.scanning import Element

_AROUND: Final = 0.2
_FEW: Final = 2
"""Largest number as a word that is no price unless a currency follows, as in "at least one"."""
_UNITS: Final = ("currency", "minutes", "hours")
_FIRST, _LAST = 1800, 2100
_MINUS: Final = frozenset({"minus", "负"})
LIMITS: Final = {
    "below": ("below", None), "at_most": ("at_most", None), "above": ("above", None), "at_least": ("at_least", None),
    "before": ("below", "year"), "after": ("above", "year"), "since": ("at_least", "year"), "around": ("around", None),
}  # fmt: skip


def read_number(reading: Reading, index: int) -> int:
    """Read a number: an item of the list, a decade, or a limit."""
    element, before = reading.elements[index], reading.before(index)
    if element.cue is not None and element.cue.decade is not None:
        return _years(reading, element.cue.decade, element.cue.decade + 9)
    value = element.value
    previous = reading.elements[index - 1].cue if index and not element.gap else None
    if value is None or (element.cue is not None and previous is not None and previous.position is not None):
        return 1  # "the third one"
    following = reading.elements[index + 1] if index + 1 < len(reading.elements) else None
    if following is not None and following.is_cue("decade") and following.gap == 0 and value % 10 == 0:
        first = int(value) if value >= _FIRST else 1900 + int(value)
        return _years(reading, first, first + 9) + 1
    is_pointed = before is not None and before.is_cue("number_of", "why")
    is_pointed |= (
        reading.polarity == "not" and not reading.n_named and reading.limit is None and reading.following(index) is None
    )
    if before is not None and _is_minus(before) and reading.limit:
        reading.unknown += [before.shown, element.shown][before.is_unknown :]  # an unknown "minus" is there already
        reading.polarity, reading.limit = "want", None
        return 1
    if is_pointed or (reading.likes and reading.limit is None):
        reading.point(int(value))
        return 1
    return _limit(reading, index, value)


def _is_minus(element: Element) -> bool:
    """Return whether a word before a number is a minus, as in "under minus 5"."""
    return element.text in _MINUS or (element.is_cue("not") and not element.is_cue(*LIMITS))


def _years(reading: Reading, first: int, last: int) -> int:
    name = reading.year()
    if name is None:
        reading.lack("year")
    else:
        before = reading.limits[-1] if reading.limits else None
        if before is not None and before.field == name and before.at_least is not None and before.at_most is not None:
            del reading.limits[-1]  # "from the 80s or 90s"
            first, last = min(first, int(before.at_least)), max(last, int(before.at_most))
        reading.limits.append(Limit(name, at_least=float(first), at_most=float(last)))
    reading.limit = None
    return 1


def _limit(reading: Reading, index: int, value: float) -> int:
    """Read a number with what limits it, before or after: "under 30", "30 or less", "20 to 40"."""
    used, has_currency = 1, _has_currency(reading, index)
    minutes = _minutes(reading, index)
    if minutes is not None:
        value, has_currency, reading.of_field = value * minutes, True, reading.length()
    while index + used < len(reading.elements) and reading.elements[index + used].is_cue(*_UNITS):
        used += 1
    following = reading.elements[index + used] if index + used < len(reading.elements) else None
    other = _number_after_to(reading, index + used)
    kind = reading.limit
    if other is not None and kind not in ("below", "at_most", "before"):
        low, high = sorted((value, other * (minutes or 1)))
        _add_limit(reading, _number_field(reading, low, None, has_currency), at_least=low, at_most=high)
        reading.limit = None
        used += 2
        while index + used < len(reading.elements) and reading.elements[index + used].is_cue(*_UNITS, "between"):
            used += 1
        return used
    if kind in (None, "between") and following is not None and following.gap == 0 and following.is_cue(*LIMITS):
        kind = next(name for name in LIMITS if following.is_cue(name))
        used += 1
    reading.limit, reading.limited = None, kind
    return _one_limit(reading, index, value, kind, used, has_currency=has_currency)


def _minutes(reading: Reading, index: int) -> int | None:
    """Return the minutes of the unit of a number, as in "10 to 20 minutes", or None."""
    if reading.elements[index].is_cue("minutes"):
        return 1  # "half an hour" has its own
    for element in reading.elements[index + 1 : index + 4]:
        if element.is_cue("minutes", "hours"):
            return 60 if element.is_cue("hours") else 1
        if element.gap or not (element.is_cue("to") or element.number is not None):
            return None
    return None


def _counts_something(reading: Reading, index: int, used: int, value: float) -> bool:
    """Return whether a number counts what nobody knows, as in "more than one season", and is no price."""
    after = reading.elements[index + used] if index + used < len(reading.elements) else None
    is_year = reading.year() is not None and _FIRST <= value <= _LAST
    is_followed = after is not None and after.is_unknown and after.gap == 0
    is_few = reading.elements[index].cue is not None and value <= _FEW
    return (is_followed or is_few) and not is_year and reading.of_field is None


def _one_limit(reading: Reading, index: int, value: float, kind: str | None, used: int, *, has_currency: bool) -> int:
    element = reading.elements[index]
    if kind in LIMITS and not has_currency and _counts_something(reading, index, used, value):
        reading.unknown.append(element.shown)
    elif kind in LIMITS:
        operator, of = LIMITS[kind]
        name = reading.year() if of == "year" else _number_field(reading, value, of, has_currency)
        if name is None and of is not None:
            reading.lack(of)
            return used
        if operator == "around":
            wide = 0 if name == reading.year() else _AROUND * value
            _add_limit(reading, name, at_least=value - wide, at_most=value + wide)
            return used
        if reading.polarity == "not" and not reading.n_named:
            operator = {"below": "at_least", "at_most": "above", "above": "at_most", "at_least": "below"}[operator]
            reading.polarity = "want"  # "no more than twenty for a mug"
        _add_limit(reading, name, **{operator: value})
    elif has_currency:
        is_length = reading.of_field is not None and reading.of_field == reading.length()
        _add_limit(reading, reading.of_field if is_length else reading.price(), at_most=value)
    elif _FIRST <= value <= _LAST and reading.year() is not None:
        _add_limit(reading, reading.year(), at_least=value, at_most=value)
    elif kind == "between" and reading.price() is not None and element.cue is None:
        _add_limit(reading, reading.price(), at_least=value)
    elif element.cue is None:
        _text(reading, element)
    return used


def _text(reading: Reading, element: Element) -> None:
    """Take a number as a word of a title, such as that of "SPF 50"."""
    if reading.lexicon.has_text(element.text):
        before = reading.said[-1] if reading.said else None
        if before is not None and before.wish.field is None and len(before.wish.values) == 1:
            text = f"{before.wish.values[0]} {element.text}"
            if reading.lexicon.has_text(text):
                reading.said[-1] = replace(before, wish=Wish(None, (text,)))
                return
    reading.unknown.append(element.shown)


def _add_limit(reading: Reading, name: str | None, **limits: float) -> None:
    if name is None:
        reading.lack("year" if all(_FIRST <= value <= _LAST for value in limits.values()) else "price")
    else:
        reading.limits.append(msgspec.structs.replace(Limit(name), **limits))


def _number_field(reading: Reading, value: float, of: str | None, has_currency: bool) -> str | None:
    if reading.of_field in reading.lexicon.numeric:
        return reading.of_field
    year = reading.year()
    if year is not None and not has_currency and (of == "year" or _FIRST <= value <= _LAST):
        return year
    return reading.price()


def _number_after_to(reading: Reading, index: int) -> float | None:
    """Return the second number of "20 to 40", or None."""
    if index + 1 >= len(reading.elements) or not reading.elements[index].is_cue("to"):
        return None
    return reading.elements[index + 1].value


def _has_currency(reading: Reading, index: int) -> bool:
    around = reading.elements[max(0, index - 1) : index + 2]
    return any(element.is_cue("currency") for element in around)
