"""The words of reasons, and how they are put together.

The words themselves are data (`phrases.json`), because the browser's runtime says the same with the same file.
With `quoting.json` they are part of the prompt layout ``facts-v2``: a writer was trained on them, so a change needs a
new layout name.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final, Literal

import msgspec

from edge_runtime.reasons.quoting import clean

Style = Literal["short", "detailed"]

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
        layout: the prompt layout that these words belong to.
        title_length: code points of a title that a sentence shows at most.
        value_length: the same of a value.
        not_a_value: lower-case values that say nothing.
        never_shared: fields of which an equal value is no reason, such as a price.
        weakly_shared: fields of which an equal value is a reason only where nothing better is shared.
        first_only: fields whose values stand by weight, so that alone the first is worth telling.
        popular_percent: the claims about popularity, the boldest first.
        predicates: what is said of an item that has this value of a field.
        other_predicate: the same for all other fields.
        popular_predicate: the same for popularity.
        skeletons: the sentences.
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
    """Return the words, read once."""
    data = files("edge_runtime.reasons").joinpath("phrases.json").read_bytes()
    return msgspec.json.decode(data, type=Phrases)


def shorten(text: str, length: int) -> str:
    """Return at most ``length`` code points of a cleaned text, cut between words where that leaves half of it."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    blank = cut.rfind(" ") if text[length - 1] != " " else len(cut)
    if blank >= length // 2:
        cut = cut[:blank]
    return cut.rstrip(_TRIM) + "…"


def is_telling(value: str) -> bool:
    """Say whether a value says anything: letters or digits, and not a word for "unknown"."""
    text = clean(value)
    return any(char.isalnum() for char in text) and text.lower() not in phrases().not_a_value


def said_title(title: str) -> str:
    """Return a title as sentences show it, to go between quotation marks; empty when nothing can be shown."""
    return shorten(clean(title), phrases().title_length)


def said_value(value: str) -> str:
    """Return a value as sentences show it, without its quotation marks."""
    return shorten(clean(value), phrases().value_length)


def said_field(name: str) -> str:
    """Return a field's name as sentences show it, to go between quotation marks; empty when nothing can be shown."""
    return said_value(name.replace("_", " "))


def fill(skeleton: str, slots: dict[str, str]) -> str:
    """Return ``skeleton`` with its slots filled in one pass, so that a title with braces stays a title.

    A sentence whose last value ends with a full stop does not get a second one.
    """
    text = re.sub(r"\{([a-z]+)\}", lambda match: slots[match[1]], skeleton)
    return text[:-1] if text.endswith(("..", "!.", "?.", "….")) else text
