"""A conversation: what was said so far, kept in memory only, and the answers to what is said next."""

from collections.abc import Callable, Sequence

from edge_runtime.conversation.answers import Sayings
from edge_runtime.conversation.hearing import Hearing
from edge_runtime.conversation.memory import Memory, State
from edge_runtime.conversation.outcome import Answer, Chip, Lister, Question
from edge_runtime.conversation.parsed import Context
from edge_runtime.conversation.parts import query_of
from edge_runtime.conversation.query import Query
from edge_runtime.conversation.replies import chosen
from edge_runtime.conversation.turn import Turn, chips_of
from edge_runtime.conversation.words import Language, words

__all__ = ["Answer", "Chip", "Conversation", "Lister", "Question"]


class Conversation:
    """What was said so far. Not thread-safe."""

    def __init__(self) -> None:
        self._memory = Memory()
        self._language: Language = "en"

    @property
    def query(self) -> Query:
        """What counts now."""
        return query_of(self._memory.state.parts)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Item ids that were shown before "something else"."""
        return self._memory.state.hidden

    def chips(self, hearing: Hearing) -> tuple[Chip, ...]:
        """Return what counts now, in words of the language of the last sentence."""
        self._memory.forget_unknown(hearing.knows)
        return chips_of(self._memory.state.parts, Sayings(words(self._language), hearing.title))

    def remove(self, chip_id: str) -> bool:
        """Remove a chip; return whether there was one. It can be undone."""
        parts = tuple(part for part in self._memory.state.parts if str(part.id) != chip_id)
        if len(parts) == len(self._memory.state.parts):
            return False
        self._memory.go(State(parts))
        return True

    @property
    def n_changes(self) -> int:
        """Number of changes that were not taken back."""
        return self._memory.n_changes

    def asks(self, text: str, language: Language, hearing: Hearing) -> bool:
        """Return whether a text replies to the question, or asks for something and is no title."""
        self._memory.forget_unknown(hearing.knows)
        if chosen(self._memory.options, text, language) is not None:
            return True
        context = Context(self._memory.shown or (), self._memory.about, hearing.facts)
        return not hearing.is_title(text) and hearing.parse(text, language, context).is_sentence

    def say(
        self,
        text: str,
        language: Language,
        hearing: Hearing,
        lister: Lister,
        explain: Callable[[str], str],
        *,
        shown: Sequence[str] | None = None,
        about: str | None = None,
    ) -> Answer:
        """Return the answer to a sentence.

        Args:
            text: the sentence.
            language: its language.
            hearing: understands sentences about the release in use.
            lister: makes lists.
            explain: returns the reason of an item by its id.
            shown: item ids on the screen; None for those of the last answer. Unknown ones cannot be meant.
            about: id of the item that "this" means, a known one; None for the one that was talked about last, or the
                only one.
        """
        self._language = language
        turn = Turn(self._memory, language, hearing, lister, explain)
        if shown is not None:
            self._memory.shown = tuple(shown)
        self._memory.forget_unknown(hearing.knows)
        if self._memory.shown is None:
            self._memory.shown = tuple(item.item_id for item in lister(self.query, self.hidden))
        if about is not None or self._memory.about not in self._memory.shown:
            only = self._memory.shown[0] if len(self._memory.shown) == 1 else None
            self._memory.about = about if about is not None else only
        answer = turn.answer(text)
        self._memory.shown = tuple(item.item_id for item in answer.items)
        return answer
