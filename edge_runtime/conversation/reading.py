"""The state of reading one sentence from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.parsed import Context, Polarity, Problem
from edge_runtime.conversation.query import Limit, Wish
from edge_runtime.conversation.scanning import Element
from edge_runtime.conversation.words import LENGTHS


@dataclass(slots=True)
class Said:
    """A wish with how it was said.

    Attributes:
        wish: the wish.
        polarity: whether it is wanted, excluded or preferred.
        joined: what joins it to the wish before: ``or``, ``,`` or nothing.
        is_loose: whether it is a word of titles, and no value of a fact.
        text: the words; empty if it is the value of an item.
        at: index of its element.
        gap: as in :class:`Token`.
        is_related: whether it only suits what was said.
        words: the words as they were written, of all alternatives; empty for the value of an item.
    """

    wish: Wish
    polarity: Polarity
    joined: str
    is_loose: bool = False
    text: str = ""
    at: int = -1
    gap: int = 0
    is_related: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Corrected:
    """What a sentence asked for before it took some of it back, and whether it ended with a word that nobody knows."""

    said: list[Said]
    limits: list[Limit]
    similar: list[str]
    unlike: list[str]
    problem: Problem | None
    is_unknown: bool


@dataclass(slots=True)
class Reading:
    """The state of reading one sentence."""

    elements: Sequence[Element]
    lexicon: Lexicon
    item_id: Sequence[str]
    context: Context
    polarity: Polarity = "want"
    n_named: int = 0
    said: list[Said] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    similar: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    problem: Problem | None = None
    of_problem: str = ""
    excludes: bool = False
    lacks: list[str] = field(default_factory=list)
    limit: str | None = None
    of_field: str | None = None
    likes: bool = False
    is_alike: bool = False
    loves: bool = False
    joined: str = ""
    item: str | None = None
    item_used: bool = True
    index: int = 0
    liked_at: int = -2
    n_items: int = 0
    compared: str | None = None
    replaced: bool = False
    seen: bool = False
    limited: str | None = None
    corrected: Corrected | None = None
    is_unclear: bool = False
    unclear: list[Wish] = field(default_factory=list)

    def following(self, index: int) -> Element | None:
        """Return the next element that is not without meaning, in the same clause."""
        for element in self.elements[index + 1 :]:
            if element.gap == 2:
                return None
            if not (element.is_skipped or element.is_cue("than")):
                return element
        return None

    def before(self, index: int) -> Element | None:
        """Return the element before an index that is not without meaning."""
        for element in reversed(self.elements[:index]):
            if not element.is_skipped:
                return element
        return None

    def is_number(self, index: int) -> bool:
        """Return whether a number is at an index, if need be behind words without meaning."""
        while index < len(self.elements) and self.elements[index].is_skipped:
            index += 1
        if index >= len(self.elements):
            return False
        element = self.elements[index]
        return element.number is not None or (element.cue is not None and element.cue.number is not None)

    def has(self, *names: str) -> bool:
        """Return whether the sentence has one of some cues."""
        return any(element.is_cue(*names) and element.meaning is None for element in self.elements)

    def price(self) -> str | None:
        """Return the fact that is the price, if the items have one."""
        return "price" if "price" in self.lexicon.numeric else None

    def year(self) -> str | None:
        """Return the fact that is the year, if the items have one."""
        return "year" if "year" in self.lexicon.numeric else None

    def length(self) -> str | None:
        """Return the fact that says how long an item is, if the items have one."""
        return next((name for name in sorted(LENGTHS) if name in self.lexicon.numeric), None)

    def lack(self, field: str) -> None:
        """Note that a fact is asked for which the catalogue does not have."""
        self.lacks.append(field)

    def point(self, position: int) -> None:
        """Take an item of the list as the one that is meant."""
        shown = self.context.shown
        index = len(shown) - 1 if position == -1 else position - 1
        if not 0 <= index < len(shown):
            self.problem, self.of_problem = "no_item", str(position)
            return
        if not shown[index]:  # the catalogue lacks it
            self.problem = "no_item"
            return
        self.mean(shown[index])

    def mean(self, item_id: str) -> None:
        """Take an item as the one that is meant; after a "like", the list should resemble it."""
        self.leave_item()
        self.n_items += 1
        self.item, self.item_used = item_id, False
        if self.likes or self.loves:
            (self.unlike if self.polarity == "not" else self.similar).append(item_id)
            self.item_used, self.likes, self.loves = True, False, False
            self.n_named += 1
            self.liked_at = self.index

    def leave_item(self) -> None:
        """Decide what an item means that was pointed at, and has no "like" and no fact with it."""
        if self.item_used:
            return
        self.item_used = True
        if self.likes and self.item is not None and self.is_alike:
            is_refused = self.polarity == "not" and not self.n_named  # of Chinese, which has the "like" at the end
            (self.unlike if is_refused else self.similar).append(
                self.item
            )  # "the second is nice, show me similar ones"
            self.likes = False
        elif self.polarity == "not" and not self.n_named:
            if self.item is None:
                self.problem = "no_item"
            else:
                self.unlike.append(self.item)
        elif self.likes and self.item is None:
            self.problem = "no_item"

    def end_clause(self) -> None:
        """Begin anew: what was said before has no hold on what follows."""
        self.leave_item()
        self.polarity, self.n_named, self.replaced = "want", 0, False
        self.limit, self.likes, self.loves, self.joined, self.of_field = None, False, False, "", None
