"""Writes answers, chips and questions in words, from the sentences of a language."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence

from edge_runtime.conversation.parts import Part
from edge_runtime.conversation.query import Limit
from edge_runtime.conversation.tokens import phrase_of
from edge_runtime.conversation.words import LENGTHS, Words
from edge_runtime.reasons.quoting import clean

_MAX_SHOWN = 60
_MAX_TITLE = 40
_MAX_VALUES = 3
_MAX_FIELDS = 6
_MARK = re.compile(r", | \(")
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
            is_named = [*map(phrase_of, part.said)] == [*map(phrase_of, part.wish.values)]
            return self._chip(part.kind, value=self.some(part.wish.values if is_named or not part.said else part.said))
        if part.limit is not None:
            return self._limit(part.limit, self._words.chips)
        if part.item_id is not None:
            return self._chip(part.kind, value=short_title(self._title(part.item_id)))
        return self._chip("variety")

    def details(self, part: Part) -> str:
        """Return what a chip stands for if its text is shorter: all values, the fact of a number, or the title."""
        if part.wish is not None:
            full = self._chip(part.kind, value=self.either([shown(value) for value in dict.fromkeys(part.wish.values)]))
        elif part.limit is not None:
            full = self._limit(part.limit, {})
        elif part.item_id is not None:
            full = self._chip(part.kind, value=clean(self._title(part.item_id)))
        else:
            return ""
        return "" if full == self.chip(part) else full

    def chips(self, parts: Sequence[Part]) -> str:
        """Return the texts of several chips."""
        return self._words.answers["joint"].join(map(self.chip, parts))

    def quoted(self, words: Sequence[str]) -> str:
        """Return what a person wrote, between quotation marks."""
        return self._words.answers["joint"].join(self.say("quoted", word=shown(word)) for word in words)

    def some(self, values: Sequence[str]) -> str:
        """Return alternatives; of many only the first."""
        return self.either([shown(value) for value in values[:_MAX_VALUES]]) + (
            " …" if len(values) > _MAX_VALUES else ""
        )

    def either(self, texts: Sequence[str]) -> str:
        """Return alternatives, such as "red, teal or blue"."""
        return self._listed("or", texts)

    def field(self, name: str) -> str:
        """Return what a fact is called."""
        names = self._words.lengths["name"] if name in LENGTHS else self._words.fields.get(name)
        return names[0] if names else shown(name.replace("_", " "))

    def fields(self, names: Collection[str]) -> str:
        """Return what the facts of a catalogue are called, those with a name of this language."""
        known = [self.field(name) for name in (*self._words.fields, *sorted(LENGTHS)) if name in names]
        return self._listed("and", known[:_MAX_FIELDS])

    def _listed(self, joined_by: str, texts: Sequence[str]) -> str:
        *first, last = texts or ("",)
        return self._chip(joined_by, a=self._words.answers["joint"].join(first), b=last) if first else last

    def _limit(self, limit: Limit, short: Mapping[str, str]) -> str:
        """Return a limit in words, by the short pattern of its fact if there is one."""
        low = limit.at_least if limit.at_least is not None else limit.above
        high = limit.at_most if limit.at_most is not None else limit.below
        name, n = "between", low
        if low is None or high is None:
            sides = ("below", "at_most", "above", "at_least")
            name = next((one for one in sides if getattr(limit, one) is not None), "")
            if not name:
                return self.field(limit.field)
            n = getattr(limit, name)
        elif low == high:
            name = "exactly"
        pattern = short.get(f"{name}_{limit.field}", self._words.chips[name])
        mark = self._words.decimal
        slots = {"field": self.field(limit.field), "n": number(n or 0, mark)}
        return filled(pattern, slots if high is None else {**slots, "m": number(high, mark)})

    def _chip(self, name: str, **slots: str) -> str:
        return filled(self._words.chips[name], slots)


def filled(pattern: str, slots: dict[str, str]) -> str:
    """Fill the slots of a pattern in one pass, so that braces in a title are no slots."""
    return _SLOT.sub(lambda match: slots.get(match[1], ""), pattern)


def shown(text: str, most: int = _MAX_SHOWN) -> str:
    """Return a catalogue text on one line, without marks that could close a quotation, cut at a word if it is long."""
    cleaned = clean(text)
    if len(cleaned) <= most:
        return cleaned
    cut = cleaned[: most - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space >= most // 2 else cut).rstrip() + "…"


def short_title(text: str) -> str:
    """Return a title up to its first comma or bracket, cut at a word if it is long."""
    cleaned = clean(text)
    return shown(_MARK.split(cleaned, maxsplit=1)[0].rstrip() or cleaned, _MAX_TITLE)


def number(value: float, mark: str = ".") -> str:
    """Return a number without a decimal part if it has none, else with two decimals."""
    return str(int(value)) if value == int(value) else f"{value:.2f}".replace(".", mark)
