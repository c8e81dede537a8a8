"""All words of a catalogue in order, and which of them a typed word may mean."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from edge_runtime.search.words import stem

WHOLE: Final = 4
FORM: Final = 3
BEGINNING: Final = 2
TYPO: Final = 1

MIN_TYPO_LETTERS: Final = 4
"""Of a word that may have a typing error: shorter ones have too many neighbours."""
MIN_TYPO_BEGINNING: Final = 6
"""Of the beginning of a word that may have one."""
MIN_PART: Final = 3
"""Letters of each of two words that are looked for in one."""

# Every word with the same stem is the stem and one of these, with another y.
_ENDINGS = ("", "s", "e", "es", "se", "ses")
_Y_ENDINGS = ("ie", "ies")
_LAST = "\U0010ffff"

Match = tuple[int, range]
"""How well words match, and the words: their places in the order."""


class Vocabulary:
    """Distinct words, sorted. It holds nothing but them: what is near a word is found by the order.

    Args:
        words: sorted, each once.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words

    def matches(self, word: str) -> list[Match]:
        """Return what a typed word may mean, free of typing errors, the weakest match first."""
        begun = self._beginning_with(word)
        found = [(BEGINNING, begun)] if begun else []
        found += [(FORM, range(place, place + 1)) for place in self._forms(word)]
        whole = self._place(word)
        if whole is not None:
            found.append((WHOLE, range(whole, whole + 1)))
        return found

    def near(self, word: str) -> list[Match]:
        """Return what a word means if one letter was inserted, left out, wrong or exchanged with its neighbour.

        These are whole words in all forms; where there is none, words that begin so. The first letter may be the
        wrong one. Numbers are what they are.
        """
        if len(word) < MIN_TYPO_LETTERS or word[0] in "0123456789":
            return []
        common = stem(word)
        found = self._corrected(word)
        if not found and common != word:
            found = self._corrected(common)
        return [(TYPO, places) for places in found]

    def split(self, word: str) -> tuple[str, ...]:
        """Return the two words that became one without their space, those with the longest first word; or none."""
        for at in range(len(word) - MIN_PART, MIN_PART - 1, -1):
            if self._forms(word[:at]) and self._forms(word[at:]):
                return word[:at], word[at:]
        return ()

    def _corrected(self, word: str) -> list[range]:
        corrected = dict.fromkeys(self._corrections(word))
        known = [one for one in corrected if self._place(one) is not None]
        places = {place for one in known for place in self._forms(one)}
        if places or len(word) < MIN_TYPO_BEGINNING:
            return [range(place, place + 1) for place in sorted(places)]
        return [begun for one in corrected if (begun := self._beginning_with(one))]

    def _corrections(self, word: str) -> Iterator[str]:
        """Yield what is one typing error away, as far as any word begins so.

        Only letters that follow in some word are tried, so this takes some hundred look-ups whatever the vocabulary.
        """
        for at in range(len(word) + 1):
            head, tail = word[:at], word[at:]
            here = self._beginning_with(head)
            if not here:
                return
            yield head + tail[1:]
            yield head + tail[1:2] + tail[:1] + tail[2:]
            for letter in self._letters_after(head, here):
                yield head + letter + tail
                yield head + letter + tail[1:]

    def _letters_after(self, head: str, here: range) -> Iterator[str]:
        place = here.start
        while place < here.stop:
            word = self._words[place]
            if len(word) == len(head):
                place += 1
                continue
            letter = word[len(head)]
            yield letter
            place = bisect_left(self._words, head + letter + _LAST, place, here.stop)

    def _forms(self, word: str) -> list[int]:
        """Return the places of the words with the same stem."""
        common = stem(word)
        forms = [common + ending for ending in _ENDINGS]
        if common.endswith("y"):
            forms += [common[:-1] + ending for ending in _Y_ENDINGS]
        places = (self._place(form) for form in forms if stem(form) == common)
        return [place for place in places if place is not None]

    def _place(self, word: str) -> int | None:
        place = bisect_left(self._words, word)
        return place if place < len(self._words) and self._words[place] == word else None

    def _beginning_with(self, start: str) -> range:
        return range(bisect_left(self._words, start), bisect_left(self._words, start + _LAST))
