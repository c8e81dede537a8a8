"""The first sentence of a list text: what comes up more than once in what a person chose.

The wordings are data (`openings.json`). Each is true of any value that at least two items of the history have.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
import numpy as np

from edge_runtime.bundle.items import Field, Items
from edge_runtime.reasons.words import display_value, is_informative

MAX_VALUES: Final = 2
ENGLISH: Final = "en"

_LEAST_ITEMS: Final = 2


class Openings(msgspec.Struct, frozen=True):
    """The openings of a language.

    Attributes:
        two: with the slots ``{a}`` and ``{b}``.
        one: with the slot ``{a}``.
        none: for a history that has nothing in common.
    """

    two: tuple[str, ...]
    one: tuple[str, ...]
    none: tuple[str, ...]


@cache
def openings_by_language() -> dict[str, Openings]:
    """Return the openings of each language (cached)."""
    data = files("edge_runtime.list_text").joinpath("openings.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, Openings])


def taste(items: Items, history_rows: Sequence[int]) -> tuple[str, ...]:
    """Return the values that come up most often in a history, at most two, of different fields; cleaned.

    A value counts if at least two items of the history have it, and at most half of the catalogue. Ties are broken by
    the field, then by the index of the value.
    """
    counts = Counter(
        (name, index)
        for row in dict.fromkeys(history_rows)
        for name, field in items.fields.items()
        for index in dict.fromkeys(field.rows[row])
    )
    values: dict[str, str] = {}
    for (name, index), count in sorted(counts.items(), key=lambda one: (-one[1], one[0])):
        value, field = items.fields[name].values[index], items.fields[name]
        if count < _LEAST_ITEMS or len(values) == MAX_VALUES:
            break
        if name not in values and _tells_something(value) and 2 * _n_having(field, index) <= len(items.title):
            values[name] = display_value(value)
    return tuple(dict.fromkeys(values.values()))


def openings(values: Sequence[str], language: str = ENGLISH) -> tuple[str, ...]:
    """Return the sentences that say what was found by :func:`taste`.

    Args:
        values: its values, between quotation marks.
        language: language of the sentences.

    Raises:
        ValueError: there are no openings in this language.
    """
    known = openings_by_language()
    if language not in known:
        raise ValueError(f"language must be one of {', '.join(map(repr, known))}, got {language!r}")
    of_language = known[language]
    wordings = (of_language.none, of_language.one, of_language.two)[len(values)]
    shown = [*values, *[""] * (MAX_VALUES - len(values))]
    return tuple(shown[1].join(shown[0].join(part.split("{a}")) for part in text.split("{b}")) for text in wordings)


def _tells_something(value: str) -> bool:
    return is_informative(value) and any(char.isalpha() for char in display_value(value))


def _n_having(field: Field, index: int) -> int:
    """Return how many entries a value has in the catalogue."""
    _, values = field.entries()
    return int(np.count_nonzero(np.asarray(values) == index))
