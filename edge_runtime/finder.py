"""Finds items by the words of their titles and facts."""

import difflib
import heapq
import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.items import Items

_WORD = re.compile(r"\w+")
_TITLE_WEIGHT, _FIELD_WEIGHT, _WHOLE_WORD = 1.0, 0.4, 1.5
_NEAR: Final = 0.7


class Finder:
    """A small index of words; built once, at the first search.

    Args:
        items: names and facts.
        levels: popularity, uint8 ``[n_items]``: it orders items that match equally well.
    """

    def __init__(self, items: Items, levels: NDArray[np.uint8]) -> None:
        self._items = items
        self._levels = levels
        self._weights = _index(items)
        self._words = sorted(self._weights)

    def find(self, text: str, limit: int) -> list[int]:
        """Return the rows that match, the best first.

        A word matches the beginning of a word of the title or of a fact; where it matches none, words that are spelled
        alike are tried. Items that match all words come first, then those that miss one; the popular before others.
        """
        wanted = words_of(text)
        if limit < 1:
            return []
        matches = [self._starting(word) or self._alike(word) for word in wanted]
        n_matched = Counter(row for match in matches for row in match)
        enough = max(1, max(n_matched.values(), default=0) - 1)

        def order(row: int) -> tuple[int, float, int, int]:
            weight = sum(match.get(row, 0.0) for match in matches)
            return -n_matched[row], -weight, -int(self._levels[row]), row

        return heapq.nsmallest(limit, (row for row, n in n_matched.items() if n >= enough), key=order)

    def _starting(self, start: str) -> dict[int, float]:
        """Return row to weight for all items with a word that starts so."""
        found: dict[int, float] = {}
        for place in range(bisect_left(self._words, start), len(self._words)):
            word = self._words[place]
            if not word.startswith(start):
                break
            bonus = _WHOLE_WORD if word == start else 1.0
            for row, weight in self._weights[word].items():
                found[row] = max(found.get(row, 0.0), weight * bonus)
        return found

    def _alike(self, word: str) -> dict[int, float]:
        """Return row to weight for all items with a word that is spelled nearly so."""
        found: dict[int, float] = {}
        for near in difflib.get_close_matches(word, self._words, n=3, cutoff=_NEAR):
            found |= self._weights[near]
        return found


def words_of(text: str) -> list[str]:
    """Return the words of a text in the form in which they are compared: no capitals, no accents."""
    if not text.isascii():  # most titles are, and looking at each character takes ten times as long
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return _WORD.findall(text.casefold().replace("'", "").replace("\u2019", ""))


def _index(items: Items) -> dict[str, dict[int, float]]:
    """Return word to row to weight."""
    weights: dict[str, dict[int, float]] = defaultdict(dict)
    for row, title in enumerate(items.title):
        for word in words_of(title):
            weights[word][row] = _TITLE_WEIGHT
    for field in items.fields.values():
        words = [words_of(value) for value in field.values]
        for row, indices in enumerate(field.rows):
            for index in indices:
                for word in words[index]:
                    weights[word].setdefault(row, _FIELD_WEIGHT)
    return dict(weights)
