"""How text from a catalogue is made fit to stand between quotation marks in a sentence.

A reason puts every title, value and field name between “ and ”, and nothing else. What was cleaned holds no quotation
mark of any kind, no line end and nothing invisible, so that no title can end its quotation early and go on in the voice
of the reason (ADR 0024). The sets of characters are data (`quoting.json`), shared with the browser's runtime.
"""

import re
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

_JOINERS: Final = "\u200c\u200d"


class Characters(msgspec.Struct, frozen=True):
    """The content of `quoting.json`; all but the last two are insides of a character class.

    Attributes:
        hidden: invisible characters, marks of direction, tags and variation selectors: removed.
        joined: letters of scripts that are written with joiners, and emoji: a joiner between two of them stays.
        viramas: vowel killers, behind which a joiner stays whatever follows.
        gaps: what becomes one blank: white space, controls, what cannot be decoded.
        quotes: quotation marks, apostrophes and what looks like one: a run of them becomes one straight apostrophe.
        inch_marks: quotation marks that are removed behind a digit, where an apostrophe would mean feet.
        most_marks: combining marks that a letter keeps; more would grow over the lines above and below.
        plain_amount: a number, price or date, which can claim nothing and is said without quotation marks.
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
    """Return the sets of characters, read once."""
    data = files("edge_runtime.reasons").joinpath("quoting.json").read_bytes()
    return msgspec.json.decode(data, type=Characters)


def clean(text: str) -> str:
    """Return ``text`` on one line, with nothing invisible and no quotation mark; it may come back empty."""
    patterns = _patterns()
    if not text.isascii():
        text = _with_few_marks(patterns["joiner"].sub(r"\1", patterns["hidden"].sub("", text)))
    text = patterns["gap"].sub(" ", text).strip(" ")
    return patterns["quotes"].sub("'", patterns["inches"].sub(r"\1", text))


def quoted(text: str) -> str:
    """Return a cleaned text between quotation marks; a plain amount stays as it is."""
    return text if _patterns()["plain_amount"].fullmatch(text) else f"“{text}”"


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
    """Drop the combining marks that pile up on a letter, and those that have none: they would sit on our own sign."""
    most, gap = characters().most_marks, _patterns()["gap"]
    kept, n_marks = [], most
    for char in text:
        if char in _JOINERS or unicodedata.category(char) in ("Mn", "Me"):
            n_marks += 1
        else:
            n_marks = most if gap.match(char) else 0
        if n_marks <= most:
            kept.append(char)
    return "".join(kept)
