"""A search index over the words of titles and facts."""

from array import array
from collections.abc import Iterable
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.item_table import WordIndex
from edge_runtime.bundle.items import Field, Items, rows_of_entries
from edge_runtime.search.absence import DENIALS, lacks
from edge_runtime.search.vocabulary import FORM, WHOLE, Match, Vocabulary
from edge_runtime.search.words import stem, words_of

MAX_CHARACTERS: Final = 200
"""Maximum number of characters (code points) of a query; the rest is ignored."""
MAX_WORDS: Final = 16
"""Maximum number of query words; the rest is ignored."""
IMPORTANT_FIELDS: Final = frozenset({"brand", "categories", "category", "genre", "genres"})
N_ITEMS_OF_A_RARE_WORD: Final = 1000
"""A word is rare if it occurs in at most one of this many items."""
TITLE_WEIGHT: Final = 4
IMPORTANT_WEIGHT: Final = 2

Bytes = NDArray[np.uint8]


class Finder:
    """A search index. It needs about eight bytes per word of a title and per fact, plus the vocabulary.

    Args:
        items: titles and facts.
        levels: popularity, uint8 ``[n_items]``, to break ties.
        index: the words of the items, which may be on disk; None builds it.
    """

    def __init__(self, items: Items, levels: Bytes, index: WordIndex | None = None) -> None:
        self._n_items = len(items.title)
        self._levels = levels
        self._fields = [_FieldFacts(name, field) for name, field in items.fields.items()]
        index = word_index(items) if index is None else index
        self._starts, self._texts = index.starts, index.texts
        self._titles, self._words = items.title, index.words
        self._vocabulary = Vocabulary(index.words)
        self._n_texts = len(index.n_words)
        self._n_title_words = index.n_words[: self._n_items]

    def find(self, text: str, limit: int) -> list[int]:
        """Return the rows of the best matches, best first.

        Only the first :data:`MAX_CHARACTERS` of the text and their first :data:`MAX_WORDS` words are used.

        Matches have the largest number of matching words, or one fewer. They are sorted by this number, then by
        whether the title has no other words, then by the sum over words of

            rarity * (4 * title + fact),  rarity = bits of floor(n_items / items that match the word)

        with ``title`` the match of the title (:data:`~edge_runtime.search.vocabulary.WHOLE` and so on, 0 for none) and
        ``fact`` the best match of a fact, doubled for brand and categories; then by popularity, then by row.
        """
        n_matched, n_in_title = np.zeros((2, self._n_items), dtype=np.uint8)
        weight = np.zeros(self._n_items, dtype=np.int32)
        for word in self._query_words(text):
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
        is_full_title = n_in_title[rows] == self._n_title_words[rows]
        order = n_matched[rows].astype(np.int64) * 2 + is_full_title
        order = (order << 24) + (weight[rows] << 8) + self._levels[rows]
        return [int(row) for row in rows[_largest(order, limit)]]

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of titles and facts."""
        return self._vocabulary

    def word_at(self, position: int) -> str:
        """Return a word of the vocabulary."""
        return self._words[position]

    def knows(self, word: str) -> bool:
        """Return whether a title or fact has a word in some form."""
        return any(match >= FORM for match, _ in self._vocabulary.matches(word))

    def n_texts(self, word: str) -> int:
        """Return how many titles and values have a word in some form."""
        return sum(
            self._starts.item(words.stop) - self._starts.item(words.start)
            for match, words in self._vocabulary.matches(word)
            if match == FORM
        )

    def holds_words(self, text: str) -> NDArray[np.bool_]:
        """Return which items have all words of a text, in some form, in the title or in one fact, ``[n_items]``."""
        words = list(dict.fromkeys(words_of(text[:MAX_CHARACTERS])))[:MAX_WORDS]
        n_matched = np.zeros(self._n_texts, dtype=np.uint8)
        for word in words:
            is_matched = np.zeros(self._n_texts, dtype=bool)
            for match, positions in self._vocabulary.matches(word):
                if match >= FORM:
                    first, last = self._starts.item(positions.start), self._starts.item(positions.stop)
                    is_matched[self._texts[first:last]] = True
            n_matched += is_matched
        matched = (n_matched == len(words)).astype(np.uint8) if words else n_matched
        title, fact = self._by_item(matched)
        return (title | fact) > 0

    def free_of(self, text: str) -> NDArray[np.bool_]:
        """Return which titles name something only to deny it, ``[n_items]``, such as "paraben-free"."""
        words = [stem(word) for word in words_of(text[:MAX_CHARACTERS])]
        is_free = self.holds_words(text) & self._denies()
        for row in np.flatnonzero(is_free).tolist():
            is_free[row] = lacks(self._titles[row], words)
        return is_free

    def _denies(self) -> NDArray[np.bool_]:
        """Return which titles have a word such as "free" or "without", ``[n_items]``."""
        is_denied = np.zeros(self._n_texts, dtype=bool)
        for word in DENIALS:
            for match, positions in self._vocabulary.matches(word):
                if match == WHOLE or not word.isascii():
                    first, last = self._starts.item(positions.start), self._starts.item(positions.stop)
                    is_denied[self._texts[first:last]] = True
        denied: NDArray[np.bool_] = is_denied[: self._n_items]
        return denied

    def titled(self, text: str) -> int | None:
        """Return the row of the best match for a text of which every word is in the title; None if there is none."""
        words = list(dict.fromkeys(words_of(text[:MAX_CHARACTERS])))[:MAX_WORDS]
        for row in self.find(text, 3):
            title = words_of(self._titles[row])
            if words and all(any(stem(word) == stem(other) for other in title) for word in words):
                return row
        return None

    def _query_words(self, text: str) -> list[str]:
        """Return the distinct words of a query; an unknown word is split in two if both parts are known."""
        words: dict[str, None] = {}
        for word in words_of(text[:MAX_CHARACTERS])[:MAX_WORDS]:
            is_known = self._vocabulary.matches(word) or self._vocabulary.near(word)
            words |= dict.fromkeys([word] if is_known else self._vocabulary.split(word))
        return list(words)[:MAX_WORDS]

    def _match(self, word: str) -> tuple[Bytes, Bytes]:
        """Return the match of each item's title and of its best fact with a word, both ``[n_items]``.

        If at most one item of a thousand has the word, words with one typing error match too: the rare word may
        itself be a typing error in the catalogue.
        """
        title, fact = self._matched_by(self._vocabulary.matches(word))
        if N_ITEMS_OF_A_RARE_WORD * np.count_nonzero(title | fact) > self._n_items:
            return title, fact
        return self._matched_by([*self._vocabulary.near(word), *self._vocabulary.matches(word)])

    def _matched_by(self, matches: list[Match]) -> tuple[Bytes, Bytes]:
        matched = np.zeros(self._n_texts, dtype=np.uint8)
        for match, words in matches:
            matched[self._texts[self._starts.item(words.start) : self._starts.item(words.stop)]] = match
        return self._by_item(matched)

    def _by_item(self, matched: Bytes) -> tuple[Bytes, Bytes]:
        """Return the match of each item's title and of its best fact, both ``[n_items]``, from that of each text."""
        fact = np.zeros(self._n_items, dtype=np.uint8)
        first = self._n_items
        for field in self._fields:
            field.mark(matched[first : first + field.n_values], fact)
            first += field.n_values
        return matched[: self._n_items], fact


class _FieldFacts:
    """The values of one field by item."""

    def __init__(self, name: str, field: Field) -> None:
        self.n_values = len(field.values)
        self._weight = np.uint8(IMPORTANT_WEIGHT if name in IMPORTANT_FIELDS else 1)
        self._starts, self._values = field.entries()

    def mark(self, matched: Bytes, fact: Bytes) -> None:
        """Raise ``fact`` of the items with a matching value."""
        if matched.any():
            of_values = np.minimum(matched, FORM) * self._weight
            of_pairs = of_values[self._values[:]]
            for value in sorted({*of_values.tolist()} - {0}):
                rows = rows_of_entries(self._starts, np.flatnonzero(of_pairs == value))
                fact[rows] = np.maximum(fact[rows], np.uint8(value))


class _Numbers(dict[str, int]):
    """Word to number; a new word gets the next number."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


def word_index(items: Items) -> WordIndex:
    """Return which titles and values have which words."""
    return _index(chain(items.title, *(field.values for field in items.fields.values())))


def _index(texts: Iterable[str]) -> WordIndex:
    number_of = _Numbers()
    numbers, n_words = array("i"), array("i")
    for text in texts:
        distinct = dict.fromkeys(words_of(text))
        numbers.extend(map(number_of.__getitem__, distinct))
        n_words.append(len(distinct))
    words = sorted(number_of)
    position_of = np.empty(len(words), dtype=np.int32)
    position_of[[number_of[word] for word in words]] = np.arange(len(words), dtype=np.int32)
    positions = position_of[np.array(numbers, dtype=np.int32)]
    of_texts = np.repeat(np.arange(len(n_words), dtype=np.int32), n_words)
    starts = np.concatenate([[0], np.bincount(positions, minlength=len(words)).cumsum()])
    by_word = of_texts[np.argsort(positions, kind="stable")]
    return WordIndex(words, starts, by_word, np.minimum(n_words, 255).astype(np.uint8))


def _largest(values: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """Return the positions of the ``k`` largest values, largest first; ties are broken by the lower position."""
    positions = np.arange(len(values))
    if k < len(values):
        positions = np.flatnonzero(values >= np.partition(values, len(values) - k)[len(values) - k])
    best: NDArray[np.int64] = positions[np.argsort(-values[positions], kind="stable")[:k]]
    return best
