"""Sanitize text from data, bundles and users, so that it cannot control a terminal or hide parts of itself.

The module uses the standard library only; training, export and the server import it too.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Final

_UNSAFE: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Unicode categories: control, format (such as text direction), surrogate, and line and paragraph separators."""
_JOINERS: Final = "\u200c\u200d"
"""Required by Persian and many Indic scripts, and by compound emoji."""
_FILLERS: Final = "\u115f\u1160\u3164\uffa0"
"""Hangul fillers: letters by their category, but without a visible form."""


def plain(text: str) -> str:
    """Return a text on one line, with each control, format, separator and filler character as a space.

    Escape sequences lose their escape character, so a title cannot move the cursor, set a colour or rename the window.
    The joiners U+200C and U+200D are kept. Lone surrogates, which cannot be encoded, become U+FFFD.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_safe(char) for char in text)


def is_unsafe(char: str) -> bool:
    """Return whether a character controls a terminal or the direction of text, or is invisible."""
    if char in _FILLERS:
        return True
    return not char.isprintable() and char not in _JOINERS and unicodedata.category(char) in _UNSAFE


def plain_lines(text: str) -> str:
    """Return a text with :func:`plain` applied to each line."""
    return "\n".join(plain(line) for line in text.split("\n"))


def about(facts: Mapping[str, Sequence[str]], n_most: int = 3) -> str:
    """Return up to ``n_most`` facts of an item on one line: brand or director first, then the narrowest category."""
    values_shown: list[str] = []
    for name, values in sorted(facts.items(), key=lambda entry: entry[0] == "categories"):
        values_shown += values[-1:] if name == "categories" else values[:1]
    return plain(", ".join(dict.fromkeys(values_shown[:n_most])))


def _safe(char: str) -> str:
    if not is_unsafe(char):  # private use and characters newer than this Python's tables are safe
        return char
    return "\ufffd" if unicodedata.category(char) == "Cs" else " "
