"""What a parser is asked, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from edge_runtime.conversation.query import Query, Wish

Polarity = Literal["want", "not", "prefer"]
Problem = Literal["no_item", "no_value", "which"]


@dataclass(frozen=True, slots=True)
class Context:
    """What a sentence may refer to.

    Attributes:
        shown: item ids of the list on the screen, best first.
        about: id of the item that was talked about last, or None.
        facts: returns the facts of an item by its id.
    """

    shown: Sequence[str]
    about: str | None
    facts: Callable[[str], dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser made of a sentence.

    Attributes:
        query: what was understood.
        not_understood: the words that were not, as written.
        problem: why a reference has no target: there is no such item, or the item has no such value; ``which`` if
            several items may be meant.
        of_problem: the fact that the problem is about, or the position at which there is no item, or an empty string.
        excludes: whether the value that a reference means is not wanted.
        is_sentence: whether it has a word of the language that asks for something, unlike words to search for.
        readings: what it may ask for where the evidence is weak; to be asked about, while ``query`` does nothing.
        words: wishes with the words that said them.
        lacks: names of facts that it asks for and the catalogue does not have.
    """

    query: Query
    not_understood: tuple[str, ...] = ()
    problem: Problem | None = None
    of_problem: str = ""
    excludes: bool = False
    is_sentence: bool = False
    readings: tuple[Query, ...] = ()
    words: tuple[tuple[Wish, tuple[str, ...]], ...] = ()
    lacks: tuple[str, ...] = ()


class Parser(Protocol):
    """Turns a sentence into a query."""

    def parse(self, text: str, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        ...
