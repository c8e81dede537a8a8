"""What an id may be: 1 to 256 characters, no blank around it, no control character and no line break in it."""

import unicodedata

import polars as pl

from train.data.findings import Findings, Source, quoted

MAX_CHARACTERS = 256
# Control characters, surrogates, and the separators of lines and paragraphs.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
_EXPECTED = f"expected 1 to {MAX_CHARACTERS} printable characters, without blanks around them. Correct the id."


def id_fault(text: str) -> str:
    """Return what is wrong with an id, in one or two words; nothing for a good one."""
    if not text:
        return "empty"
    if len(text) > MAX_CHARACTERS:
        return "overlong"
    if not text.isprintable() and any(unicodedata.category(character) in _UNPRINTABLE for character in text):
        return "unprintable"
    return "" if text == text.strip() else "blank around"


def id_message(name: str, text: str) -> str:
    """Return what is said of an id with a fault."""
    return f"{name} is {quoted(text)}; {_EXPECTED}"


def check_ids(frame: pl.DataFrame, name: str, number: str, source: Source, findings: Findings) -> pl.DataFrame:
    """Note the rows whose id in column ``name`` has a fault, and return the others.

    Args:
        frame: has the id as text, and the row's number in the file in column ``number``.
        name: the id's column.
        number: the row number's column.
        source: the file.
        findings: takes the problems.
    """
    distinct = frame[name].unique().to_list()
    faults = {text: fault for text in distinct if (fault := id_fault(text or ""))}
    for kind in sorted(set(faults.values())):
        bad = frame.filter(pl.col(name).is_in([text for text in faults if faults[text] == kind], nulls_equal=True))
        message = id_message(name, bad[name][0] or "")
        findings.bad_rows(source, f"{kind} {name}", bad[number], message)
    return frame.filter(~pl.col(name).is_in(list(faults), nulls_equal=True)) if faults else frame
