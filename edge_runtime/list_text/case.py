"""What a list text may say: the alternatives of each of its lines, which are its grammar.

The first line is an opening; line ``i`` is the item of rank ``i`` with one of its allowed reasons, or without one
where there is none or only one that tells little::

    You keep coming back to “OPI”. What fits:
    1. “OPI Red Shatter” – same maker as your nail polish
    2. “Essie Mint”

So each item of the ranker is there once and in its order, no other one is, and only allowed sentences are. Lines
differ in their number, so no line is one of another item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_runtime.reasons.quoting import clean
from edge_runtime.reasons.words import shorten

TITLE_LENGTH: Final = 40
"""Longest title, in code points."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of the list.

    Attributes:
        item_id: id of the item.
        name: how the text calls the item, cleaned and between quotation marks.
        reasons: the sentences that may be said of it, best first; may be empty.
        is_optional: whether they may be left out, because they tell little.
    """

    item_id: str
    name: str
    reasons: tuple[str, ...]
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class ListCase:
    """Everything that a text about one list may say.

    Attributes:
        openings: the sentences that it may begin with, at least one.
        entries: the items, best first.
        taste: the values that the openings are about.
        style: style of the reasons.
    """

    openings: tuple[str, ...]
    entries: tuple[Entry, ...]
    taste: tuple[str, ...] = ()
    style: str = "short"

    def lines(self) -> tuple[tuple[str, ...], ...]:
        """Return the alternatives of each line, the best reason first; a line without a reason last."""
        first = tuple(f"{_one_line(opening)}\n" for opening in self.openings)
        return (first, *(_lines_of(number, entry) for number, entry in enumerate(self.entries, start=1)))


def shown_title(title: str, item_id: str) -> str:
    """Return how a list text calls an item: by its title, or by its id if the title has nothing to show; cleaned."""
    return shorten(clean(title), TITLE_LENGTH) or shorten(clean(item_id), TITLE_LENGTH) or "?"


def templated(alternatives: Sequence[str], begun: str, seed: int, *, is_opening: bool) -> str:
    """Return a line without a language model: the best one that begins as it was begun.

    The seed varies the opening.
    """
    fitting = [line for line in alternatives if line.startswith(begun)]
    return fitting[seed % len(fitting) if is_opening else 0]


def _lines_of(number: int, entry: Entry) -> tuple[str, ...]:
    item = f"{number}. {_one_line(entry.name)}"
    reasons = dict.fromkeys(_one_line(reason) for reason in entry.reasons)
    lines = tuple(f"{item} \u2013 {reason}\n" for reason in reasons if reason)
    return lines if lines and not entry.is_optional else (*lines, f"{item}\n")


def _one_line(text: str) -> str:
    return " ".join(text.split())
