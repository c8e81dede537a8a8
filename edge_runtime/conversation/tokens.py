"""Splits a sentence into tokens.

A token is a word as in the search, a number with decimals, or one character of a script without spaces.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_runtime.search.words import UNSPACED, stem, words_of

MAX_CHARACTERS: Final = 300
"""Maximum number of characters (code points) of a sentence; the rest is ignored."""

# A number, one character of a script without spaces, a mark that ends a part, or a run of anything else.
_MARKS: Final = ",;:.!?，、。！？；：\n"  # noqa: RUF001 - marks of Chinese
_PIECE: Final = re.compile(
    f"([0-9]+(?:[.,][0-9]{{1,2}}(?![0-9]))?)|([{UNSPACED}])|([{_MARKS}]+)|([^ \t0-9{_MARKS}{UNSPACED}]+)"
)
_PLAIN: Final = re.compile("[0-9]+(?:[.,][0-9]{1,2}(?![0-9]))?|[a-z]+")
_STOPS: Final = frozenset(";.!?。！？；\n")  # noqa: RUF001 - marks of Chinese


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        text: in lower case, without accents and apostrophes.
        stem: common to singular and plural.
        shown: as it was written.
        number: the number that it is, or None.
        gap: what separates it from the token before: 0 nothing, 1 a comma, 2 a full stop.
        is_corrected: whether a typing error was taken out of its text.
    """

    text: str
    stem: str
    shown: str
    number: float | None
    gap: int
    is_corrected: bool = False


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a sentence."""
    tokens: list[Token] = []
    gap = 0
    for number, character, mark, run in _PIECE.findall(text[:MAX_CHARACTERS]):
        if mark:
            gap = max(gap, 2 if not _STOPS.isdisjoint(mark) else 1)
            continue
        if number:
            text_of_number = number.replace(",", ".")
            tokens.append(Token(text_of_number, text_of_number, number, float(text_of_number), gap))
            gap = 0
            continue
        for word in words_of(character or run):
            tokens.append(Token(word, stem(word), character or run, None, gap))
            gap = 0
    return tokens


def texts_of(text: str) -> tuple[str, ...]:
    """Return the words of a phrase of a language, which sentences are matched with."""
    return tuple(token.text for token in tokens_of(text))


def phrase_of(text: str) -> tuple[str, ...]:
    """Return the stems of a catalogue text, which sentences are matched with."""
    if text.isascii():  # the same, without tokens: all values and titles pass here
        found = _PLAIN.findall(text[:MAX_CHARACTERS].lower().replace("'", "").replace("`", ""))
        return tuple(stem(word.replace(",", ".")) for word in found)
    return tuple(token.stem for token in tokens_of(text))


def shown(tokens: Sequence[Token]) -> str:
    """Return tokens as they were written."""
    parts: list[str] = []
    for token in tokens:
        if parts and re.fullmatch(f"[{UNSPACED}]", token.shown) and re.fullmatch(f"[{UNSPACED}]", parts[-1][-1]):
            parts[-1] += token.shown
        elif not parts or parts[-1] != token.shown:
            parts.append(token.shown)
    return " ".join(parts)
