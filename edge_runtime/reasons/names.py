"""Short names for the items of a history, as a person would say them: ``nail polish`` or “Toy Story”.

A name means one item of the history only. It is the first of these that does: the kind, the maker and the kind, the
beginning of the title, the title.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.makers import without_legal_form, without_maker
from edge_runtime.reasons.quoting import clean
from edge_runtime.reasons.words import group_of, is_plain, lower_words, rules, shorten

_BRACKET: Final = re.compile(r"[(\[{|]")
_CUT: Final = re.compile(r"[,:;]| [-\u2013\u2014] | [0-9]")
_AMOUNT: Final = re.compile(
    r"[ ,.-]+[0-9][0-9.]*[ -]?"
    r"(?:oz|fl|ounces?|fluid|ml|g|grams?|kg|lbs?|count|ct|pcs?|pieces?|packs?|inch|l|mm|cm)(?:[^a-z0-9]|$)",
    re.IGNORECASE,
)
_AND: Final = re.compile(r" & | and |, | / ")
_FEW_ITEMS: Final = 20
_KINDS: Final = 16
_SHORTEST: Final = 10


@dataclass(frozen=True, slots=True)
class Name:
    """A name of an item.

    Attributes:
        text: cleaned text, not empty.
        is_title: whether it is the title or its beginning, which is shown between quotation marks.
        kind: the kind by which the item is called; empty for a title.
        maker: the maker by which it is called too; else empty.
        title: what it may be called by its title; empty if that is not its own.
    """

    text: str
    is_title: bool
    kind: str = field(default="", compare=False)
    maker: str = field(default="", compare=False)
    title: str = field(default="", compare=False)

    @property
    def is_countable(self) -> bool:
        """Whether its kind is an English noun of which there may be another one: no boots, and no makeup."""
        last = self.kind.rsplit(" ", 1)[-1].lower()
        return last not in rules().plural_only and last not in rules().uncountable

    def is_called(self, kind: str) -> bool:
        """Return whether a value of the catalogue, such as ``Shampoos``, is the kind by which the item is called."""
        return bool(self.kind) and _tokens(kind) == _tokens(self.kind)


@dataclass(frozen=True, slots=True)
class Kind:
    """What an item is, such as ``nail polish``, and its words without plural endings."""

    noun: str
    words: frozenset[str]


def short_names(finder: FactFinder, rows: Sequence[int], others: Sequence[int] = ()) -> dict[int, Name]:
    """Return names of some items of a history; an item that has no name of its own is left out.

    Args:
        finder: titles and facts.
        rows: the items to name, distinct.
        others: further items of the history, which a name must not mean either; distinct.
    """
    all_rows = [*rows, *others]
    words = {row: title_words(finder.items.title[row]) for row in all_rows}
    candidates = {row: _candidates(finder, row, words) for row in all_rows}
    counts = Counter(name.text for names in candidates.values() for name in set(names))
    named = {}
    for row in rows:
        own = [name for name in candidates[row] if counts[name.text] == 1]
        if own:
            title = next((name.text for name in own if name.is_title), "")
            named[row] = replace(own[0], title=title)
    return named


def _candidates(finder: FactFinder, row: int, words: dict[int, frozenset[str]]) -> list[Name]:
    title = _in_order(clean(finder.items.title[row]))
    start = _beginning(without_maker(title, _makers_of(finder, row)))
    names = [Name(start, is_title=True), Name(shorten(title, rules().title_length), is_title=True)]
    kind = kind_of(finder, row)
    if kind is not None:
        maker = next(iter(_makers_of(finder, row)), "")
        made = f"{maker} {kind.noun}"
        if is_plain(maker) and maker and len(made) <= rules().name_length:
            names.insert(0, Name(made, is_title=False, kind=kind.noun, maker=maker))
        if not any(kind.words <= of_other for other, of_other in words.items() if other != row):
            names.insert(0, Name(kind.noun, is_title=False, kind=kind.noun))
    return [name for name in names if name.text]


def kind_of(finder: FactFinder, row: int) -> Kind | None:
    """Return what an item is, by its rarest kind, if its title says it too; kinds such as ``Lips`` are none.

    Only things that someone makes are called by their kind: a film is not ``your comedy``.
    """
    if not any(group_of(name) == "maker" for name in finder.items.fields):
        return None
    found = [
        (finder.count(name, index), name, index)
        for name in finder.items.fields
        if group_of(name) == "kind"
        for index in finder.values(name, row)
    ]
    if not found or min(found)[0] > max(_FEW_ITEMS, len(finder.items.title) // _KINDS):
        return None
    _, name, index = min(found)
    title = _tokens(finder.items.title[row])
    for noun in _nouns(clean(finder.items.fields[name].values[index])):
        words = _tokens(noun)
        if is_plain(noun) and noun.lower() not in rules().not_a_kind and _names_a_thing(words, title):
            return Kind(noun, frozenset(words))
    return None


def title_words(title: str) -> frozenset[str]:
    """Return the words of a title with small letters, without plural endings."""
    return frozenset(_tokens(title))


def _tokens(text: str) -> list[str]:
    """Return the words of a text with small letters, without plural endings, and each other character but spaces."""
    tokens, word = [], ""
    for char in [*clean(text).lower(), " "]:
        if char.isalnum() or char == "'":
            word += char
            continue
        tokens += [stem(word)] if word else []
        tokens += [char] if char != " " else []
        word = ""
    return tokens


def _names_a_thing(noun: list[str], title: list[str]) -> bool:
    """Return whether a title has the words of a noun in their order, and not as the beginning of a compound."""
    for start in range(len(title) - len(noun) + 1):
        end = start + len(noun)
        if title[start:end] == noun and (end == len(title) or _may_follow(title[end])):
            return True
    return False


def _may_follow(token: str) -> bool:
    return token in rules().after_a_kind or not all(char.isalpha() for char in token)


def singular(noun: str) -> str:
    """Return an English noun as one thing is called; what has no plural ending stays as it is, and so do boots."""
    return noun if noun.rsplit(" ", 1)[-1].lower() in rules().plural_only else stem(noun)


def stem(noun: str) -> str:
    """Return an English noun without its plural ending."""
    last = noun.rsplit(" ", 1)[-1].lower()
    if len(last) < 4 or last.endswith(("ss", "us", "is", "'s")):
        return noun
    if last.endswith("ies"):
        return noun[:-3] + "y"
    if last.endswith(("sses", "shes", "ches", "xes")):
        return noun[:-2]
    return noun[:-1] if last.endswith("s") else noun


def _nouns(kind: str) -> list[str]:
    """Return the nouns of a kind, such as ``cream`` and ``moisturizer`` of ``Creams & Moisturizers``.

    In ``Hair & Scalp Treatments`` only the last part is one: if that is a plural, nouns are plurals.
    """
    parts = [part for part in _AND.split(kind) if part]
    if parts and parts[-1].endswith("s"):
        parts = [part for part in parts if part.endswith("s")]
    return [singular(lower_words(part)) for part in parts]


def _in_order(title: str) -> str:
    """Return ``The Iron Giant`` for ``Iron Giant, The``."""
    first, comma, last = title.rpartition(", ")
    if not comma or last not in rules().articles:
        return title
    return f"{last}{'' if last.endswith(chr(39)) else ' '}{first}"


def _beginning(title: str) -> str:
    """Return a title up to its first bracket or amount; and if it is still long, up to its first mark or number."""
    length = rules().name_length
    title = _BRACKET.split(title, maxsplit=1)[0].strip(" ") or title
    amount = _AMOUNT.search(title)
    if amount is not None and amount.start() >= _SHORTEST:
        title = title[: amount.start()]
    if len(title) <= length:
        return title
    cut = _CUT.split(title, maxsplit=1)[0].strip(" ")
    return cut if " " in cut and _SHORTEST <= len(cut) <= length else shorten(title, length)


def _makers_of(finder: FactFinder, row: int) -> list[str]:
    """Return the makers of an item, without legal forms."""
    return [
        without_legal_form(clean(finder.items.fields[name].values[index]))
        for name in finder.items.fields
        if group_of(name) == "maker"
        for index in finder.values(name, row)
    ]
