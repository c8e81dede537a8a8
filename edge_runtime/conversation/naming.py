"""Reads values and words of the catalogue, and titles."""

from collections.abc import Sequence
from typing import Final

from edge_runtime.conversation.parsed import Polarity
from edge_runtime.conversation.query import Wish
from edge_runtime.conversation.reading import Reading, Said
from edge_runtime.conversation.scanning import Element

_LONGEST_TITLE: Final = 10
_SEVERAL: Final = 3
"""Minimum number of words that name a title without being most of it."""
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
    if _goes_on(reading, index):
        reading.loves = True
        if used := _title(reading, index):
            return used
        reading.loves = False
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


def _goes_on(reading: Reading, index: int) -> bool:
    """Return whether a name follows a title that is liked, as in "I loved Heat and Alien"."""
    if reading.liked_at < 0 or reading.polarity != "want":
        return False
    between = reading.elements[reading.liked_at + 1 : index]
    is_joined = bool(between) or reading.elements[index].gap == 1
    return is_joined and all(element.is_skipped or element.is_cue("to") for element in between)


def take_named_title(reading: Reading) -> str | None:
    """Return the item of which a sentence names words of the title, and take them for nothing else; or None."""
    for start in range(len(reading.elements)):
        end = start
        while end < len(reading.elements) and _may_name(reading, start, end):
            end += 1
        if sum(len(element.tokens) for element in reading.elements[start:end]) < _SEVERAL:
            continue
        words = " ".join(element.text for element in reading.elements[start:end])
        row = reading.lexicon.title_row(words)
        if row is not None:
            return _take(reading, start, end, row)
    return None


def take_title_before(reading: Reading, end: int) -> str | None:
    """Return the item of which the title ends before an index, as in "Heat type of film"; or None.

    The words of the title are taken for nothing else.
    """
    whole = reading.elements[end - 1].title
    if whole is not None:
        return _take(reading, end - 1, end, whole)
    for start in range(max(0, end - _LONGEST_TITLE), end):
        run = reading.elements[start:end]
        text = " ".join(element.text for element in run)
        row = reading.lexicon.title_row(text) if _may_be_title(run) else None
        if row is not None and reading.lexicon.title_share(row, text) >= _MOST:
            return _take(reading, start, end, row)
    return None


def _take(reading: Reading, start: int, end: int, row: int) -> str:
    """Return the item of a row, whose words between two indices are taken for nothing else."""
    named = {element.shown for element in reading.elements[start:end]}
    reading.said = [one for one in reading.said if not start <= one.at < end]
    reading.unknown = [one for one in reading.unknown if one not in named]
    return reading.item_id[row]


def _may_be_title(run: Sequence[Element]) -> bool:
    """Return whether some elements may be a title: they name something, and one value of a fact alone is that value."""
    names = [element for element in run if element.meaning is not None or element.is_unknown]
    is_value = len(run) == 1 and run[0].meaning is not None and bool(run[0].meaning.fields)
    return bool(names) and not is_value and all(not element.gap for element in run[1:])


def _may_name(reading: Reading, start: int, end: int) -> bool:
    element = reading.elements[end]
    return (element.meaning is not None or element.is_unknown) and (end == start or not element.gap)


def _title(reading: Reading, index: int) -> int:
    """Take the longest run of words that is a title as the item that is meant; return the number of elements."""
    end = index + 1
    whole = reading.elements[index].title
    if whole is not None:
        return _resemble(reading, whole, end) - index
    while end < len(reading.elements) and reading.elements[end].gap == 0 and end - index < _LONGEST_TITLE:
        end += 1
    start = index
    while start and reading.elements[start - 1].is_skipped and reading.elements[start].gap == 0:
        start -= 1
    for last in range(end, index, -1):
        row, words = _row_of(reading, (start, index), last)
        n_words = sum(len(element.tokens) for element in reading.elements[index:last])
        is_whole = not reading.loves and (last - index > 1 or n_words >= _SEVERAL)
        is_whole = is_whole or (row is not None and reading.lexicon.title_share(row, words) >= _MOST)
        if row is not None and is_whole and _is_title(reading, index, last):
            return _resemble(reading, row, last) - index
    return 0


def _resemble(reading: Reading, row: int, end: int) -> int:
    """Let the list resemble an item, or not; return the index after its title."""
    (reading.unlike if reading.polarity == "not" else reading.similar).append(reading.item_id[row])
    reading.likes = reading.loves = False
    reading.n_named += 1
    reading.liked_at = end - 1
    if reading.polarity == "prefer":
        reading.polarity = "want"
    return end


def _row_of(reading: Reading, starts: Sequence[int], last: int) -> tuple[int | None, str]:
    """Return the row of a title and the words that name it: from the first start that gives one."""
    row, words = None, ""
    for start in dict.fromkeys(starts):
        words = " ".join(element.text for element in reading.elements[start:last])
        row = reading.lexicon.title_row(words)
        if row is not None:
            break
    return row, words


def _is_title(reading: Reading, start: int, end: int) -> bool:
    """Return whether a run may be a title: one value of a fact alone is taken for the value."""
    meaning = reading.elements[start].meaning
    return end - start > 1 or meaning is None or not meaning.fields
