"""Whether a title names something only to say that the item has none of it, such as "paraben-free" or "sans parfum"."""

import re
from collections.abc import Sequence
from typing import Final

from edge_runtime.search.words import stem, words_of

_DENIED: Final = ("paraben", "phthalat", "sulfat", "sulphat")
"""Stems of what no title boasts of, so that a list with a denial denies them: "Paraben and Alcohol Free"."""
_LISTED: Final = frozenset({
    *_DENIED, "alcohol", "and", "chemical", "cruelty", "dye", "formaldehyd", "fragranc", "gluten", "oil", "perfum",
    "petrolatum", "silicon", "sls", "toluen",
})  # fmt: skip
"""Stems of words that stand beside them in such a list; beside others a list says little: "coconut, gluten free"."""
_END: Final = re.compile(f" [-\u2013\u2014] (?!{'|'.join((*_DENIED, 'petrolatum'))})|[.!?;:()|~\u2605]", re.IGNORECASE)
"""Marks across which no word denies another, as in "green tea - free brush"; a list may have dashes."""
_AFTER: Final = frozenset({"free", "frei"})
_BEFORE: Final = frozenset({"no", "non", "without", "zero", "ohne", "kein", "keine", "sans", "sin"})
_BEFORE_OF: Final = frozenset({"free of", "free from", "frei von", "libre de"})
_OR: Final = frozenset({"or", "nor", "oder", "ou", "ni", "o"})
_BETWEEN: Final = frozenset({"the", "any", "added"})
_OF_CHINESE: Final = "\u65e0\u96f6\u975e"  # none, zero, non
_NOT_WITH: Final = "\u4e0d\u542b"

DENIALS: Final = (*sorted(_AFTER | _BEFORE), "libre", *_OF_CHINESE, _NOT_WITH)
"""Words without one of which a title denies nothing; Chinese ones begin a pair of characters."""


def lacks(title: str, stems: Sequence[str]) -> bool:
    """Return whether a title has the words with these stems in a row, and denies them wherever it has them."""
    n, is_named = len(stems), False
    for part in _END.split(title):
        words = words_of(part)
        of_part = [stem(word) for word in words]
        for start in range(len(words) - n + 1):
            if of_part[start : start + n] == stems:
                is_named = True
                if not _is_denied(words, start, start + n):
                    return False
    return is_named


def _is_denied(words: Sequence[str], start: int, end: int) -> bool:
    listed = _LISTED if stem(words[start]) in _DENIED else frozenset()
    while end < len(words) and stem(words[end]) in listed:
        end += 1
    if end < len(words) and words[end] in _AFTER:
        return True
    while start > 0:
        before = words[start - 1]
        last_two = words[max(0, start - 2) : start]
        if before in _BEFORE or " ".join(last_two) in _BEFORE_OF:
            return True
        if before[0] in _OF_CHINESE or last_two[0] == _NOT_WITH:
            return True
        if before in _OR:
            start -= 2  # "no parabens or oils"
        elif before in _BETWEEN or stem(before) in listed:
            start -= 1
        else:
            return False
    return False
