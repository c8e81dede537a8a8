"""Makes test sentences with their meanings from a catalogue's values, by templates of its own.

It shares no code and no words with the parser: the templates and the misspelling are written for the test.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.sentence_meaning import Sentence
from edge_runtime.bundle.items import Items

_WANT = (
    "show me {a}", "I am after {a}", "{a} please", "got any {a}?", "could you find {a} for me", "looking for {a}",
    "I'd like some {a}", "let me see {a}", "i need {a}", "{a}", "anything in the way of {a}?", "only {a}",
)  # fmt: skip
_AVOID = (
    "no {a}", "please leave out {a}", "anything except {a}", "without {a}", "I don't want {a}", "not {a} please",
    "I can't stand {a}", "skip the {a}", "everything but {a}", "no more {a}, thanks", "stop showing me {a}",
    "I have enough {a} already",
)  # fmt: skip
_BOTH = (
    "{a} but no {b}", "{a}, not {b}", "I want {a} and definitely no {b}", "show {a} without {b}",
    "{a} rather than {b}", "{a} instead of {b}", "no {b}, but {a} would be nice",
)  # fmt: skip
_EITHER = ("{a} or {b}", "either {a} or {b}", "show me {a} or {b} please")
_BELOW = (
    "under {n}", "nothing over {n}", "at most {n} euros", "I can spend {n} euros at most", "less than {n}",
    "max {n}", "below {n} please", "up to {n} euro",
)  # fmt: skip
_ABOVE = ("more than {n}", "over {n} euros", "at least {n}", "from {n} euros upwards")
_CHEAPER = ("cheaper please", "something cheaper", "that is too expensive for me", "do you have less expensive ones?")
_LIKE = (
    "more like number {k}", "something similar to the {k}th", "the {k}th one is close, show me similar ones",
    "similar to number {k}", "more like the {k}th one",
)  # fmt: skip
_OTHER: dict[str, tuple[str, ...]] = {
    "!undo": ("undo that", "oops, undo", "go back one step", "take that back please"),
    "!reset": ("start over please", "reset everything", "let's start again from scratch", "clear everything"),
    "!surprise": ("surprise me!", "show me something unexpected", "can you surprise me"),
    "!more": ("show me something else", "anything else?", "show me other ones please", "none of these"),
    "!list": ("what would you recommend?", "show my recommendations", "what do you suggest"),
    "!why@{k}": ("why number {k}?", "why did you choose the {k}th one", "how come you show me number {k}"),
    "!nothing": ("hi", "thank you so much", "who are you?", "how are you today?", "can I return my order?", "ok great"),
}
_ORDINALS = {4: "4th", 5: "5th", 6: "6th", 7: "7th", 8: "8th", 9: "9th"}


def made_sentences(catalogue: str, items: Items, n: int, seed: int) -> list[Sentence]:
    """Return ``n`` sentences about a catalogue; equal seeds give equal sentences."""
    maker = _Maker(items, random.Random(seed))  # noqa: S311 - a sample
    kinds: list[Callable[[], tuple[str, str]]] = [
        maker.want, maker.want, maker.avoid, maker.avoid, maker.both, maker.either, maker.misspelt, maker.two_facts,
        maker.like, maker.other, maker.other, maker.that_value,
    ]  # fmt: skip
    kinds += [maker.price, maker.cheaper] if "price" in items.fields else []
    kinds += [maker.years] if "year" in items.fields else []
    found: dict[str, Sentence] = {}
    step = 0
    while len(found) < n and step < 20 * n:
        text, meaning = kinds[step % len(kinds)]()
        about = maker.about if "@" in meaning and not meaning.startswith("!") else None
        found.setdefault(text, Sentence(catalogue, "en", about, text, meaning))
        step += 1
    return list(found.values())


class _Maker:
    """Fills templates with values that at least a few items have."""

    def __init__(self, items: Items, chance: random.Random) -> None:
        self._chance = chance
        self.about = 2
        self._values: dict[str, list[str]] = {}
        for name, field in items.fields.items():
            if name in ("price", "year"):
                continue
            counts = Counter(value for row in range(len(field.rows)) for value in set(field.rows[row]))
            common = [field.values[value] for value, count in counts.items() if 5 <= count <= len(items.title) // 2]
            plain = [value for value in sorted(common) if len(value) >= 3 and value.replace(" ", "").isalpha()]
            if len(plain) > 3:
                self._values[name] = plain

    def want(self) -> tuple[str, str]:
        a = self._value()[1]
        return self._fill(_WANT, a=self._spoken(a)), f"+{a}"

    def avoid(self) -> tuple[str, str]:
        a = self._value()[1]
        return self._fill(_AVOID, a=self._spoken(a)), f"-{a}"

    def both(self) -> tuple[str, str]:
        a, b = self._two()
        return self._fill(_BOTH, a=self._spoken(a), b=self._spoken(b)), f"+{a} -{b}"

    def either(self) -> tuple[str, str]:
        field = self._chance.choice(list(self._values))
        a, b = self._chance.sample(self._values[field], 2)
        return self._fill(_EITHER, a=self._spoken(a), b=self._spoken(b)), f"+{a}/{b}"

    def two_facts(self) -> tuple[str, str]:
        (first, a), (second, b) = self._value(), self._value()
        while first == second:
            second, b = self._value()
        return f"{self._spoken(a)} and it should be {self._spoken(b)}", f"+{a} +{b}"

    def misspelt(self) -> tuple[str, str]:
        a = self._value(min_letters=6)[1]
        wrong = self._misspell(a.lower())
        if self._chance.random() < 0.5:
            return self._fill(_WANT, a=wrong), f"+{a}"
        return self._fill(_AVOID, a=wrong), f"-{a}"

    def like(self) -> tuple[str, str]:
        k = self._chance.randint(4, 9)
        return self._fill(_LIKE, k=str(k)), f"~{k}"

    def that_value(self) -> tuple[str, str]:
        field = self._chance.choice(
            [name for name in self._values if name not in ("categories", "cast", "use")] or ["categories"]
        )
        if self._chance.random() < 0.5:
            return self._fill(("not that {f}", "another {f} please", "no, a different {f}"), f=field), f"-{field}@2"
        return self._fill(("more of this {f}", "the same {f} please", "only this {f}"), f=field), f"+{field}@2"

    def other(self) -> tuple[str, str]:
        meaning, texts = self._chance.choice(list(_OTHER.items()))
        k = self._chance.randint(4, 9)
        return self._fill(texts, k=str(k)), meaning.replace("{k}", str(k))

    def price(self) -> tuple[str, str]:
        n = self._chance.choice([8, 12, 15, 20, 25, 30, 45, 60, 75, 100, 150])
        if self._chance.random() < 0.7:
            return self._fill(_BELOW, n=str(n)), f"price<{n}"
        return self._fill(_ABOVE, n=str(n)), f"price>{n}"

    def cheaper(self) -> tuple[str, str]:
        return self._fill(_CHEAPER), "price<"

    def years(self) -> tuple[str, str]:
        decade = self._chance.choice([50, 60, 70, 80, 90])
        year = 1900 + decade
        return self._chance.choice(
            [
                (f"films from the {decade}s", f"year={year}..{year + 9}"),
                (f"made before {year}", f"year<{year}"),
                (f"after {year} please", f"year>{year}"),
                ("newer ones please", "year>"),
                ("something older", "year<"),
            ]
        )

    def _value(self, min_letters: int = 3) -> tuple[str, str]:
        while True:
            field = self._chance.choice(list(self._values))
            value = self._chance.choice(self._values[field])
            if len(value) >= min_letters:
                return field, value

    def _two(self) -> tuple[str, str]:
        a, b = self._value()[1], self._value()[1]
        while a.lower() in b.lower() or b.lower() in a.lower():
            b = self._value()[1]
        return a, b

    def _spoken(self, value: str) -> str:
        return value.lower() if self._chance.random() < 0.6 else value

    def _fill(self, templates: Sequence[str], **slots: str) -> str:
        text = self._chance.choice(templates).format(**slots)
        for number, ordinal in _ORDINALS.items():
            text = text.replace(f"{number}th", ordinal)
        return text

    def _misspell(self, word: str) -> str:
        """Return a text with one letter doubled, dropped, exchanged or replaced, after the first."""
        while True:
            index = self._chance.randrange(1, len(word) - 1)
            if word[index].isalpha() and word[index + 1].isalpha():
                break
        left, letter, right = word[:index], word[index], word[index + 1 :]
        return self._chance.choice(
            [
                left + letter + letter + right,
                left + right,
                left + right[0] + letter + right[1:],
                left + self._chance.choice("aeiourstln") + right,
            ]
        )
