"""What was said so far, kept in memory only."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from edge_runtime.conversation.parts import Parts

MAX_UNDO: Final = 50


@dataclass(frozen=True, slots=True)
class State:
    """What counts: the parts, and item ids that were shown before "something else"."""

    parts: Parts = ()
    hidden: tuple[str, ...] = ()

    def without_unknown(self, knows: Callable[[str], bool]) -> "State":
        """Return the state without items that the catalogue lacks."""
        parts = tuple(part for part in self.parts if part.item_id is None or knows(part.item_id))
        return State(parts, tuple(item_id for item_id in self.hidden if knows(item_id)))


@dataclass(frozen=True, slots=True)
class Option:
    """A reply to a question, what counts after it, and whether it declines what was asked."""

    text: str
    state: State
    is_no: bool = False


class Memory:
    """The state of a conversation.

    Attributes:
        state: what counts now.
        past: what counted before, oldest first.
        options: replies to the question that was asked last.
        asked: its text.
        n_changes: number of changes that were not taken back.
        shown: item ids on the screen, empty where the catalogue lacks the item; None before the first answer.
        about: id of the item that was talked about last, or None.
    """

    def __init__(self) -> None:
        self.state = State()
        self.past: list[State] = []
        self.options: tuple[Option, ...] = ()
        self.asked = ""
        self.n_changes = 0
        self.shown: tuple[str, ...] | None = None
        self.about: str | None = None
        self._n_chips = 0

    def forget_unknown(self, knows: Callable[[str], bool]) -> None:
        """Forget items that the catalogue lacks, such as after a newer release; the others keep their positions."""
        self.state = self.state.without_unknown(knows)
        self.past = [state.without_unknown(knows) for state in self.past]
        self.options = tuple(replace(option, state=option.state.without_unknown(knows)) for option in self.options)
        if self.shown:
            shown = tuple(item_id if knows(item_id) else "" for item_id in self.shown)
            self.shown = shown if any(shown) else None
        if self.about is not None and not knows(self.about):
            self.about = None

    def go(self, state: State) -> None:
        """Go over to another state, so that it can be undone."""
        self.past = [*self.past, self.state][-MAX_UNDO:]
        self.state = self._numbered(state)
        self.options = ()
        self.n_changes += 1

    def undo(self) -> bool:
        """Go back to the state before; return whether there was one."""
        if not self.past:
            return False
        self.state = self.past.pop()
        self.n_changes -= 1
        return True

    def _numbered(self, state: State) -> State:
        parts = []
        for part in state.parts:
            if not part.id:
                self._n_chips += 1
            parts.append(part if part.id else replace(part, id=self._n_chips))
        return State(tuple(parts), state.hidden)
