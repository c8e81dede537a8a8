"""The rules of reasons that hold in every language, and text formatting for them.

The rules are data (`rules.json`), shared with the browser runtime. Language models of the prompt layout ``facts-v3``
are trained on what they and the English phrases allow. After a change of wordings an older model still writes only what
is allowed, though it chooses less well until it is trained anew; a change of the prompt's lines needs a new name.
"""

import re
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

import msgspec

from edge_runtime.reasons.quoting import clean

Style = Literal["short", "detailed"]
Tone = Literal["casual", "formal"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)
TONES: Final[tuple[Tone, ...]] = get_args(Tone)

_TRIM: Final = " ,;:.-\u2013\u2014(&/|+'\u200c\u200d"


class Rules(msgspec.Struct, frozen=True):
    """The content of `rules.json`.

    Attributes:
        layout: the prompt layout that these rules belong to.
        title_length: maximum length of a shown title, in code points.
        value_length: maximum length of a shown value, in code points.
        name_length: maximum length of a short name, in code points.
        name_words: maximum number of words of a text that is shown without quotation marks.
        not_a_value: lower-case values without information.
        never_shared: fields where an equal value is not a reason, such as a price.
        weak: fields where an equal value is only ever said beside a better reason.
        first_only: fields with values in order of importance; only the first value of the item is cited.
        popular_percent: percentages for claims about popularity, ascending.
        groups: field name to the group of its phrases; other fields have the group ``other``.
        not_a_kind: lower-case English kinds that say nothing by themselves, such as parts of the body.
        after_a_kind: lower-case words that may come after a kind in a title; any other word would make it part of a
            compound, such as ``shampoo`` in ``shampoo brush``.
        articles: what is put first again in a title such as ``Iron Giant, The``.
        plural_only: lower-case English nouns that stay in the plural.
        uncountable: lower-case English nouns of which there is not one more.
        company_words: lower-case words that a maker's name may have or lack.
        legal_forms: lower-case legal forms, without the full stop, which are not said after a maker's name.
    """

    layout: str
    title_length: int
    value_length: int
    name_length: int
    name_words: int
    not_a_value: frozenset[str]
    never_shared: frozenset[str]
    weak: frozenset[str]
    first_only: frozenset[str]
    popular_percent: tuple[int, ...]
    groups: dict[str, str]
    not_a_kind: frozenset[str]
    after_a_kind: frozenset[str]
    articles: frozenset[str]
    plural_only: frozenset[str]
    uncountable: frozenset[str]
    company_words: frozenset[str]
    legal_forms: frozenset[str]


@cache
def rules() -> Rules:
    """Return the rules (cached)."""
    data = files("edge_runtime.reasons").joinpath("rules.json").read_bytes()
    return msgspec.json.decode(data, type=Rules)


def group_of(name: str) -> str:
    """Return the group of phrases for a field."""
    return rules().groups.get(name, "other")


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
    return any(char.isalnum() for char in text) and text.lower() not in rules().not_a_value


def is_plain(text: str) -> bool:
    """Return whether a cleaned text may stand without quotation marks: a few words, without sentence punctuation.

    A full stop is part of a word of at most three letters before it, as in ``Dr. Scholl's`` or ``L.A.``
    """
    words = text.split(" ")
    if len(text) > rules().name_length or len(words) > rules().name_words:
        return False
    return all(_is_plain_word(word) for word in words)


def _is_plain_word(word: str) -> bool:
    parts = word.split(".")
    if any(len(part) > 3 for part in parts[:-1]):
        return False
    return all(char.isalnum() or char in "'&-+/%" for char in "".join(parts))


def display_title(title: str) -> str:
    """Return a title for display between quotation marks; empty if nothing can be displayed."""
    return shorten(clean(title), rules().title_length)


def display_value(value: str) -> str:
    """Return a value for display, without quotation marks."""
    return shorten(clean(value), rules().value_length)


def display_field(name: str) -> str:
    """Return a field name for display; empty if nothing can be displayed."""
    return display_value(name.replace("_", " "))


def lower_words(text: str) -> str:
    """Return a text with a small letter at the start of each word that is one capital and small letters otherwise.

    ``Nail Polish`` becomes ``nail polish``; ``BB Cream`` becomes ``BB cream``.
    """
    return " ".join("-".join(_lower(part) for part in word.split("-")) for word in text.split(" "))


def _lower(word: str) -> str:
    return word.lower() if len(word) > 1 and word[1:] == word[1:].lower() else word


def capitalized(text: str) -> str:
    """Return a text with a capital first letter, where that is one character."""
    first = text[:1].upper()
    return first + text[1:] if len(first) == 1 else text


def fill(pattern: str, slots: dict[str, str]) -> str:
    """Fill the slots of a pattern in one pass, so that braces in a title are not treated as slots."""
    return re.sub(r"\{([a-z]+)\}", lambda match: slots[match[1]], pattern)
