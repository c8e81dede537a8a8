"""Finds items by the words of their titles and facts."""

from array import array
from collections.abc import Iterable
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Field, Items
from edge_runtime.search.vocabulary import FORM, Match, Vocabulary
from edge_runtime.search.words import words_of

MAX_WORDS: Final = 16
"""Of a query; what comes after them is not looked at."""
IMPORTANT_FIELDS: Final = frozenset({"brand", "categories", "category", "genre", "genres"})
N_ITEMS_OF_A_RARE_WORD: Final = 1000
"""A word is rare if it occurs in at most one of so many items."""
TITLE_WEIGHT: Final = 4
IMPORTANT_WEIGHT: Final = 2

Bytes = NDArray[np.uint8]


class Finder:
    """An index of words; it takes some eight bytes for each word of a title and each fact, and the words themselves.

    Args:
        items: names and facts.
        levels: popularity, uint8 ``[n_items]``: it orders items that match equally well.
    """

    def __init__(self, items: Items, levels: Bytes) -> None:
        self._n_items = len(items.title)
        self._levels = levels
        self._fields = [_FieldFacts(name, field) for name, field in items.fields.items()]
        texts = chain(items.title, *(field.values for field in items.fields.values()))
        words, self._starts, self._texts, n_words = _index(texts)
        self._vocabulary = Vocabulary(words)
        self._n_texts = len(n_words)
        self._n_title_words = n_words[: self._n_items]

    def find(self, text: str, limit: int) -> list[int]:
        """Return the rows that match, the best first.

        Those that match most words, and those that match one fewer. Among those that match equally many, a title that
        consists of nothing else comes first; then the sum over words of

            rarity * (4 * title + fact),  rarity = bits of floor(n_items / items that match the word)

        with ``title`` the match of the title (:data:`~edge_runtime.search.vocabulary.WHOLE` and so on, 0 for none) and
        ``fact`` the best match of a fact, twice for the brand and the categories; then the popular; then the lower row.
        """
        n_matched, n_in_title = np.zeros((2, self._n_items), dtype=np.uint8)
        weight = np.zeros(self._n_items, dtype=np.int32)
        for word in self._wanted(text):
            title, fact = self._match(word)
            rows = np.flatnonzero(title | fact)
            if len(rows):
                n_matched[rows] += np.uint8(1)
                n_in_title[rows] += title[rows] >= FORM
                rarity = (self._n_items // len(rows)).bit_length()
                weight[rows] += (TITLE_WEIGHT * title[rows] + fact[rows]).astype(np.int32) * rarity
        most = int(n_matched.max(initial=0))
        if limit < 1 or not most:
            return []
        rows = np.flatnonzero(n_matched >= max(1, most - 1))
        says_no_more = n_in_title[rows] == self._n_title_words[rows]
        order = n_matched[rows].astype(np.int64) * 2 + says_no_more
        order = (order << 24) + (weight[rows] << 8) + self._levels[rows]
        return [int(row) for row in rows[_largest(order, limit)]]

    def _wanted(self, text: str) -> list[str]:
        """Return the words of a query, each once; one that means nothing but as two words becomes these."""
        wanted: dict[str, None] = {}
        for word in words_of(text)[:MAX_WORDS]:
            is_known = self._vocabulary.matches(word) or self._vocabulary.near(word)
            wanted |= dict.fromkeys([word] if is_known else self._vocabulary.split(word))
        return list(wanted)[:MAX_WORDS]

    def _match(self, word: str) -> tuple[Bytes, Bytes]:
        """Return how well each item's title and its best fact match a word, both ``[n_items]``.

        A typing error is supposed where at most one item of a thousand has the word: it may be another's error.
        """
        title, fact = self._matched_by(self._vocabulary.matches(word))
        if N_ITEMS_OF_A_RARE_WORD * np.count_nonzero(title | fact) > self._n_items:
            return title, fact
        return self._matched_by([*self._vocabulary.near(word), *self._vocabulary.matches(word)])

    def _matched_by(self, matches: list[Match]) -> tuple[Bytes, Bytes]:
        matched = np.zeros(self._n_texts, dtype=np.uint8)
        for match, places in matches:
            matched[self._texts[self._starts[places.start] : self._starts[places.stop]]] = match
        fact = np.zeros(self._n_items, dtype=np.uint8)
        first = self._n_items
        for field in self._fields:
            field.mark(matched[first : first + field.n_values], fact)
            first += field.n_values
        return matched[: self._n_items], fact


class _FieldFacts:
    """One field as pairs of item and value."""

    def __init__(self, name: str, field: Field) -> None:
        self.n_values = len(field.values)
        self._weight = np.uint8(IMPORTANT_WEIGHT if name in IMPORTANT_FIELDS else 1)
        n_values = np.fromiter(map(len, field.rows), dtype=np.int32, count=len(field.rows))
        self._rows = np.repeat(np.arange(len(field.rows), dtype=np.int32), n_values)
        self._values = np.fromiter(chain.from_iterable(field.rows), dtype=np.int32, count=len(self._rows))

    def mark(self, matched: Bytes, fact: Bytes) -> None:
        """Raise ``fact`` of the items that have a value which matches."""
        if matched.any():
            of_values = np.minimum(matched, FORM) * self._weight
            of_pairs = of_values[self._values]
            for value in sorted({*of_values.tolist()} - {0}):
                rows = self._rows[of_pairs == value]
                fact[rows] = np.maximum(fact[rows], np.uint8(value))


class _Numbers(dict[str, int]):
    """Word to number; a word that is met for the first time gets the next one."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


def _index(texts: Iterable[str]) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32], Bytes]:
    """Return the words in order, where the texts of each begin, the texts, and how many words each text has."""
    number_of = _Numbers()
    numbers, n_words = array("i"), array("i")
    for text in texts:
        distinct = dict.fromkeys(words_of(text))
        numbers.extend(map(number_of.__getitem__, distinct))
        n_words.append(len(distinct))
    words = sorted(number_of)
    place_of = np.empty(len(words), dtype=np.int32)
    place_of[[number_of[word] for word in words]] = np.arange(len(words), dtype=np.int32)
    places = place_of[np.array(numbers, dtype=np.int32)]
    of_texts = np.repeat(np.arange(len(n_words), dtype=np.int32), n_words)
    starts = np.concatenate([[0], np.bincount(places, minlength=len(words)).cumsum()])
    by_word = of_texts[np.argsort(places, kind="stable")]
    return words, starts, by_word, np.minimum(n_words, 255).astype(np.uint8)


def _largest(values: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the places of the ``k`` largest, the largest first; among equals the lower place comes first."""
    places = np.arange(len(values))
    if k < len(values):
        places = np.flatnonzero(values >= np.partition(values, len(values) - k)[len(values) - k])
    best: NDArray[np.int64] = places[np.argsort(-values[places], kind="stable")[:k]]
    return best
