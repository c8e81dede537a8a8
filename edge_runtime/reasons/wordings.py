"""Puts facts into words: all wordings of a claim, in a style, a tone and a language."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge_runtime.bundle.manifest import ARTICLES, SHOP, VIDEO
from edge_runtime.events import CLICK, LIKE, PURCHASE
from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.makers import without_legal_form
from edge_runtime.reasons.names import Name
from edge_runtime.reasons.phrasebook import Again, Phrases, Wordings
from edge_runtime.reasons.quoting import is_amount
from edge_runtime.reasons.words import (
    Style,
    Tone,
    capitalized,
    display_field,
    display_value,
    fill,
    is_plain,
    lower_words,
)

_EVENTS: Final = (CLICK, LIKE, PURCHASE)
KINDS: Final = (SHOP, VIDEO, ARTICLES)
_START: Final = re.compile(r"\{([a-z]+)\}|[^ {\uff0c\uff1a]+")
_NAMES: Final = ("maker", "creator", "cast")
"""Groups of names, which keep their small letter at the start of a sentence, such as ``theBalm``."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say a claim.

    Attributes:
        text: the sentence.
        skeleton: what it is said with, without the item's own words; two wordings with the same one sound alike.
        opening: what it begins with.
        facts: the facts that it cites.
    """

    text: str
    skeleton: str
    opening: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says claims in one style, tone and language.

    Attributes:
        phrases: the phrases of the language.
        style: ``detailed`` adds a second fact, where there is one.
        tone: ``casual`` or ``formal``.
        names: row of the history to its name.
        events: row of the history to the name of its newest event, where that is known.
        kind: the kind of catalogue, which decides whether people pick, watch or read.
    """

    phrases: Phrases
    style: Style
    tone: Tone
    names: Mapping[int, Name]
    events: Mapping[int, str]
    kind: str = SHOP

    def wordings(self, claim: Claim) -> list[Wording]:
        """Return all wordings of a claim."""
        first = claim.fact
        second = claim.seconds[0] if self.style == "detailed" and claim.seconds else None
        patterns = self._patterns(first)
        if second is None:
            return [self._wording(pattern, first, self._slots(first, pattern), (first,)) for pattern in patterns]
        also = self.phrases.also[second.group]
        said = fill(also, self._slots(second, also))
        joins = self.phrases.detailed[self.tone]
        return [
            self._wording(
                fill(joins[index % len(joins)], {"first": pattern, "second": "{second}"}),
                first,
                self._slots(first, pattern) | {"second": said},
                (first, second),
            )
            for index, pattern in enumerate(patterns)
        ]

    def _wording(self, pattern: str, first: Fact, slots: dict[str, str], facts: tuple[Fact, ...]) -> Wording:
        text = fill(pattern, slots)
        keeps_case = pattern.startswith("{value}") and first.group in _NAMES
        shown = text if keeps_case else capitalized(text)
        return Wording(shown, f"{first.group}: {pattern}", _opening(pattern, slots), facts)

    def _patterns(self, fact: Fact) -> tuple[str, ...]:
        if fact.kind == "shared":
            again = self._again(fact)
            return (self.phrases.shared[fact.group] if again is None else again.wordings)[self.tone]
        by_kind: dict[str, Wordings] = {
            "follows": self.phrases.follows,
            "because": self.phrases.because,
            "popular": self.phrases.popular,
        }
        return by_kind[fact.kind][self.tone]

    def _slots(self, fact: Fact, pattern: str) -> dict[str, str]:
        """Return the texts of the slots that a pattern may have."""
        slots = {"value": self._value(fact), "field": self._plain(display_field(fact.field))}
        if fact.history_row is not None:
            slots |= {"past": self._past_beside(fact, pattern), "name": self.names[fact.history_row].kind}
        return slots | self.phrases.verbs[self.tone][self.kind if self.kind in KINDS else SHOP]

    def past(self, row: int) -> str:
        """Return how an item of the history is named in a sentence."""
        name = self.names[row]
        return self.phrases.quoted(name.text) if name.is_title else self._called(name.text, row)

    def _called(self, kind: str, row: int) -> str:
        return fill(self._by_event(self.phrases.past, row), {"name": kind})

    def _by_event(self, forms: Mapping[Tone, Mapping[str, str]], row: int) -> str:
        event = self.events.get(row, "")
        return forms[self.tone][event if event in _EVENTS else "any"]

    def _past_beside(self, fact: Fact, pattern: str) -> str:
        """Return how the cited item is named beside a value, without saying the value once more."""
        row = fact.history_row or 0
        name = self.names[row]
        if self._echoes(fact):
            again = self._again(fact)
            if again is None:
                return self.phrases.quoted(name.title)
            return fill(self._by_event(again.made if name.maker else again.one, row), {"maker": name.maker})
        if "{value}" not in pattern or not self._repeats_maker(fact, name):
            return self.past(row)
        if self.phrases.again is not None:
            return self._called(name.kind, row)  # the maker is said, and makes only one of this kind in the history
        return self.phrases.quoted(name.title) if name.title else self.past(row)

    def _repeats_maker(self, fact: Fact, name: Name) -> bool:
        return (
            fact.group == "maker" and bool(name.maker) and name.maker == without_legal_form(display_value(fact.value))
        )

    def _again(self, fact: Fact) -> Again | None:
        """Return the phrases for one more of the same kind, if they are to be used."""
        name = None if fact.history_row is None else self.names[fact.history_row]
        return self.phrases.again if name is not None and name.is_countable and self._echoes(fact) else None

    def _echoes(self, fact: Fact) -> bool:
        """Return whether a value is the kind by which the cited item is called, and there is another way to name it."""
        name = None if fact.history_row is None or fact.kind != "shared" else self.names[fact.history_row]
        if name is None or fact.group != "kind" or not name.is_called(fact.value):
            return False
        return bool(name.title) or (self.phrases.again is not None and name.is_countable)

    def _value(self, fact: Fact) -> str:
        text = display_value(fact.value)
        if fact.group == "kind" and self.phrases.lower_kinds:
            text = lower_words(text)
        return self._plain(without_legal_form(text) if fact.group == "maker" else text)

    def _plain(self, text: str) -> str:
        return text if is_plain(text) or is_amount(text) else self.phrases.quoted(text)


def _opening(pattern: str, slots: Mapping[str, str]) -> str:
    """Return with what a sentence begins: the text of a slot, or else the first word, in small letters."""
    start = _START.match(pattern)
    if start is None:
        return ""
    return (slots[start[1]] if start[1] else start[0]).lower()
