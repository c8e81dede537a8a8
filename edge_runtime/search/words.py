"""Texts as words in the form in which they are compared. Knows nothing of catalogues."""

import re
import unicodedata
from typing import Final

# Letters that Unicode does not decompose, as they are typed on a keyboard without them; the last two are the dotless i
# and the final sigma.
_LETTERS: Final = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h",
    "\u0131": "i", "\u03c2": "\u03c3",
}  # fmt: skip
# Accents of Latin, Greek and Cyrillic; points of Hebrew; vowel signs, hamzas and the stretching of Arabic. All of them
# are left out by people who type. The signs of other scripts are letters in all but name.
_DROPPED: Final = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]"
)
_APOSTROPHES: Final = frozenset("'`\u00b4\u02bc\u2018\u2019\u2032\uff07")
# Scripts that are written without spaces: Thai, Lao, Burmese, Khmer, kana, Chinese characters; and Hangul, whose words
# are long compounds.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\U00020000-\U0003ffff"
)
_PIECE: Final = re.compile(f"[0-9]+|[{_UNSPACED}]+|[^ 0-9{_UNSPACED}]+")
_IS_UNSPACED: Final = re.compile(f"[{_UNSPACED}]")
_PLAIN_PIECE: Final = re.compile("[0-9]+|[a-z]+")


def words_of(text: str) -> list[str]:
    """Return the words of a text: no capitals, no accents, no apostrophes.

    A number ends where letters begin, so that "SPF50" and "SPF 50" are the same. Where a script has no spaces, the
    words are all pairs of neighbouring characters, which finds any part of a title that has two characters or more.
    """
    if text.isascii():
        return _PLAIN_PIECE.findall(text.lower().replace("'", "").replace("`", ""))
    folded = unicodedata.normalize("NFC", text.translate(_FOLDED))
    words: list[str] = []
    for piece in _PIECE.findall(folded):
        words += _pairs(piece) if _IS_UNSPACED.match(piece) else [piece]
    return words


def stem(word: str) -> str:
    """Return what a word has in common with its plural: "box" for "boxes", "beany" for "beanie" and "beanies".

    A final s goes, but not that of "ss"; then "ie" becomes "y", and an e goes from words of five letters, after a
    sibilant from words of four. Three letters always stay. The rule is only used to compare: where a language has no
    such plural, both words have lost the same, and scripts without these letters are left alone.
    """
    while len(word) >= 4:
        last, before = word[-1], word[-2]
        if last == "s" and before != "s":
            word = word[:-1]
        elif last == "e" and before == "i":
            word = word[:-2] + "y"
        elif last == "e" and before != "e" and (len(word) >= 5 or before in "hsxz"):
            word = word[:-1]
        else:
            break
    return word


class _Folded(dict[int, str]):
    """Code point to what is kept of it, found out when it is met for the first time."""

    def __missing__(self, code: int) -> str:
        self[code] = kept = _fold(chr(code))
        return kept


_FOLDED: Final = _Folded()


def _fold(character: str) -> str:
    """Return one character in the form in which it is compared; a space for what separates words."""
    if character in _APOSTROPHES or unicodedata.category(character) == "Cf":
        return ""
    if not _is_of_words(character):
        return " "
    parts = _DROPPED.sub("", unicodedata.normalize("NFKD", character)).lower()
    folded = "".join(_LETTERS.get(part, part) if _is_of_words(part) else " " for part in parts)
    return " " + folded if " " in folded else folded  # a fraction: "2½" is "2", "1" and "2"


def _is_of_words(character: str) -> bool:
    """Return whether it is a letter, a mark or a number."""
    return unicodedata.category(character)[0] in "LMN"


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(max(1, len(run) - 1))]
