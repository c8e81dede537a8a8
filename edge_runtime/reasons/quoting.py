"""Cleans catalogue text so that it can be quoted safely in a sentence.

What a reason takes from the catalogue is set between quotation marks, unless it is an amount or a few plain words.
Cleaned text has no quotation marks, line breaks or invisible characters, so a title cannot close its quotation and pose
as part of the reason (ADR 0024 and 0067). The character
sets are data (`quoting.json`), shared with the browser runtime.
"""

import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

_JOINERS: Final = "\u200c\u200d"


class Characters(msgspec.Struct, frozen=True):
    """The content of `quoting.json`; all but the last two are the inside of a regex character class.

    Attributes:
        hidden: invisible characters, direction marks, tags and variation selectors; removed.
        joined: letters of scripts that use joiners, and emoji; a joiner between two of them is kept.
        viramas: vowel killers; a joiner after one is always kept.
        gaps: white space, control characters and undecodable ones; a run becomes one space.
        quotes: quotation marks, apostrophes and look-alikes; a run becomes one straight apostrophe.
        inch_marks: quotation marks that are removed after a digit, where an apostrophe would mean feet.
        most_marks: maximum number of combining marks per letter; more would overlap adjacent lines.
        plain_amount: pattern of a number, price or date, which is shown without quotation marks.
    """

    hidden: str
    joined: str
    viramas: str
    gaps: str
    quotes: str
    inch_marks: str
    most_marks: int
    plain_amount: str


@cache
def characters() -> Characters:
    """Return the character sets (cached)."""
    data = files("edge_runtime.reasons").joinpath("quoting.json").read_bytes()
    return msgspec.json.decode(data, type=Characters)


def clean(text: str) -> str:
    """Return ``text`` on one line, without invisible characters and quotation marks; the result may be empty."""
    patterns = _patterns()
    if not text.isascii():
        text = _with_few_marks(patterns["joiner"].sub(r"\1", patterns["hidden"].sub("", text)))
    text = patterns["gap"].sub(" ", text).strip(" ")
    return patterns["quotes"].sub("'", patterns["inches"].sub(r"\1", text))


def quoted(text: str) -> str:
    """Return a cleaned text between English quotation marks; a plain amount is returned unchanged."""
    return text if is_amount(text) else f"“{text}”"


def is_amount(text: str) -> bool:
    """Return whether a cleaned text is a plain amount, such as a price or a date."""
    return _patterns()["plain_amount"].fullmatch(text) is not None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    sets = characters()
    joined, joiner = f"[{sets.joined}]", f"[{_JOINERS}]"
    return {
        "hidden": re.compile(f"[{sets.hidden}]+"),
        "joiner": re.compile(f"([{sets.viramas}]{joiner}|{joined}{joiner}(?={joined}))|{joiner}"),
        "gap": re.compile(f"[{sets.gaps}]+"),
        "inches": re.compile(f"([0-9])[{sets.inch_marks}]+"),
        "quotes": re.compile(f"[{sets.quotes}]+"),
        "plain_amount": re.compile(sets.plain_amount),
    }


def _with_few_marks(text: str) -> str:
    """Drop excess combining marks, and those without a base letter, which would combine with the quotation mark."""
    most, gap = characters().most_marks, _patterns()["gap"]
    characters_kept, n_marks = [], most
    for char in text:
        if char in _JOINERS or unicodedata.category(char) in ("Mn", "Me"):
            n_marks += 1
        else:
            n_marks = most if gap.match(char) else 0
        if n_marks <= most:
            characters_kept.append(char)
    return "".join(characters_kept)
