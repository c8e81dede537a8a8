"""Checks ids: 1 to 256 characters, no surrounding whitespace, and none that control text or cannot be seen.

Two ids that differ in an invisible character look the same, and U+202E shows what follows it in reverse.
"""

import unicodedata

import polars as pl

from edge_runtime.terminal.plain import is_unsafe
from train.data.findings import Findings, Source, quoted

MAX_CHARACTERS = 256
_EXPECTED = f"expected 1 to {MAX_CHARACTERS} printable characters, without surrounding blanks. Correct the id."


def id_problem(text: str) -> str:
    """Return the problem of an id in one or two words; empty if the id is valid."""
    if not text:
        return "empty"
    if len(text) > MAX_CHARACTERS:
        return "overlong"
    if _hidden(text) is not None:
        return "unprintable"
    return "" if text == text.strip() else "blank around"


def id_message(name: str, text: str) -> str:
    """Return the error message for an invalid id."""
    hidden = _hidden(text)
    named = "" if hidden is None else f" with {_code_point(hidden)} at character {text.index(hidden) + 1}"
    return f"{name} is {quoted(text)}{named}; {_EXPECTED}"


def check_ids(frame: pl.DataFrame, name: str, number: str, source: Source, findings: Findings) -> pl.DataFrame:
    """Report the rows with an invalid id in column ``name``, and return the others.

    Args:
        frame: has the ids as text, and row numbers in column ``number``.
        name: column of the ids.
        number: column of the row numbers.
        source: the file.
        findings: collects the problems.
    """
    distinct = frame[name].unique().to_list()
    problems = {text: problem for text in distinct if (problem := id_problem(text or ""))}
    for kind in sorted(set(problems.values())):
        bad = frame.filter(pl.col(name).is_in([text for text in problems if problems[text] == kind], nulls_equal=True))
        message = id_message(name, bad[name][0] or "")
        findings.bad_rows(source, f"{kind} {name}", bad[number], message)
    return frame.filter(~pl.col(name).is_in(list(problems), nulls_equal=True)) if problems else frame


def _hidden(text: str) -> str | None:
    """Return the first character that controls text or its direction, or is invisible."""
    if text.isascii() and text.isprintable():
        return None
    return next(filter(is_unsafe, text), None)


def _code_point(char: str) -> str:
    name = unicodedata.name(char, "")
    return f"U+{ord(char):04X}" + (f" ({name})" if name else "")
