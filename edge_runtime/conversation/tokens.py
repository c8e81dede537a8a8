"""Splits a sentence into tokens.

A token is a word as in the search, a number with decimals, or one character of a script without spaces.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge_runtime.search.words import UNSPACED, stem, words_of

MAX_CHARACTERS: Final = 300
"""Maximum number of characters (code points) of a sentence; the rest is ignored."""

_GREATEST: Final = 1e12
"""Greatest number that is read as one: beyond any price."""

# A number, one character of a script without spaces, a mark that ends a part, or a run of anything else. In a sentence,
# blanks may separate thousands, and what is glued to a number, as in "-5", "1e9", "5k" and "30%", makes it another one.
_MARKS: Final = ",;:.!?，、。！？；：\n"  # noqa: RUF001 - marks of Chinese
_REST: Final = f"|([{UNSPACED}])|([{_MARKS}]+)|([^ \t0-9{_MARKS}{UNSPACED}]+)"
_NUMBER: Final = "[0-9]+(?:[.,'\u2019][0-9]+)*"
_SPACED: Final = "[1-9][0-9]{0,2}(?:[ \u00a0\u202f][0-9]{3})+(?![0-9])(?:[.,][0-9]{1,2}(?![0-9]))?"
_SIGN: Final = "[-\u2212\u2013][$\u20ac\u00a3\u00a5]?"
_GLUED: Final = "[kKmM](?![a-zA-Z])|[ \u00a0\u202f]?[%\u2030]"
_PIECE: Final = re.compile(f"({_SIGN})?({_SPACED}|{_NUMBER})(?:([eE][+-]?[0-9]+)|()(?={_GLUED})|){_REST}")
_CATALOGUE_PIECE: Final = re.compile(f"((?!))?({_NUMBER})(?:((?!))|((?!))|){_REST}")
_DECIMAL: Final = re.compile("[0-9]+(?:[.,][0-9]{1,2})?|0[.,][0-9]+")
_GROUPED: Final = re.compile(
    "([1-9][0-9]{0,2}(?:([.,'\u2019 \u00a0\u202f])[0-9]{3})(?:\\2[0-9]{3})*)(?:(?!\\2)[.,]([0-9]{1,2}))?"
)
_PLAIN: Final = re.compile("[0-9]+(?:[.,][0-9]+)*|[a-z]+")
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
    """Return the tokens of a sentence; a number that cannot be told, such as "-5", "1e9" or "1,00,0", has no value."""
    return _tokens(text, _PIECE)


def _tokens(text: str, piece: re.Pattern[str]) -> list[Token]:
    tokens: list[Token] = []
    gap, left = 0, MAX_CHARACTERS  # once more, since U+FDFA for example stands for eighteen characters
    for match in piece.finditer(text[:MAX_CHARACTERS]):
        _, number, _, _, character, mark, run = match.groups()
        if mark is not None:
            gap = max(gap, 2 if not _STOPS.isdisjoint(mark) else 1)
            continue
        is_after_number = bool(tokens) and gap == 0 and tokens[-1].number is not None
        for token in [_number_token(match, is_after_number)] if number else _word_tokens(character or run):
            if left <= 0:
                return tokens
            tokens.append(replace(token, text=token.text[:left], stem=token.stem[:left], gap=gap))
            gap, left = 0, left - len(token.text)
    return tokens


def _word_tokens(shown: str) -> list[Token]:
    return [Token(word, stem(word), shown, None, 0) for word in words_of(shown)]


def _number_token(match: re.Match[str], is_after_number: bool) -> Token:
    """Return the token of a number; a sign after a number is the "to" of a range."""
    sign, exponent = "" if is_after_number else match[1] or "", match[3] or ""
    text = _canonical(match[2])
    is_plain = not sign and not exponent and match[4] is None and _DECIMAL.fullmatch(text) is not None
    number = float(text) if is_plain and float(text) <= _GREATEST else None
    written = f"{sign}{text}{exponent}".lower()
    return Token(written, written, f"{sign}{match[2]}{exponent}", number, 0)


def _canonical(number: str) -> str:
    """Return a number without separators of thousands, and with a full stop before its decimals."""
    grouped = _GROUPED.fullmatch(number)
    if grouped is None:
        return number.replace(",", ".")
    decimals = grouped[3]
    return re.sub("[^0-9]", "", grouped[1]) + (f".{decimals}" if decimals else "")


def texts_of(text: str) -> tuple[str, ...]:
    """Return the words of a phrase of a language, which sentences are matched with."""
    return tuple(token.text for token in tokens_of(text))


def phrase_of(text: str) -> tuple[str, ...]:
    """Return the stems of a catalogue text, which sentences are matched with."""
    if text.isascii():  # the same, without tokens: all values and titles pass here
        found = _PLAIN.findall(text[:MAX_CHARACTERS].lower().replace("'", "").replace("`", ""))
        return tuple(stem(word) if word.isalnum() else _canonical(word) for word in found)
    return tuple(token.stem for token in _tokens(text, _CATALOGUE_PIECE))


def shown(tokens: Sequence[Token]) -> str:
    """Return tokens as they were written."""
    parts: list[str] = []
    for token in tokens:
        if parts and re.fullmatch(f"[{UNSPACED}]", token.shown) and re.fullmatch(f"[{UNSPACED}]", parts[-1][-1]):
            parts[-1] += token.shown
        elif not parts or parts[-1] != token.shown:
            parts.append(token.shown)
    return " ".join(parts)
