"""Settles words that do not go together: compounds, values that are words here, and words of talk."""

from dataclasses import replace

from edge_runtime.conversation.alternatives import with_alternatives
from edge_runtime.conversation.query import Wish
from edge_runtime.conversation.reading import Reading, Said


def join_compounds(reading: Reading) -> None:
    """Read what suits something and the value right after it as one, where titles have both, such as "rain jacket"."""
    said: list[Said] = []
    for one in reading.said:
        before = said[-1] if said else None
        if before is not None and before.is_related and before.at == one.at - 1 and one.polarity == "want":
            text = f"{before.text} {one.text}"
            if before.polarity == "prefer" and one.gap == 0 and reading.lexicon.has_text(text):
                said[-1] = replace(one, wish=Wish(None, (text,)), text=text, words=(text,), is_loose=True)
                continue
        said.append(one)
    reading.said = said


def _join_words(reading: Reading) -> None:
    """Read words of titles that stand side by side as one, where a title has them all."""
    said: list[Said] = []
    for one in reading.said:
        before = said[-1] if said else None
        if before is not None and before.is_loose and one.is_loose and before.at == one.at - 1 and not one.gap:
            text = f"{before.text} {one.text}"
            if before.polarity == one.polarity and reading.lexicon.has_text(text):
                said[-1] = replace(one, wish=Wish(None, (text,)), text=text, words=(text,))
                continue
        said.append(one)
    reading.said = said


def leave_out_accidents(reading: Reading) -> None:
    """Take values for words, or leave out words of titles, where no item is left with all that is wanted.

    "Keratin" in "a hair mask with keratin" is not the brand of that name; "mother" in "mother wants tea" is talk.
    """
    wanted = [one for one in reading.said if one.polarity == "want" and one.joined != "or"]
    loose = [one for one in wanted if one.is_loose]
    if len(wanted) < 2 or not loose or _is_possible(reading):
        return
    if _take_for_words(reading, wanted):
        return
    for one in loose:
        if reading.lexicon.has_all([other.wish for other in wanted if other is not one]):
            loose = [one]
            break
    if len(loose) < len(wanted):
        reading.said = [
            replace(one, polarity="prefer") if one in loose else one
            for one in reading.said
            if one not in loose or _is_asked_for(reading, one)
        ]
        reading.unknown += [one.wish.values[0] for one in loose if not _is_asked_for(reading, one)]


def _is_asked_for(reading: Reading, one: Said) -> bool:
    """Return whether a word of titles is no talk: it follows a "with", or its clause is names and nothing else."""
    before = reading.elements[one.at - 1] if one.at > 0 else None
    if before is not None and before.is_cue("with") and not one.gap:
        return True
    if any(element.is_cue("suffix_not") for element in reading.elements[one.at + 1 : one.at + 2]):
        return True  # "cruelty free"
    first, last = one.at, one.at + 1
    while first > 0 and not reading.elements[first].gap:
        first -= 1
    while last < len(reading.elements) and not reading.elements[last].gap:
        last += 1
    return all(element.meaning is not None for element in reading.elements[first:last])


def _is_possible(reading: Reading) -> bool:
    """Return whether an item has all that is wanted, or one of alternatives."""
    wanted = with_alternatives([one for one in reading.said if one.polarity == "want"], reading.lexicon)
    return reading.lexicon.has_all([one.wish for one in wanted])


def _take_for_words(reading: Reading, wanted: list[Said]) -> bool:
    """Take one value, or all of them, for words of titles if an item is left then; return whether one is."""
    values = [one for one in wanted if not one.is_loose and one.text]
    tries = [[one] for one in reversed(values)] + ([values] if len(values) > 1 else [])
    for taken in tries:
        wishes = [Wish(None, (one.text,)) if one in taken else one.wish for one in wanted]
        if reading.lexicon.has_all(wishes):
            reading.said = [
                replace(one, wish=Wish(None, (one.text,)), is_loose=True) if one in taken else one
                for one in reading.said
            ]
            _join_words(reading)
            return True
    return False
