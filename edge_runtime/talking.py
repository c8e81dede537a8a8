"""The conversation about a recommender's lists."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge_runtime.arguments import check_string
from edge_runtime.explained import Explained
from edge_runtime.item_ids import checked_ids
from edge_runtime.lists import check_k

if TYPE_CHECKING:
    from edge_runtime.conversation.decider import Decider
    from edge_runtime.conversation.hearing import Hearing
    from edge_runtime.conversation.talk import Answer, Chip
    from edge_runtime.opened import OpenRelease


class Talking(Explained):
    """Answers what a person says about the lists."""

    def say(
        self,
        text: str,
        *,
        k: int = 10,
        language: str = "en",
        shown: Sequence[str] | None = None,
        about: str | None = None,
    ) -> "Answer":
        """Say in words what is wanted; return the list, with an answer in words (:mod:`edge_runtime.conversation`).

        What is said is kept in memory, as :attr:`chips`, until it is taken back, :meth:`forget` or :meth:`close`. What
        contradicts something said before is asked about; what is not understood is said and changes nothing. The
        history is not changed. The first call builds an index.

        Args:
            text: a sentence; only its first 300 characters are used.
            k: number of items.
            language: ``en``, ``de``, ``fr``, ``es`` or ``zh``.
            shown: ids of the items on the screen, which "the second" is one of; one that the catalogue lacks keeps its
                place, but cannot be meant. [default: the list of the last answer]
            about: id of the item that "this" is. [default: the one that was talked about last]

        Raises:
            TypeError: the text or ``about`` is no string, or ``shown`` no sequence of strings.
            ValueError: there is no such language, or ``k`` is not positive.
            UnknownItemError: the catalogue does not have the item ``about``; what was said stays as it was.
        """
        from edge_runtime.conversation.talk import Conversation
        from edge_runtime.conversation.words import checked_language

        check_string("text", text, "what is wanted, such as 'something without perfume'")
        spoken = checked_language(language)
        check_k(k)
        if about is not None:
            check_string("about", about, "the id of the item that is talked about")
        with self._talking, self._timed("say"):
            release = self._in_use()
            if about is not None:
                release.row(about)
            if self._conversation is None:
                self._conversation = Conversation()
            past = release.past_of(None)
            return self._conversation.say(
                text,
                spoken,
                self._hearing(release),
                lambda query, hidden: release.by_query(past, k, query, hidden),
                lambda item_id: self.explain(item_id, language=spoken).text,
                shown=None if shown is None else checked_ids("shown", shown),
                about=about,
            )

    def asks(self, text: str, *, language: str = "en") -> bool:
        """Return whether :meth:`say` is the right call for a line of text, and not :meth:`search`.

        It is if the line replies to a question, or asks for something, such as "cheaper"; not if it only names
        something, or if it is a title.

        Raises:
            TypeError: the text is no string.
            ValueError: there is no such language.
        """
        from edge_runtime.conversation.talk import Conversation
        from edge_runtime.conversation.words import checked_language

        check_string("text", text, "a line that was typed")
        spoken = checked_language(language)
        with self._talking:
            return (self._conversation or Conversation()).asks(text, spoken, self._hearing(self._in_use()))

    def _hearing(self, release: "OpenRelease") -> "Hearing":
        """Return what understands sentences, with the language model if it is to parse."""
        hearing = release.hearing()
        hearing.parser = self._parser
        hearing.decide = None if self._parser == "rules" else self._decider()
        return hearing

    def _decider(self) -> "Decider | None":
        """Return what asks the language model about sentences; None for a bundle without one trained for it."""
        from edge_runtime.conversation.decider import Decider
        from edge_runtime.conversation.decisions import LAYOUT

        with self._explaining:
            found = self._explainer_in_use().writer_for(LAYOUT)
        if found is None:
            self._asked = None
        elif self._asked is None or self._asked.writer is not found[0]:
            self._asked = Decider(*found)
        return self._asked

    @property
    def parses_with_model(self) -> bool:
        """Whether a language model that was trained for it parses English sentences, if ``parser`` asks for it."""
        with self._talking:
            return self._hearing(self._in_use()).decide is not None

    @property
    def chips(self) -> "tuple[Chip, ...]":
        """What was said with :meth:`say` and counts now, in the language of the last sentence."""
        with self._talking:
            release = self._in_use()
            return () if self._conversation is None else self._conversation.chips(release.hearing())

    @property
    def n_changes(self) -> int:
        """How many changes :meth:`say` of "undo" can take back."""
        with self._talking:
            self._in_use()
            return 0 if self._conversation is None else self._conversation.n_changes

    def remove_chip(self, chip_id: str) -> bool:
        """Take back one thing that was said; return whether it counted. :meth:`say` of "undo" brings it back."""
        with self._talking:
            self._in_use()
            return self._conversation is not None and self._conversation.remove(chip_id)
