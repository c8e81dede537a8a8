"""Puts facts into words: all wordings of a claim, in a style, a tone and a language."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge_runtime.events import CLICK, LIKE, PURCHASE
from edge_runtime.reasons.claims import Claim
from edge_runtime.reasons.facts import Fact
from edge_runtime.reasons.names import Name
from edge_runtime.reasons.phrasebook import Phrases, Wordings
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
_NAMES: Final = ("maker", "creator", "cast")
"""Groups of names, which keep their small letter at the start of a sentence, such as ``theBalm``."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One way to say a claim.

    Attributes:
        text: the sentence.
        skeleton: what it is said with, without the item's own words; two wordings with the same one sound alike.
        facts: the facts that it cites.
    """

    text: str
    skeleton: str
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
    """

    phrases: Phrases
    style: Style
    tone: Tone
    names: Mapping[int, Name]
    events: Mapping[int, str]

    def wordings(self, claim: Claim) -> list[Wording]:
        """Return all wordings of a claim."""
        first, slots = claim.fact, self._slots(claim.fact)
        patterns = self._patterns(first)
        second = claim.seconds[0] if self.style == "detailed" and claim.seconds else None
        if second is None:
            return [self._wording(pattern, first.group, slots, (first,)) for pattern in patterns]
        said = fill(self.phrases.also[second.group], self._slots(second))
        joins = self.phrases.detailed[self.tone]
        return [
            self._wording(
                fill(joins[index % len(joins)], {"first": pattern, "second": "{second}"}),
                first.group,
                slots | {"second": said},
                (first, second),
            )
            for index, pattern in enumerate(patterns)
        ]

    def _wording(self, pattern: str, group: str, slots: dict[str, str], facts: tuple[Fact, ...]) -> Wording:
        text = fill(pattern, slots)
        keeps_case = pattern.startswith("{value}") and group in _NAMES
        return Wording(text if keeps_case else capitalized(text), f"{group}: {pattern}", facts)

    def _patterns(self, fact: Fact) -> tuple[str, ...]:
        by_kind: dict[str, Wordings] = {
            "follows": self.phrases.follows,
            "because": self.phrases.because,
            "popular": self.phrases.popular,
        }
        wordings = self.phrases.shared[fact.group] if fact.kind == "shared" else by_kind[fact.kind]
        return wordings[self.tone]

    def _slots(self, fact: Fact) -> dict[str, str]:
        past = "" if fact.history_row is None else self.past(fact.history_row)
        return {"past": past, "value": self._value(fact), "field": self._plain(display_field(fact.field))}

    def past(self, row: int) -> str:
        """Return how an item of the history is named in a sentence."""
        name = self.names[row]
        if name.is_title:
            return self.phrases.quoted(name.text)
        event = self.events.get(row, "")
        return fill(self.phrases.past[self.tone][event if event in _EVENTS else "any"], {"name": name.text})

    def _value(self, fact: Fact) -> str:
        text = display_value(fact.value)
        return self._plain(lower_words(text) if fact.group == "kind" and self.phrases.lower_kinds else text)

    def _plain(self, text: str) -> str:
        return text if is_plain(text) or is_amount(text) else self.phrases.quoted(text)
