"""What a conversation gives back: an answer with chips, a question and the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_runtime.conversation.parts import Kind
from edge_runtime.conversation.query import Query
from edge_runtime.recommendation import Recommendation


@dataclass(frozen=True, slots=True)
class Chip:
    """One thing that was said, to be shown with a button that removes it.

    Attributes:
        id: for :meth:`Recommender.remove_chip`.
        text: in a few words, those that were said where they mean many values.
        kind: what it does.
        details: all that it stands for, to be shown on demand; empty if ``text`` says it.
    """

    id: str
    text: str
    kind: Kind
    details: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What only the person can decide: a contradiction, an unclear reference, or whether a doubtful word is meant.

    Attributes:
        text: the question.
        options: the answers; say one of them, or "the first". Another sentence instead drops the question.
    """

    text: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a sentence.

    Attributes:
        text: in words: what is new, and not all that counts.
        understood: what the sentence asked for.
        not_understood: the words that were not understood, as written; they changed nothing.
        chips: all that counts now.
        items: the list.
        question: what is to be decided before the sentence counts, or None.
        is_sentence: whether the text asks for something, unlike words to search for.
    """

    text: str
    understood: Query
    not_understood: tuple[str, ...]
    chips: tuple[Chip, ...]
    items: list[Recommendation]
    question: Question | None = None
    is_sentence: bool = True


class Lister(Protocol):
    """Makes the list of a query."""

    def __call__(self, query: Query, hidden: Sequence[str]) -> list[Recommendation]:
        """Return the best items by a query without some item ids."""
        ...
