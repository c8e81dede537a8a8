"""The phrases of explanations, and text formatting for them.

The phrases are data (`phrases.json`), shared with the browser runtime. Together with `quoting.json` they are part of
the prompt layout ``facts-v2``: language models are trained on them, so a change needs a new layout name.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

import msgspec

from edge_runtime.reasons.quoting import clean

Style = Literal["short", "detailed"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)

_TRIM: Final = " ,;:.-\u2013\u2014(&/|+'\u200c\u200d"


class _Short(msgspec.Struct, frozen=True):
    shared: tuple[str, ...]
    own: tuple[str, ...]


class _Detailed(msgspec.Struct, frozen=True):
    shared_shared: tuple[str, ...]
    shared_own: tuple[str, ...]
    own_own: tuple[str, ...]


class _Skeletons(msgspec.Struct, frozen=True):
    short: _Short
    detailed: _Detailed
    nothing: tuple[str, ...]


class Phrases(msgspec.Struct, frozen=True):
    """The content of `phrases.json`.

    Attributes:
        layout: the prompt layout that these phrases belong to.
        title_length: maximum length of a shown title, in code points.
        value_length: maximum length of a shown value, in code points.
        not_a_value: lower-case values without information.
        never_shared: fields where an equal value is not a reason, such as a price.
        weakly_shared: fields where an equal value is a reason only if nothing better is shared.
        first_only: fields with values in order of importance; only the first value is cited.
        popular_percent: percentages for claims about popularity, ascending.
        predicates: field name to the predicate for a value.
        other_predicate: predicate for all other fields.
        popular_predicate: predicate for popularity.
        skeletons: sentence skeletons.
    """

    layout: str
    title_length: int
    value_length: int
    not_a_value: frozenset[str]
    never_shared: frozenset[str]
    weakly_shared: frozenset[str]
    first_only: frozenset[str]
    popular_percent: tuple[int, ...]
    predicates: dict[str, str]
    other_predicate: str
    popular_predicate: str
    skeletons: _Skeletons


@cache
def phrases() -> Phrases:
    """Return the phrases (cached)."""
    data = files("edge_runtime.reasons").joinpath("phrases.json").read_bytes()
    return msgspec.json.decode(data, type=Phrases)


def shorten(text: str, length: int) -> str:
    """Truncate a cleaned text to ``length`` code points, at a word boundary if that keeps at least half of them."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    space = cut.rfind(" ") if text[length - 1] != " " else len(cut)
    if space >= length // 2:
        cut = cut[:space]
    return cut.rstrip(_TRIM) + "…"


def is_informative(value: str) -> bool:
    """Return whether a value is informative: it has letters or digits, and does not mean "unknown"."""
    text = clean(value)
    return any(char.isalnum() for char in text) and text.lower() not in phrases().not_a_value


def display_title(title: str) -> str:
    """Return a title for display between quotation marks; empty if nothing can be displayed."""
    return shorten(clean(title), phrases().title_length)


def display_value(value: str) -> str:
    """Return a value for display, without quotation marks."""
    return shorten(clean(value), phrases().value_length)


def display_field(name: str) -> str:
    """Return a field name for display between quotation marks; empty if nothing can be displayed."""
    return display_value(name.replace("_", " "))


def fill(skeleton: str, slots: dict[str, str]) -> str:
    """Fill the slots of a skeleton in one pass, so that braces in a title are not treated as slots.

    A final full stop is dropped if the last value already ends with a punctuation mark.
    """
    text = re.sub(r"\{([a-z]+)\}", lambda match: slots[match[1]], skeleton)
    return text[:-1] if text.endswith(("..", "!.", "?.", "….")) else text
