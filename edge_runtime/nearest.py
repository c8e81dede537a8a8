"""Which items were probably meant by an id that the catalogue lacks: a mistyped id, or a title in place of an id.

The cost is bounded, however large the catalogue is: ids one typing error away are looked up, and beyond that only the
most popular items are compared, the few that share most pairs of letters with the id letter by letter.
"""

import difflib
import heapq
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

N_COMPARED: Final = 5_000
"""Of the most popular items so many are compared."""
_N_PAIRS = 16
_N_CANDIDATES = 24
_LONGEST = 256
_SHORTEST = 4  # one letter of three is too much to be a typing error
_LEAST_ALIKE = 0.7
_ALPHABET = string.ascii_letters + string.digits + "-_.:"


def nearest_items(
    item_id: str,
    names: Sequence[Sequence[str]],
    row_of: Mapping[str, int],
    popular: Sequence[int],
    limit: int = 3,
) -> list[int]:
    """Return the rows of the items whose id, or whose title, is spelled most like ``item_id``, ids first.

    Args:
        item_id: what the catalogue lacks.
        names: the ids of all items, and their titles; a column each.
        row_of: item id to row.
        popular: rows, the most popular first; those after the first ``N_COMPARED`` are not looked at.
        limit: how many at most.
    """
    if not item_id or len(item_id) > _LONGEST:
        return []
    popular = popular[:N_COMPARED]
    found = [row_of[near] for near in _one_error_away(item_id) if near in row_of]
    for column in names:
        found += _most_alike(item_id.lower(), column, popular, limit)
    return list(dict.fromkeys(found))[:limit]


def _one_error_away(word: str) -> Iterator[str]:
    """Yield the spellings with other capitals, and with one letter exchanged, missing, doubled or swapped."""
    yield from (word.lower(), word.upper())
    if len(word) < _SHORTEST:
        return
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        if after:
            yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in _ALPHABET:
            yield before + letter + after[1:]
            yield before + letter + after


def _most_alike(wanted: str, column: Sequence[str], rows: Sequence[int], limit: int) -> list[int]:
    """Return the rows whose text is most like ``wanted``, the best first; none that is not like it."""
    pairs = list(dict.fromkeys(wanted[place : place + 2] for place in range(max(1, len(wanted) - 1))))
    pairs = pairs[:: -(-len(pairs) // _N_PAIRS)]  # of a long text a part of them, spread over all of it

    def shared(row: int) -> int:
        text = column[row].lower()
        return sum(pair in text for pair in pairs)

    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    alike = []
    for row in heapq.nlargest(_N_CANDIDATES, rows, key=shared):
        matcher.set_seq1(column[row].lower()[: 2 * _LONGEST])
        if matcher.quick_ratio() >= _LEAST_ALIKE and (ratio := matcher.ratio()) >= _LEAST_ALIKE:
            alike.append((ratio, row))
    return [row for _, row in heapq.nlargest(limit, alike, key=lambda pair: pair[0])]
