"""Text from data, bundles and users made fit for a terminal: it can neither steer the terminal nor hide its own parts.

Needs the standard library alone; training, export and the server use it as well.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

_UNSAFE: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Unicode categories: controls, invisible formats such as a change of direction, halves of a pair, line ends."""
_JOINERS: Final = "\u200c\u200d"
"""Persian and many Indian scripts are misspelled without them, and compound emoji fall apart."""


def plain(text: str) -> str:
    """Return a text on one line: a space in place of each control, line end and invisible format.

    Escape sequences lose their escape, so that a title cannot move the cursor, set a colour or rename the window. The
    joiners U+200C and U+200D stay. What no encoding can write (half of a surrogate pair) becomes U+FFFD.
    """
    if text.isprintable():
        return text
    return "".join(_safe(char) for char in text)


def plain_lines(text: str) -> str:
    """Return a text whose line feeds stay, each line as :func:`plain` returns it."""
    return "\n".join(plain(line) for line in text.split("\n"))


def about(facts: Mapping[str, Sequence[str]], n_most: int = 3) -> str:
    """Return a few facts of an item on one line: the brand or director first, then the narrowest categories."""
    chosen: list[str] = []
    for name, values in sorted(facts.items(), key=lambda entry: entry[0] == "categories"):
        chosen += values[-1:] if name == "categories" else values[:1]
    return plain(", ".join(dict.fromkeys(chosen[:n_most])))


def _safe(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    match unicodedata.category(char):
        case "Cs":
            return "\ufffd"
        case category if category in _UNSAFE:
            return " "
        case _:  # private use, and characters newer than this Python's tables
            return char
