"""The typed query that a sentence becomes. It is all that a parser may say: no code, no free text to a list."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

Intent = Literal["filter", "reset", "undo", "why", "surprise", "list", "more", "nothing"]
"""What is asked for: ``filter`` changes the list, ``more`` shows others than those on the screen, ``nothing`` is no
request for a list."""

MAX_VALUES: Final = 32
MAX_PARTS: Final = 32
MAX_TEXT: Final = 1000

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """Values of a fact, of which an item needs one.

    Attributes:
        field: the fact; None for words, all of which have to be in the title or in one fact.
        values: the alternatives, as the catalogue writes them, or words.
    """

    field: Text | None
    values: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=MAX_VALUES)]


class Limit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of a number, such as a price.

    Attributes:
        field: the fact.
        at_least: lower limit, included.
        above: lower limit, excluded.
        at_most: upper limit, included.
        below: upper limit, excluded.
        than_shown: ``less`` or ``more`` than what is shown, to be replaced with a number before it is applied.
    """

    field: Text
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    than_shown: Literal["less", "more"] | None = None


Wishes = Annotated[tuple[Wish, ...], Meta(max_length=MAX_PARTS)]
Ids = Annotated[tuple[Text, ...], Meta(max_length=MAX_PARTS)]


class Query(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one sentence asks for.

    Attributes:
        intent: see :data:`Intent`.
        must: all of these wishes must hold.
        must_not: none of these may hold.
        prefer: items that fulfil these come first.
        limits: limits of numbers, such as the price.
        similar_to: ids of the items that the list should resemble.
        unlike: ids of the items that it should not resemble.
        variety: share of the list to replace with more diverse items, from 0 to 1; None leaves it as it is.
        about: id of the item that a ``why`` asks about, that "cheaper" compares with, or that lacks the value that is
            referred to; None for the best of the list, or all of it.
        replaces: whether new values of a fact replace those said before ("tea instead").
    """

    intent: Intent = "filter"
    must: Wishes = ()
    must_not: Wishes = ()
    prefer: Wishes = ()
    limits: Annotated[tuple[Limit, ...], Meta(max_length=MAX_PARTS)] = ()
    similar_to: Ids = ()
    unlike: Ids = ()
    variety: Annotated[float, Meta(ge=0, le=1)] | None = None
    about: Text | None = None
    replaces: bool = False

    @property
    def changes_list(self) -> bool:
        """Whether it says anything about which items are wanted."""
        return bool(
            self.must
            or self.must_not
            or self.prefer
            or self.limits
            or self.similar_to
            or self.unlike
            or self.variety is not None
        )
