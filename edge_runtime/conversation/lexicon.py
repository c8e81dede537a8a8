"""The catalogue's own words: values of facts, words of titles, titles, and what a language calls them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from edge_runtime.bundle.items import Items
from edge_runtime.conversation.query import MAX_VALUES, Wish
from edge_runtime.conversation.tokens import Token, phrase_of
from edge_runtime.conversation.typos import is_one_error
from edge_runtime.conversation.words import Phrases
from edge_runtime.filters.columns import Column, Mask
from edge_runtime.filters.conditions import checked_where, number_of
from edge_runtime.search.finder import Finder
from edge_runtime.search.vocabulary import Vocabulary
from edge_runtime.search.words import stem, words_of

Stems = tuple[str, ...]

_MARK: Final = re.compile("[,:(]")

PEOPLE: Final = frozenset({"cast", "director", "author", "creator"})
"""Facts of which the values are names of people."""
MAX_PHRASE: Final = 6
"""Maximum number of words of a value that is recognized as a whole."""
N_SAMPLED: Final = 500
"""Number of values by which a fact is judged to be a number, and of items by which it is judged to have one value."""
MAX_TITLES: Final = 100_000
"""Maximum number of titles of which the beginnings are kept, to recognize them as a whole."""
SINGLE: Final = 0.95
"""Share of items with one value at most, from which a fact has one value."""
MIN_TYPO: Final = 5
"""Minimum length of a word that is corrected, if it is not next to a word that belongs to it."""
MIN_CORRECTED: Final = 8
"""Minimum length of a word that is corrected to one of titles; shorter ones are too often words of their own."""
_SIGNS: Final = "-\u2212\u2013"
_CUT: Final = 20
"""Minimum number of words of a title whose end a sentence lacks because it was too long."""
_BEGINNING: Final = 2
"""Number of words by which titles are looked up."""
_GLUED: Final = 2
"""Maximum number of words that may also be written as one, such as "eye shadow"; or the other way round."""
MAX_PART_OF: Final = 8
"""Maximum number of values of a fact that a part of them may mean, such as a surname."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase names in the catalogue.

    Attributes:
        wish: the values.
        is_related: whether they only suit the phrase, such as wool for the winter.
        fields: facts that have exactly such a value.
    """

    wish: Wish
    is_related: bool = False
    fields: tuple[str, ...] = ()


class Lexicon:
    """Looks up phrases in one catalogue and one language.

    Args:
        items: titles and facts.
        finder: the search index, for words of titles.
        phrases: of the language.
        live: names of the live facts, which are taken for numbers if the language knows them as a price.
    """

    def __init__(self, items: Items, finder: Finder, phrases: Phrases, live: Sequence[str] = ()) -> None:
        self._items = items
        self._finder = finder
        self.phrases = phrases
        self.numeric = _numeric(items) | (set(live) & {"price"})
        self.field_names = frozenset(items.fields) | self.numeric
        self.single = frozenset(name for name in items.fields if _is_single(items, name))
        self._values = _values(items, self.numeric)
        words = phrases.words
        self._targets = {phrase_of(phrase): (phrase, targets, True) for phrase, targets in words.related.items()}
        self._targets |= {phrase_of(phrase): (phrase, targets, False) for phrase, targets in words.same.items()}
        self._synonyms: dict[Stems, Meaning | None] = {}
        self.longest = min(max(MAX_PHRASE, phrases.longest), 8)
        self._beginnings, self._titled = _beginnings(items.title if len(items.title) <= MAX_TITLES else ())
        self._glued = {stem("".join(stems)): stems for stems in self._values if len(stems) <= _GLUED}
        self._surnames = _surnames(items)
        self._value_words = {stem for stems in self._values for stem in stems}
        spoken = {word for phrase in [*phrases.words.same, *phrases.words.related] for word in words_of(phrase)}
        spoken |= {word for texts in phrases.words.cues.values() for text in texts for word in words_of(text)}
        self._columns = {name: Column.of_field(field) for name, field in items.fields.items()}
        self._pairs = {pair for stems in self._values for pair in pairwise(stems)}
        self._beside = _beside(self._pairs)
        self._spoken = Vocabulary(sorted(spoken))
        self._spoken_words = sorted(spoken)

    def meaning(self, stems: Stems) -> Meaning | None:
        """Return what a phrase means: a value of a fact as a whole, or a synonym; None if it is neither."""
        if stems in self._targets:
            if stems not in self._synonyms:
                self._synonyms[stems] = self._synonym(stems)
            if (meaning := self._synonyms[stems]) is not None:
                return meaning
        return self._exact(stems) or (
            self._exact(self._glued.get(stem("".join(stems)), ())) if len(stems) <= _GLUED else None
        )

    def knows(self, token: Token) -> bool:
        """Return whether a token is a word of the language, or of a title or fact in some form."""
        spoken = self.phrases
        is_spoken = token.text in spoken.known or token.text in spoken.ordinary
        return is_spoken or token.stem in self._value_words or self._finder.knows(token.text)

    def is_possessive(self, token: Token) -> bool:
        """Return whether a token is a word without meaning with "'s", as in "my sister's birthday"."""
        cue = self.phrases.cues.get((token.text[:-1],))
        return cue is not None and cue.names == {"skip"} and re.search("['’]s$", token.shown) is not None  # noqa: RUF001

    def begins_title(self, stems: Stems) -> bool:
        """Return whether several words are a title, or one up to its first mark, such as that of "Heat: The End"."""
        return stems in self._beginnings

    def whole_title(self, tokens: Sequence[Token]) -> tuple[int, int] | None:
        """Return the row of the longest title of two words or more that tokens begin with, and its number of words."""
        stems = tuple(token.stem.lstrip(_SIGNS) for token in tokens)
        found: tuple[int, int] | None = None
        for row in (row for n in (1, _BEGINNING) for row in self._titled.get(stems[:n], ())):
            title = phrase_of(self._items.title[row])
            if _CUT < len(stems) < len(title) and stems[:-1] == title[: len(stems) - 1]:
                title = stems  # the sentence was too long
            if len(title) > max(1, found[1] if found else 0) and stems[: len(title)] == title:
                found = row, len(title)
        return found

    def person(self, text: str) -> Meaning | None:
        """Return the people with a surname; None if they are too many, or a title has it, too."""
        found = self._surnames.get(text, ())
        if not 0 < len(found) <= MAX_PART_OF:
            return None
        fields = tuple(dict.fromkeys(field for field, _ in found))
        values = tuple(dict.fromkeys(value for _, value in found))
        people = np.logical_or.reduce([self._holds(Wish(field, values)) for field in fields])
        words = set(words_of(text))
        others: list[int] = np.flatnonzero(self._finder.holds_words(text) & ~people).tolist()
        if any(words <= set(words_of(self._items.title[row])) for row in others):
            return None
        return Meaning(Wish(fields[0] if len(fields) == 1 else None, values), fields=fields)

    def is_of_values(self, stems: Stems) -> bool:
        """Return whether words are values of facts, one after the other."""
        return not stems or any(
            stems[:n] in self._values and self.is_of_values(stems[n:]) for n in range(1, len(stems) + 1)
        )

    def has_text(self, text: str) -> bool:
        """Return whether all words of a text are in one title or one fact."""
        return bool(self._finder.holds_words(text).any())

    def corrected(self, word: str, before: str, after: str) -> str | None:
        """Return the known word with one typing error less; words of facts first, then those of the language.

        Args:
            word: the unknown word.
            before: stem of the word before it, or an empty text: a value that has both is likelier.
            after: stem of the word after it, or an empty text.
        """
        found = [self._finder.word_at(position) for position in _positions(self._finder.vocabulary, word)]
        found = [near for near in found if abs(len(near) - len(word)) <= 1]
        near_facts = of_facts = [
            near for near in found if phrase_of(near)[:1] and phrase_of(near)[0] in self._value_words
        ]
        spoken = [self._spoken_words[position] for position in _positions(self._spoken, word)]
        if len(word) < MIN_TYPO:
            of_facts, spoken = [], []
        fitting = [
            near for near in near_facts if not self._pairs.isdisjoint({(before, stem(near)), (stem(near), after)})
        ]
        of_facts, spoken, found = (
            [near for near in listed if near[0] == word[0]] for listed in (of_facts, spoken, found)
        )
        for candidates in (fitting, of_facts, spoken, found if len(word) >= MIN_CORRECTED else []):
            if candidates:
                return min(candidates, key=lambda near: (-self._finder.n_texts(near), near))
        return None

    def fitting(self, word: str, before: str, after: str) -> str | None:
        """Return the stem one typing error away that makes a value with the word before or after, such as "Jim"."""
        near = sorted(self._beside.get(before, _NONE) | self._beside.get(after, _NONE))
        pairs = self._pairs
        found = [one for one in near if ((before, one) in pairs or (one, after) in pairs) and is_one_error(word, one)]
        return found[0] if found else None

    def values_with(self, field: str, text: str) -> tuple[str, ...]:
        """Return the values of a fact that have all these words; an empty tuple for none or too many."""
        wanted = set(phrase_of(text))
        found = [value for value in self._items.fields[field].values if wanted <= set(phrase_of(value))]
        return tuple(found) if len(found) <= MAX_PART_OF else ()

    def has_all(self, wishes: Sequence[Wish]) -> bool:
        """Return whether an item fulfils all wishes, by the facts of the bundle."""
        mask = np.ones(len(self._items.title), dtype=bool)
        for wish in wishes:
            mask &= self._holds(wish)
        return bool(mask.any())

    def _holds(self, wish: Wish) -> Mask:
        if wish.field is None or wish.field not in self._columns:
            mask: Mask = np.logical_or.reduce([self._finder.holds_words(value) for value in wish.values])
            return mask
        return self._columns[wish.field].holds(checked_where({wish.field: frozenset(wish.values)})[wish.field])

    def title_row(self, text: str) -> int | None:
        """Return the row of the best match of which the title has all words; None if there is none."""
        return self._finder.titled(text)

    def title_share(self, row: int, text: str) -> float:
        """Return which share of the words of a title, up to its first mark, is in a text."""
        title = set(phrase_of(_MARK.split(self._items.title[row], maxsplit=1)[0]))
        return len(title & set(phrase_of(text))) / max(1, len(title))

    def _exact(self, stems: Stems) -> Meaning | None:
        found = self._values.get(stems)
        if not found:
            return None
        fields = tuple(dict.fromkeys(field for field, _ in found))
        values = tuple(dict.fromkeys(value for _, value in found))[:MAX_VALUES]
        return Meaning(Wish(fields[0] if len(fields) == 1 else None, values), fields=fields)

    def _synonym(self, stems: Stems) -> Meaning | None:
        phrase, targets, is_related = self._targets[stems]
        own = [] if is_related or self._exact(stems) is None else [phrase]
        wish = self._any_of([*own, *targets])
        if wish is not None and is_related:  # the phrase itself comes first, for the chip
            wish = Wish(None, (phrase, *wish.values)[:MAX_VALUES])
        return None if wish is None else Meaning(wish, is_related, () if wish.field is None else (wish.field,))

    def _any_of(self, targets: Iterable[str]) -> Wish | None:
        """Return the wish for any of these texts that the catalogue has; in one fact if all are values of it."""
        exact = [meaning.wish for target in targets if (meaning := self._exact(phrase_of(target))) is not None]
        fields = {wish.field for wish in exact}
        texts = [target for target in targets if self._exact(phrase_of(target)) is None and self.has_text(target)]
        values = dict.fromkeys(value for wish in exact for value in wish.values)
        named = [set(phrase_of(value)) for value in values]
        texts = [text for text in texts if not any(set(phrase_of(text)) <= words for words in named)]
        if not values and not texts:
            return None
        if len(fields) == 1 and not texts:
            return Wish(fields.pop(), tuple(values)[:MAX_VALUES])
        return Wish(None, tuple(dict.fromkeys([*values, *texts]))[:MAX_VALUES])


_NONE: Final[frozenset[str]] = frozenset()


def _beside(pairs: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Return the stems that stand before or after each stem in a value."""
    found: dict[str, set[str]] = {}
    for first, second in pairs:
        found.setdefault(first, set()).add(second)
        found.setdefault(second, set()).add(first)
    return {one: frozenset(others) for one, others in found.items()}


def _positions(vocabulary: Vocabulary, word: str) -> list[int]:
    return [position for _, positions in vocabulary.near(word) for position in positions]


def _beginnings(titles: Sequence[str]) -> tuple[frozenset[Stems], dict[Stems, list[int]]]:
    """Return the stems of all titles up to the first comma, colon or bracket, and the rows by the first two of them.

    Of the former only those of two words or more.
    """
    found = [phrase_of(_MARK.split(title, maxsplit=1)[0]) for title in titles]
    rows: dict[Stems, list[int]] = {}
    for row, stems in enumerate(found):
        rows.setdefault(stems[:_BEGINNING], []).append(row)
    return frozenset(stems for stems in found if _BEGINNING <= len(stems) <= MAX_PHRASE), rows


def _values(items: Items, numeric: set[str]) -> dict[Stems, list[tuple[str, str]]]:
    """Return the values of all facts that are no numbers, by their stems; `&` is also found as a word in between."""
    found: dict[Stems, list[tuple[str, str]]] = {}
    for name, field in items.fields.items():
        if name in numeric:
            continue
        for value in field.values:
            stems = phrase_of(value)
            if stems and len(stems) <= MAX_PHRASE:
                found.setdefault(stems, []).append((name, value))
            if "&" in value:
                joined = phrase_of(value.replace("&", " and "))
                if len(joined) <= MAX_PHRASE:
                    found.setdefault(joined, []).append((name, value))
    return found


def _surnames(items: Items) -> dict[str, list[tuple[str, str]]]:
    """Return the facts with names of people by the words that they end with, the first name left out."""
    found: dict[str, list[tuple[str, str]]] = {}
    for field in sorted(PEOPLE & items.fields.keys()):
        for value in items.fields[field].values:
            words = words_of(value)
            for start in range(1, min(len(words), MAX_PHRASE)):
                found.setdefault(" ".join(words[start:]), []).append((field, value))
    return found


def _numeric(items: Items) -> set[str]:
    """Return the facts of which all values (of the first five hundred) are numbers."""
    return {
        name
        for name, field in items.fields.items()
        if len(field.values) and all(number_of(value) is not None for value in field.values[:N_SAMPLED])
    }


def _is_single(items: Items, name: str) -> bool:
    rows = items.fields[name].rows
    n = min(len(rows), N_SAMPLED)
    return sum(len(rows[row]) <= 1 for row in range(n)) >= SINGLE * n
