"""Suggests items for an unknown id: a mistyped id, or a title given in place of an id.

The cost is bounded for any catalogue size: ids one typing error away are looked up directly. Beyond that only the most
popular items are considered, and only those that share most letter pairs with the id are compared in full.
"""

import difflib
import heapq
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

N_COMPARED: Final = 5_000
"""Number of most popular items that are compared."""
_N_PAIRS = 16
_N_CANDIDATES = 24
_MAX_LENGTH = 256
_MIN_LENGTH = 4  # one wrong letter of three is too much to be a typing error
_MIN_RATIO = 0.7
_ALPHABET = string.ascii_letters + string.digits + "-_.:"


def nearest_items(
    item_id: str,
    names: Sequence[Sequence[str]],
    row_of: Mapping[str, int],
    popular: Sequence[int],
    limit: int = 3,
) -> list[int]:
    """Return the rows of the items with the id or title closest to ``item_id``, id matches first.

    Args:
        item_id: the unknown id.
        names: the columns to compare with: the ids of all items, and their titles.
        row_of: item id to row.
        popular: rows, most popular first; only the first ``N_COMPARED`` are compared.
        limit: maximum number of rows.
    """
    if not item_id or len(item_id) > _MAX_LENGTH:
        return []
    popular = popular[:N_COMPARED]
    rows = [row_of[near] for near in _one_error_away(item_id) if near in row_of]
    for column in names:
        rows += _closest(item_id.lower(), column, popular, limit)
    return list(dict.fromkeys(rows))[:limit]


def _one_error_away(word: str) -> Iterator[str]:
    """Yield the spellings in other case, and with one letter replaced, removed, inserted or transposed."""
    yield from (word.lower(), word.upper())
    if len(word) < _MIN_LENGTH:
        return
    for index in range(len(word) + 1):
        before, after = word[:index], word[index:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in _ALPHABET:
            yield before + letter + after[1:]
            yield before + letter + after


def _closest(text: str, column: Sequence[str], rows: Sequence[int], limit: int) -> list[int]:
    """Return the rows with the text closest to ``text``, best first; only those above the minimum similarity."""
    pairs = list(dict.fromkeys(text[index : index + 2] for index in range(max(1, len(text) - 1))))
    pairs = pairs[:: -(-len(pairs) // _N_PAIRS)]  # of a long text only some, evenly spread

    def shared(row: int) -> int:
        candidate = column[row].lower()
        return sum(pair in candidate for pair in pairs)

    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(text)
    close = []
    for row in heapq.nlargest(_N_CANDIDATES, rows, key=shared):
        matcher.set_seq1(column[row].lower()[: 2 * _MAX_LENGTH])
        if matcher.quick_ratio() >= _MIN_RATIO and (ratio := matcher.ratio()) >= _MIN_RATIO:
            close.append((ratio, row))
    return [row for _, row in heapq.nlargest(limit, close, key=lambda pair: pair[0])]
