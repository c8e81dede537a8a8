"""Splits texts into normalized words, and stems them."""

import re
import unicodedata
from typing import Final

# Letters that Unicode does not decompose, with their usual transcription; the last two are the dotless i and the
# final sigma.
_LETTERS: Final = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h",
    "\u0131": "i", "\u03c2": "\u03c3",
}  # fmt: skip
# Accents of Latin, Greek and Cyrillic; points of Hebrew; vowel signs, hamzas and tatweel of Arabic. Users often omit
# them when typing. The combining marks of other scripts are essential and are kept.
_DROPPED: Final = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670]"
)
_APOSTROPHES: Final = frozenset("'`\u00b4\u02bc\u2018\u2019\u2032\uff07")
# Scripts written without spaces: Thai, Lao, Burmese, Khmer, kana, Chinese characters; and Hangul, because of its long
# compound words.
UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\U00020000-\U0003ffff"
)
"""The inside of a regex character class."""
_PIECE: Final = re.compile(f"[0-9]+|[{UNSPACED}]+|[^ 0-9{UNSPACED}]+")
_IS_UNSPACED: Final = re.compile(f"[{UNSPACED}]")
_PLAIN_PIECE: Final = re.compile("[0-9]+|[a-z]+")


def words_of(text: str) -> list[str]:
    """Return the words of a text, in lower case and without accents and apostrophes.

    Letters and digits are separated, so that "SPF50" and "SPF 50" are equal. For scripts without spaces, the words are
    all character bigrams, so that any part of a title with at least two characters can be found.
    """
    if text.isascii():
        return _PLAIN_PIECE.findall(text.lower().replace("'", "").replace("`", ""))
    folded = unicodedata.normalize("NFC", text.translate(_FOLDED))
    words: list[str] = []
    for piece in _PIECE.findall(folded):
        words += _pairs(piece) if _IS_UNSPACED.match(piece) else [piece]
    return words


def stem(word: str) -> str:
    """Return the common stem of singular and plural: "box" for "boxes", "beany" for "beanie" and "beanies".

    A final s is removed, except in "ss". Then "ie" becomes "y", and a final e is removed from words of five or more
    letters, after a sibilant of four or more. At least three letters remain. Stems are only compared with each other,
    so the rule does no harm in other languages, and scripts without these letters are not affected.
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
    """Code point to its normalized text, computed on first use."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold(chr(code))
        return folded


_FOLDED: Final = _Folded()


def _fold(character: str) -> str:
    """Return the normalized form of a character; a space for separators."""
    if character in _APOSTROPHES or unicodedata.category(character) == "Cf":
        return ""
    if not _is_word_character(character):
        return " "
    parts = _DROPPED.sub("", unicodedata.normalize("NFKD", character)).lower()
    folded = "".join(_LETTERS.get(part, part) if _is_word_character(part) else " " for part in parts)
    return " " + folded if " " in folded else folded  # a fraction: "2½" is "2", "1" and "2"


def _is_word_character(character: str) -> bool:
    """Return whether a character is a letter, a mark or a number."""
    return unicodedata.category(character)[0] in "LMN"


def _pairs(run: str) -> list[str]:
    return [run[start : start + 2] for start in range(max(1, len(run) - 1))]
