"""Parses sentences by rules over the words of a language and of a catalogue.

The elements of a sentence are read from left to right with a polarity: what is named is wanted, excluded or preferred.
A negation holds until a "but" or the end of a sentence, or, after something was named, a new "with" or "something".
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from edge_runtime.conversation.conclusion import conclude, mean_last
from edge_runtime.conversation.corrections import begin_correction, settle
from edge_runtime.conversation.cues import read_cue
from edge_runtime.conversation.evidence import begins_anew, weighed, without_doubtful
from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.naming import read_name
from edge_runtime.conversation.numbers import read_number
from edge_runtime.conversation.parsed import Context, Parsed, Parser
from edge_runtime.conversation.reading import Reading
from edge_runtime.conversation.references import read_field
from edge_runtime.conversation.scanning import Element, scan
from edge_runtime.conversation.tokens import tokens_of

_COMMA, _STOP = 1, 2
MAX_READINGS: Final = 3
"""Maximum number of readings that a person is asked about."""

__all__ = ["Context", "Parsed", "Parser", "RuleParser"]


class RuleParser:
    """The parser that is always there.

    Args:
        lexicon: of the catalogue and the language.
        item_id: of all items, by row.
    """

    def __init__(self, lexicon: Lexicon, item_id: Sequence[str]) -> None:
        self._lexicon = lexicon
        self._item_id = item_id

    def parse(self, text: str, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        elements = weighed(scan(tokens_of(text), self._lexicon), self._lexicon)
        doubtful = [index for index, element in enumerate(elements) if element.is_doubtful]
        parsed = self._parse(without_doubtful(elements), context)
        if not doubtful or parsed.readings or _does_something(parsed):
            return parsed
        chosen = [doubtful, *([index] for index in doubtful)] if len(doubtful) > 1 else [doubtful]
        found = [self._parse(without_doubtful(elements, but), context) for but in chosen]
        found = [one for one in found if one.query.changes_list and one.problem is None]
        readings = tuple(dict.fromkeys(one.query for one in found))[:MAX_READINGS]
        words = dict(pair for one in reversed(found) for pair in one.words)
        return replace(parsed, readings=readings, words=tuple(words.items()))

    def _parse(self, elements: Sequence[Element], context: Context) -> Parsed:
        return conclude(read(elements, self._lexicon, self._item_id, context))


def read(elements: Sequence[Element], lexicon: Lexicon, item_id: Sequence[str], context: Context) -> Reading:
    """Return what is read in the elements of a sentence, from left to right."""
    reading = Reading(elements, lexicon, item_id, context)
    index = 0
    while index < len(elements):
        reading.index = index
        index += _read(reading, index)
    reading.leave_item()
    settle(reading)
    if reading.is_alike and reading.likes:
        mean_last(reading)
    return reading


def _does_something(parsed: Parsed) -> bool:
    return parsed.query.changes_list or parsed.query.intent not in ("nothing", "filter") or parsed.problem is not None


def _read(reading: Reading, index: int) -> int:
    """Read the element at an index and return how many were used."""
    element = reading.elements[index]
    if element.is_cue("correction"):
        begin_correction(reading, index)
        return 1
    follows = index > 0 and not reading.elements[index - 1].is_cue("correction")
    if follows and (element.gap == _STOP or (element.gap == _COMMA and _is_over(reading, index))):
        reading.end_clause()
    if element.is_unknown:
        reading.unknown.append(element.shown)
        return 1
    if element.is_cue("carrier") and element.gap == 0 and index and reading.elements[index - 1].meaning is not None:
        return 1
    if element.meaning is not None:
        return read_name(reading, index)
    cue = element.cue
    if element.number is not None or (cue is not None and (cue.number or cue.decade)):
        return read_number(reading, index)
    if cue is None:
        return 1
    if cue.position is not None:
        reading.point(cue.position)
        return 1
    if cue.field is not None:
        return read_field(reading, index)
    return read_cue(reading, index)


def _is_over(reading: Reading, index: int) -> bool:
    """Return whether what was said before a comma has no hold on what follows, as in "money is no issue, boots"."""
    excludes_nothing = reading.polarity == "not" and not reading.n_named and reading.item_used
    rest = reading.elements[index:]
    if reading.replaced and reading.n_named:
        return True  # "instead of boots, shoes"
    is_answer = all(element.is_skipped or element.is_cue("not", "with") for element in rest)  # "boots, no"
    return not is_answer and (excludes_nothing or begins_anew(reading.elements, index, reading.lexicon))
