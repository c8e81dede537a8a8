"""Reads values and words of the catalogue, and titles."""

from collections.abc import Sequence
from typing import Final

from edge_runtime.conversation.parsed import Polarity
from edge_runtime.conversation.query import Wish
from edge_runtime.conversation.reading import Reading, Said

_LONGEST_TITLE: Final = 10
_MOST: Final = 0.5
"""Minimum share of the words of a title that "I love ..." or one word names, or it is about something else."""


def read_name(reading: Reading, index: int) -> int:
    """Read a value or a word of the catalogue, or a title."""
    element = reading.elements[index]
    meaning = element.meaning
    if meaning is None:
        return 1
    if (reading.likes or reading.loves) and (used := _title(reading, index)):
        return used
    wish = _restricted(reading, meaning.wish, meaning.fields, element.text)
    polarity: Polarity = "prefer" if meaning.is_related and reading.polarity == "want" else reading.polarity
    if reading.likes and polarity == "want":
        polarity = "prefer"
    following = reading.elements[index + 1] if index + 1 < len(reading.elements) else None
    is_free = following is not None and following.is_cue("suffix_not") and following.gap == 0
    joined = reading.joined or ("," if element.gap == 1 else "")
    is_loose = wish.field is None and not meaning.fields and len(wish.values) == 1
    words = (element.text if element.is_corrected else element.shown,)
    if is_free and following is not None:
        text = f"{element.text} {following.text}"
        if reading.lexicon.has_text(text):  # the catalogue says so itself
            wish, is_loose, words = Wish(None, (text,)), True, (text,)
        else:
            polarity = "not"
    reading.said.append(
        Said(wish, polarity, joined, is_loose, element.text, index, element.gap, meaning.is_related, words)
    )
    reading.n_named += 1
    reading.joined, reading.limit = "", None
    return 2 if is_free else 1


def _restricted(reading: Reading, wish: Wish, fields: Sequence[str], text: str) -> Wish:
    """Return a wish in the fact that was named before it."""
    name = reading.of_field
    if name is None or name in reading.lexicon.numeric:
        return wish
    if name in fields:
        return Wish(name, wish.values)
    values = reading.lexicon.values_with(name, text)
    return Wish(name, values) if values else wish


def _title(reading: Reading, index: int) -> int:
    """Take the longest run of words that is a title as the item that is meant; return the number of elements."""
    end = index + 1
    while end < len(reading.elements) and reading.elements[end].gap == 0 and end - index < _LONGEST_TITLE:
        end += 1
    start = index
    while start and reading.elements[start - 1].is_skipped and reading.elements[start].gap == 0:
        start -= 1
    for last in range(end, index, -1):
        words = " ".join(element.text for element in reading.elements[start:last])
        row = reading.lexicon.title_row(words)
        is_whole = not reading.loves and last - index > 1
        is_whole = is_whole or (row is not None and reading.lexicon.title_share(row, words) >= _MOST)
        if row is not None and is_whole and _is_title(reading, index, last):
            (reading.unlike if reading.polarity == "not" else reading.similar).append(reading.item_id[row])
            reading.likes = reading.loves = False
            reading.n_named += 1
            reading.liked_at = last - 1
            if reading.polarity == "prefer":
                reading.polarity = "want"
            return last - index
    return 0


def _is_title(reading: Reading, start: int, end: int) -> bool:
    """Return whether a run may be a title: one value of a fact alone is taken for the value."""
    meaning = reading.elements[start].meaning
    return end - start > 1 or meaning is None or not meaning.fields
