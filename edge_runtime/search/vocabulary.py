"""The sorted vocabulary of a catalogue, with exact, prefix and fuzzy matching."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from edge_runtime.search.words import stem

WHOLE: Final = 4
FORM: Final = 3
BEGINNING: Final = 2
TYPO: Final = 1

MIN_TYPO_LETTERS: Final = 4
"""Minimum word length for fuzzy matching; shorter ones have too many neighbours."""
MIN_TYPO_BEGINNING: Final = 6
"""Minimum prefix length for fuzzy matching."""
MIN_PART: Final = 3
"""Minimum length of each part of a split word."""

# Every word with a given stem is the stem plus one of these endings; after a removed y, one of the second list.
_ENDINGS = ("", "s", "e", "es", "se", "ses")
_Y_ENDINGS = ("ie", "ies")
_LAST = "\U0010ffff"

Match = tuple[int, range]
"""The quality of a match, and the range of positions of the matching words."""


class Vocabulary:
    """A sorted vocabulary; all look-ups are binary searches, without further index structures.

    Args:
        words: sorted and distinct.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def matches(self, word: str) -> list[Match]:
        """Return the matches of a word without typing errors, weakest first."""
        prefixed = self._with_prefix(word)
        matches = [(BEGINNING, prefixed)] if prefixed else []
        matches += [(FORM, range(position, position + 1)) for position in self._forms(word)]
        whole = self._position(word)
        if whole is not None:
            matches.append((WHOLE, range(whole, whole + 1)))
        return matches

    def near(self, word: str) -> list[Match]:
        """Return the matches with one letter inserted, deleted, replaced or transposed, the first letter included.

        Whole words in all forms match; if there are none, words with the corrected prefix. Numbers are not corrected.
        """
        if len(word) < MIN_TYPO_LETTERS or word[0] in "0123456789":
            return []
        common = stem(word)
        ranges = self._corrected(word)
        if not ranges and common != word:
            ranges = self._corrected(common)
        return [(TYPO, positions) for positions in ranges]

    def split(self, word: str) -> tuple[str, ...]:
        """Split a word into two known words, the first as long as possible; return an empty tuple if impossible."""
        for end in range(len(word) - MIN_PART, MIN_PART - 1, -1):
            if self._forms(word[:end]) and self._forms(word[end:]):
                return word[:end], word[end:]
        return ()

    def _corrected(self, word: str) -> list[range]:
        corrected = dict.fromkeys(self._corrections(word))
        known = [correction for correction in corrected if self._position(correction) is not None]
        positions = {position for correction in known for position in self._forms(correction)}
        if positions or len(word) < MIN_TYPO_BEGINNING:
            return [range(position, position + 1) for position in sorted(positions)]
        return [prefixed for correction in corrected if (prefixed := self._with_prefix(correction))]

    def _corrections(self, word: str) -> Iterator[str]:
        """Yield the spellings one typing error away, as long as a word with that prefix exists.

        Only letters that occur after the prefix are tried, which takes about a hundred look-ups for any vocabulary.
        """
        for index in range(len(word) + 1):
            head, tail = word[:index], word[index:]
            prefixed = self._with_prefix(head)
            if not prefixed:
                return
            yield head + tail[1:]
            yield head + tail[1:2] + tail[:1] + tail[2:]
            for letter in self._letters_after(head, prefixed):
                yield head + letter + tail
                yield head + letter + tail[1:]

    def _letters_after(self, head: str, prefixed: range) -> Iterator[str]:
        position = prefixed.start
        while position < prefixed.stop:
            word = self._words[position]
            if len(word) == len(head):
                position += 1
                continue
            letter = word[len(head)]
            yield letter
            position = bisect_left(self._words, head + letter + _LAST, position, prefixed.stop)

    def _forms(self, word: str) -> list[int]:
        """Return the positions of the words with the same stem."""
        common = stem(word)
        forms = [common + ending for ending in _ENDINGS]
        if common.endswith("y"):
            forms += [common[:-1] + ending for ending in _Y_ENDINGS]
        positions = (self._position(form) for form in forms if stem(form) == common)
        return [position for position in positions if position is not None]

    def _position(self, word: str) -> int | None:
        position = bisect_left(self._words, word)
        return position if position < len(self._words) and self._words[position] == word else None

    def _with_prefix(self, prefix: str) -> range:
        return range(bisect_left(self._words, prefix), bisect_left(self._words, prefix + _LAST))
