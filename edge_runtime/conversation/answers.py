"""Writes answers, chips and questions in words, from the sentences of a language."""

import re
from collections.abc import Callable, Sequence

from edge_runtime.conversation.parts import Part
from edge_runtime.conversation.query import Limit, Wish
from edge_runtime.conversation.words import Words
from edge_runtime.reasons.quoting import clean

_MAX_SHOWN = 60
_SLOT = re.compile(r"\{([a-z]+)\}")


class Sayings:
    """Puts parts of a conversation into words.

    Args:
        words: of the language.
        title: returns the title of an item by its id.
    """

    def __init__(self, words: Words, title: Callable[[str], str]) -> None:
        self._words = words
        self._title = title

    def say(self, name: str, **slots: str) -> str:
        """Return a sentence of the language with its slots filled."""
        return filled(self._words.answers[name], slots)

    def chip(self, part: Part) -> str:
        """Return the text of a chip."""
        if part.wish is not None:
            return self._chip(part.kind, value=self.values(part.wish))
        if part.limit is not None:
            return self._limit(part.limit)
        if part.item_id is not None:
            return self._chip(part.kind, value=shown(self._title(part.item_id)))
        return self._chip("variety")

    def chips(self, parts: Sequence[Part]) -> str:
        """Return the texts of several chips."""
        return self._words.answers["joint"].join(map(self.chip, parts))

    def quoted(self, words: Sequence[str]) -> str:
        """Return what a person wrote, between quotation marks."""
        return self._words.answers["joint"].join(self.say("quoted", word=shown(word)) for word in words)

    def values(self, wish: Wish) -> str:
        """Return the alternatives of a wish; of many only the first."""
        text = shown(wish.values[0])
        for value in wish.values[1:3]:
            text = self._chip("or", a=text, b=shown(value))
        return text + (" …" if len(wish.values) > 3 else "")

    def field(self, name: str) -> str:
        """Return what a fact is called."""
        names = self._words.fields.get(name)
        return names[0] if names else shown(name.replace("_", " "))

    def _limit(self, limit: Limit) -> str:
        low = limit.at_least if limit.at_least is not None else limit.above
        high = limit.at_most if limit.at_most is not None else limit.below
        field = self.field(limit.field)
        if low is not None and high is not None:
            if low == high:
                return self._chip("exactly", field=field, n=number(low))
            return self._chip("between", field=field, n=number(low), m=number(high))
        for name in ("below", "at_most", "above", "at_least"):
            if (value := getattr(limit, name)) is not None:
                return self._chip(name, field=field, n=number(value))
        return field

    def _chip(self, name: str, **slots: str) -> str:
        return filled(self._words.chips[name], slots)


def filled(pattern: str, slots: dict[str, str]) -> str:
    """Fill the slots of a pattern in one pass, so that braces in a title are no slots."""
    return _SLOT.sub(lambda match: slots.get(match[1], ""), pattern)


def shown(text: str) -> str:
    """Return a catalogue text on one line, without marks that could close a quotation, and not too long."""
    cleaned = clean(text)
    return cleaned if len(cleaned) <= _MAX_SHOWN else cleaned[: _MAX_SHOWN - 1].rstrip() + "…"


def number(value: float) -> str:
    """Return a number without a decimal part if it has none, else with two decimals."""
    return str(int(value)) if value == int(value) else f"{value:.2f}"
