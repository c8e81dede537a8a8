"""What a parser is asked, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from edge_runtime.conversation.query import Query

Polarity = Literal["want", "not", "prefer"]
Problem = Literal["no_item", "no_field", "no_value", "which"]


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
        problem: why a reference has no target: there is no such item, the items lack the fact, or the item has no such
            value; ``which`` if several items may be meant.
        of_problem: the fact that the problem is about, or an empty string.
        excludes: whether the value that a reference means is not wanted.
        is_sentence: whether it has a word of the language that asks for something, unlike words to search for.
    """

    query: Query
    not_understood: tuple[str, ...] = ()
    problem: Problem | None = None
    of_problem: str = ""
    excludes: bool = False
    is_sentence: bool = False


class Parser(Protocol):
    """Turns a sentence into a query."""

    def parse(self, text: str, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        ...
