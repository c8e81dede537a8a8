"""Reads the name of a fact, and the value of an item that it refers to, such as "the brand of the third"."""

from edge_runtime.conversation.cues import exclude
from edge_runtime.conversation.parsed import Polarity
from edge_runtime.conversation.query import Wish
from edge_runtime.conversation.reading import Reading, Said


def read_field(reading: Reading, index: int) -> int:
    """Read the name of a fact: of the item that is meant, or of the value that follows."""
    element = reading.elements[index]
    name = element.cue.field if element.cue is not None else None
    following = reading.following(index)
    before = reading.before(index)
    if name is None or name not in reading.lexicon.field_names:
        is_meant = following is None or following.is_unknown
        if name is not None and (is_meant or (before is not None and before.is_cue("this", "same", "other"))):
            reading.lack(name)
        return 1
    if used := _of_title(reading, index, name):
        return used
    is_other = before is not None and before.is_cue("other")
    if following is not None and following.meaning is not None:
        reading.of_field = name
        if is_other:
            exclude(reading, index)
        return 1
    pointed = _pointed_after(reading, index)
    is_reference = not reading.item_used or (before is not None and before.is_cue("this", "same", "other"))
    if name in reading.lexicon.numeric or not (is_reference or pointed):
        reading.of_field = name
        return 1
    _refer(reading, name, is_other=is_other)
    return 1 + pointed


def _of_title(reading: Reading, index: int, name: str) -> int:
    """Read the title in "the director of Jaws"; return the number of elements used, 0 if there is none."""
    end = index + 1
    while end < len(reading.elements) and (reading.elements[end].is_skipped or reading.elements[end].is_cue("with")):
        end += 1
    if end == index + 1 or end == len(reading.elements) or not reading.elements[index + 1].is_cue("with"):
        return 0
    meaning = reading.elements[end].meaning
    row = None if meaning is None or meaning.fields else reading.lexicon.title_row(reading.elements[end].text)
    if row is None:
        return 0
    reading.item = reading.item_id[row]
    _refer(reading, name, is_other=False)
    return end + 1 - index


def _pointed_after(reading: Reading, index: int) -> int:
    """Take the item that follows, as in "the brand of the third"; return the number of elements used."""
    for offset, element in enumerate(reading.elements[index + 1 : index + 5], start=1):
        if element.gap:
            break  # "not that brand, the last thing I had ..."
        position = _position_of(reading, index + offset)
        if position is not None:
            reading.item_used = True
            reading.point(position)
            reading.item_used = True
            return offset
        if element.is_cue("this") and reading.context.about is not None:
            reading.item = reading.context.about
            return offset
        if not (element.is_skipped or element.is_cue("like", "than", "with", "number_of")):
            break
    return 0


def _position_of(reading: Reading, index: int) -> int | None:
    """Return the position in the list that an element names, such as "third", or the 2 of "number 2"; or None."""
    element, before = reading.elements[index], reading.elements[index - 1]
    if element.cue is not None and element.cue.position is not None:
        return element.cue.position
    value = element.value
    is_counted = before.is_cue("number_of") and value is not None and value.is_integer()
    return int(value) if is_counted and value is not None else None


def _refer(reading: Reading, name: str, *, is_other: bool) -> None:
    item = reading.item or reading.context.about
    reading.item_used = True
    if item is None and is_other and any(one.polarity == "not" and one.wish.field == name for one in reading.said):
        return  # "no Aster, show me other brands"
    if item is None:
        reading.problem, reading.of_problem = "which", name
        reading.excludes = is_other or reading.polarity == "not"
        return
    values = reading.context.facts(item).get(name, [])
    if not values:
        reading.problem, reading.of_problem = "no_value", name
        return
    polarity: Polarity = "not" if is_other or reading.polarity == "not" else reading.polarity
    reading.said.append(Said(Wish(name, tuple(values)), polarity, ""))
    reading.n_named += 1
