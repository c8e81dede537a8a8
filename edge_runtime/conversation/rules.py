"""Parses sentences by rules over the words of a language and of a catalogue.

The elements of a sentence are read from left to right with a polarity: what is named is wanted, excluded or preferred.
A negation holds until a "but" or the end of a sentence, or, after something was named, a new "with" or "something".
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

import msgspec

from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.query import Intent, Limit, Query, Wish
from edge_runtime.conversation.scanning import Element, scan
from edge_runtime.conversation.tokens import tokens_of

Polarity = Literal["want", "not", "prefer"]
Problem = Literal["no_item", "no_field", "no_value", "which"]

_AROUND: Final = 0.2
_VARIETY: Final = 0.5
_SURPRISE: Final = 0.8
_FIRST_YEAR, _LAST_YEAR = 1800, 2100
_INTENTS: Final[tuple[Intent, ...]] = ("why", "surprise", "more", "list")
_LIMITS: Final = {
    "below": ("below", None), "at_most": ("at_most", None), "above": ("above", None), "at_least": ("at_least", None),
    "before": ("below", "year"), "after": ("above", "year"), "since": ("at_least", "year"), "around": ("around", None),
}  # fmt: skip


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


class RuleParser:
    """The parser that is always there.

    Args:
        lexicon: of the catalogue and the language.
    """

    def __init__(self, lexicon: Lexicon, item_id: Sequence[str]) -> None:
        self._lexicon = lexicon
        self._item_id = item_id

    def parse(self, text: str, context: Context) -> Parsed:
        """Return what a sentence asks for."""
        elements = scan(tokens_of(text), self._lexicon)
        return _Reading(elements, self._lexicon, self._item_id, context).result()


@dataclass(slots=True)
class _Said:
    """A wish with how it was said.

    Attributes:
        wish: the wish.
        polarity: as in the module's description.
        joined: what joins it to the wish before: ``or``, ``,`` or nothing.
        is_loose: whether it is a word of titles, and no value of a fact.
    """

    wish: Wish
    polarity: Polarity
    joined: str
    is_loose: bool = False


@dataclass(slots=True)
class _Reading:
    """The state of reading one sentence."""

    elements: Sequence[Element]
    lexicon: Lexicon
    item_id: Sequence[str]
    context: Context
    polarity: Polarity = "want"
    n_named: int = 0
    said: list[_Said] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    similar: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    problem: Problem | None = None
    of_problem: str = ""
    excludes: bool = False
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

    def result(self) -> Parsed:
        """Read all elements and return the result."""
        index = 0
        while index < len(self.elements):
            self.index = index
            index += self._read(index)
        self._leave_item()
        if self.is_alike and self.likes:
            self._mean_last()
        return self._parsed()

    # Elements

    def _read(self, index: int) -> int:
        """Read the element at an index and return how many were used."""
        element = self.elements[index]
        if element.gap == 2 and index:
            self._end_clause()
        if element.is_unknown:
            self.unknown.append(element.shown)
            return 1
        if element.is_cue("carrier") and element.gap == 0 and index and self.elements[index - 1].meaning is not None:
            return 1
        if element.meaning is not None:
            return self._name(index)
        cue = element.cue
        if element.number is not None or (cue is not None and (cue.number or cue.decade)):
            return self._number(index)
        if cue is None:
            return 1
        if cue.position is not None:
            self._point(cue.position)
            return 1
        if cue.field is not None:
            return self._field(index)
        return self._cue(index)

    def _cue(self, index: int) -> int:
        element = self.elements[index]
        if element.is_cue(*_LIMITS) and self._is_number(index + 1):
            return self._begin_limit(index)
        for names, action in _ACTIONS:
            if element.is_cue(*names):
                return action(self, index)
        return 1

    def _is_number(self, index: int) -> bool:
        """Return whether a number is at an index, if need be behind words without meaning."""
        while index < len(self.elements) and self.elements[index].is_skipped:
            index += 1
        if index >= len(self.elements):
            return False
        element = self.elements[index]
        return element.number is not None or (element.cue is not None and element.cue.number is not None)

    def _end_clause(self) -> None:
        self._leave_item()
        self.polarity, self.n_named = "want", 0
        self.limit, self.likes, self.loves, self.joined, self.of_field = None, False, False, "", None

    def _exclude(self, index: int) -> int:
        self.loves = False
        following = self.elements[index + 1] if index + 1 < len(self.elements) else None
        is_last = following is None or following.gap > 0
        if is_last and self.said and self.n_named and self.polarity != "not":
            self.said[-1].polarity = "not"  # "boots, no"
            return 1
        self.polarity, self.n_named, self.joined = "not", 0, ""
        return 1

    def _want(self, index: int) -> int:
        if self.polarity == "want" or self.n_named:
            if self.polarity == "not":
                self._leave_item()
            self.polarity, self.n_named = "want", 0
        if self.elements[index].is_cue("between"):
            self.limit = "between"
        self.of_field = None
        return 1

    def _turn(self, index: int) -> int:
        self._leave_item()
        self.polarity, self.n_named, self.likes, self.joined = "want", 0, False, ""
        return 1

    def _prefer(self, index: int) -> int:
        if self.polarity == "not" and not self.n_named:
            return 1  # "no more boots", "I don't like boots"
        self.loves = self.elements[index].is_cue("love")
        self.polarity, self.n_named = "prefer", 0
        return 1

    def _only(self, index: int) -> int:
        self.polarity, self.n_named = "want", 0
        return 1

    def _like(self, index: int) -> int:
        if self.elements[index].is_cue("unlike"):
            self.polarity, self.n_named = "not", 0
        self.likes, self.is_alike = True, self.elements[index].is_cue("alike")
        return 1

    def _or(self, index: int) -> int:
        self.joined = "or"
        self.likes = self.likes or self.liked_at == index - 1  # "like this or that"
        return 1

    def _than(self, index: int) -> int:
        if self.polarity == "prefer" and self.n_named:
            self.polarity, self.n_named = "not", 0
        return 1

    def _relative(self, index: int) -> int:
        element = self.elements[index]
        of_year = element.is_cue("newer", "older")
        name = self._year() if of_year else self._price()
        if name is None:
            self.unknown.append(element.shown)
        else:
            less = element.is_cue("less", "older") != (self.polarity == "not" and not self.n_named)
            self.limits.append(Limit(name, than_shown="less" if less else "more"))
        return 1

    def _begin_limit(self, index: int) -> int:
        element = self.elements[index]
        if self.polarity == "prefer" and self.n_named and not self._is_number(index + 1):
            self.polarity, self.n_named = "not", 0  # "I prefer tea over coffee"
            return 1
        self.limit = next(name for name in ("between", *_LIMITS) if element.is_cue(name))
        return 1

    # Items

    def _point(self, position: int) -> None:
        """Take an item of the list as the one that is meant."""
        shown = self.context.shown
        index = len(shown) - 1 if position == -1 else position - 1
        if not 0 <= index < len(shown):
            self.problem = "no_item"
            return
        self._mean(shown[index])

    def _this(self, index: int) -> int:
        """Take the item that was talked about last, unless a fact follows, such as in "that brand"."""
        following = self._next(index)
        cue = None if following is None else following.cue
        if cue is not None and (cue.field is not None or cue.position is not None):
            return 1
        if self.context.about is not None:
            self._mean(self.context.about)
        elif self.likes or self.polarity == "not":
            self.item_used = False
            self.item = None
        return 1

    def _mean(self, item_id: str) -> None:
        self._leave_item()
        self.n_items += 1
        self.item, self.item_used = item_id, False
        if self.likes or self.loves:
            (self.unlike if self.polarity == "not" else self.similar).append(item_id)
            self.item_used, self.likes, self.loves = True, False, False
            self.n_named += 1
            self.liked_at = self.index

    def _mean_last(self) -> None:
        """Take the item of the sentence, or the one that was talked about last, for "something similar"."""
        item = self.item or self.context.about
        if item is not None:
            self.similar.append(item)
        elif not (self.said or self.limits or self.similar):
            self.problem = "no_item"

    def _leave_item(self) -> None:
        """Decide what an item means that was pointed at, and has no "like" and no fact with it."""
        if self.item_used:
            return
        self.item_used = True
        if self.likes and self.item is not None and self.is_alike:
            self.similar.append(self.item)  # "the second is nice, show me similar ones"
            self.likes = False
        elif self.polarity == "not" and not self.n_named:
            if self.item is None:
                self.problem = "no_item"
            else:
                self.unlike.append(self.item)
        elif self.likes and self.item is None:
            self.problem = "no_item"

    def _field(self, index: int) -> int:
        """Read the name of a fact: of the item that is meant, or of the value that follows."""
        element = self.elements[index]
        name = element.cue.field if element.cue is not None else None
        following = self._next(index)
        before = self._before(index)
        if name is None or name not in self.lexicon.field_names:
            if before is not None and before.is_cue("this", "same", "other"):
                self.problem, self.of_problem = "no_field", element.shown
            return 1
        if used := self._of_title(index, name):
            return used
        is_other = before is not None and before.is_cue("other")
        if following is not None and following.meaning is not None:
            self.of_field = name
            if is_other:
                self._exclude(index)
            return 1
        pointed = self._pointed_after(index)
        is_reference = not self.item_used or (before is not None and before.is_cue("this", "same", "other"))
        if name in self.lexicon.numeric or not (is_reference or pointed):
            self.of_field = name
            return 1
        self._refer(name, is_other=is_other)
        return 1 + pointed

    def _of_title(self, index: int, name: str) -> int:
        """Read the title in "the director of Jaws"; return the number of elements used, 0 if there is none."""
        end = index + 1
        while end < len(self.elements) and (self.elements[end].is_skipped or self.elements[end].is_cue("with")):
            end += 1
        if end == index + 1 or end == len(self.elements) or not self.elements[index + 1].is_cue("with"):
            return 0
        meaning = self.elements[end].meaning
        row = None if meaning is None or meaning.fields else self.lexicon.title_row(self.elements[end].text)
        if row is None:
            return 0
        self.item = self.item_id[row]
        self._refer(name, is_other=False)
        return end + 1 - index

    def _pointed_after(self, index: int) -> int:
        """Take the item that follows, as in "the brand of the third"; return the number of elements used."""
        for offset, element in enumerate(self.elements[index + 1 : index + 5], start=1):
            if element.cue is not None and element.cue.position is not None:
                self.item_used = True
                self._point(element.cue.position)
                self.item_used = True
                return offset
            if element.is_cue("this") and self.context.about is not None:
                self.item = self.context.about
                return offset
            if not (element.is_skipped or element.is_cue("like", "than", "with", "number_of")):
                break
        return 0

    def _refer(self, name: str, *, is_other: bool) -> None:
        item = self.item or self.context.about
        self.item_used = True
        if item is None:
            self.problem, self.of_problem = "which", name
            self.excludes = is_other or self.polarity == "not"
            return
        values = self.context.facts(item).get(name, [])
        if not values:
            self.problem, self.of_problem = "no_value", name
            return
        polarity: Polarity = "not" if is_other or self.polarity == "not" else self.polarity
        self.said.append(_Said(Wish(name, tuple(values)), polarity, ""))
        self.n_named += 1

    # Values

    def _name(self, index: int) -> int:
        """Read a value or a word of the catalogue, or a title."""
        element = self.elements[index]
        meaning = element.meaning
        if meaning is None:
            return 1
        if (self.likes or self.loves) and (used := self._title(index)):
            return used
        wish = self._restricted(meaning.wish, meaning.fields, element.text)
        polarity: Polarity = "prefer" if meaning.is_related and self.polarity == "want" else self.polarity
        if self.likes and polarity == "want":
            polarity = "prefer"
        following = self.elements[index + 1] if index + 1 < len(self.elements) else None
        is_free = following is not None and following.is_cue("suffix_not") and following.gap == 0
        joined = self.joined or ("," if element.gap == 1 else "")
        is_loose = wish.field is None and not meaning.fields and len(wish.values) == 1
        self.said.append(_Said(wish, "not" if is_free else polarity, joined, is_loose))
        self.n_named += 1
        self.joined, self.limit = "", None
        return 2 if is_free else 1

    def _restricted(self, wish: Wish, fields: Sequence[str], text: str) -> Wish:
        """Return a wish in the fact that was named before it."""
        name = self.of_field
        if name is None or name in self.lexicon.numeric:
            return wish
        if name in fields:
            return Wish(name, wish.values)
        values = self.lexicon.values_with(name, text)
        return Wish(name, values) if values else wish

    def _title(self, index: int) -> int:
        """Take the longest run of words that is a title as the item that is meant; return the number of elements."""
        end = index + 1
        while end < len(self.elements) and self.elements[end].gap == 0 and end - index < _LONGEST_TITLE:
            end += 1
        start = index
        while start and self.elements[start - 1].is_skipped and self.elements[start].gap == 0:
            start -= 1
        for last in range(end, index, -1):
            words = " ".join(element.text for element in self.elements[start:last])
            row = self.lexicon.title_row(words)
            if row is not None and self._is_title(index, last):
                (self.unlike if self.polarity == "not" else self.similar).append(self.item_id[row])
                self.likes = self.loves = False
                self.n_named += 1
                self.liked_at = last - 1
                if self.polarity == "prefer":
                    self.polarity = "want"
                return last - index
        return 0

    def _is_title(self, start: int, end: int) -> bool:
        """Return whether a run may be a title: one value of a fact alone is taken for the value."""
        meaning = self.elements[start].meaning
        return end - start > 1 or meaning is None or not meaning.fields

    # Numbers

    def _number(self, index: int) -> int:
        """Read a number: an item of the list, a decade, or a limit."""
        element, before = self.elements[index], self._before(index)
        if element.cue is not None and element.cue.decade is not None:
            return self._years(element.cue.decade, element.cue.decade + 9)
        value = element.number if element.number is not None else (element.cue.number if element.cue else None)
        if value is None:
            return 1
        following = self.elements[index + 1] if index + 1 < len(self.elements) else None
        if following is not None and following.is_cue("decade") and following.gap == 0 and value % 10 == 0:
            first = int(value) if value >= _FIRST_YEAR else 1900 + int(value)
            return self._years(first, first + 9) + 1
        is_pointed = before is not None and before.is_cue("number_of", "why")
        is_pointed |= self.polarity == "not" and not self.n_named and self.limit is None and self._next(index) is None
        if is_pointed or (self.likes and self.limit is None):
            self._point(int(value))
            return 1
        return self._limit(index, value)

    def _years(self, first: int, last: int) -> int:
        name = self._year()
        if name is None:
            self.unknown.append(str(first))
        else:
            before = self.limits[-1] if self.limits else None
            if (
                before is not None
                and before.field == name
                and before.at_least is not None
                and before.at_most is not None
            ):
                del self.limits[-1]  # "from the 80s or 90s"
                first, last = min(first, int(before.at_least)), max(last, int(before.at_most))
            self.limits.append(Limit(name, at_least=float(first), at_most=float(last)))
        self.limit = None
        return 1

    def _limit(self, index: int, value: float) -> int:
        """Read a number with what limits it, before or after: "under 30", "30 or less", "20 to 40"."""
        element = self.elements[index]
        used, has_currency = 1, self._has_currency(index)
        while index + used < len(self.elements) and self.elements[index + used].is_cue("currency"):
            used += 1
        following = self.elements[index + used] if index + used < len(self.elements) else None
        other = self._number_after_to(index + used)
        kind = self.limit
        if other is not None and kind not in ("below", "at_most", "before"):
            low, high = sorted((value, other))
            self._add_limit(self._number_field(low, None, has_currency), element, at_least=low, at_most=high)
            self.limit = None
            used += 2
            while index + used < len(self.elements) and self.elements[index + used].is_cue("currency", "between"):
                used += 1
            return used
        if kind in (None, "between") and following is not None and following.gap == 0 and following.is_cue(*_LIMITS):
            kind = next(name for name in _LIMITS if following.is_cue(name))
            used += 1
        self.limit = None
        return self._one_limit(element, value, kind, used, has_currency=has_currency)

    def _one_limit(self, element: Element, value: float, kind: str | None, used: int, *, has_currency: bool) -> int:
        if kind in _LIMITS:
            operator, of = _LIMITS[kind]
            name = self._number_field(value, of, has_currency)
            if operator == "around":
                wide = 0 if name == self._year() else _AROUND * value
                self._add_limit(name, element, at_least=value - wide, at_most=value + wide)
                return used
            if self.polarity == "not" and not self.n_named:
                operator = {"below": "at_least", "at_most": "above", "above": "at_most", "at_least": "below"}[operator]
            self._add_limit(name, element, **{operator: value})
        elif has_currency:
            self._add_limit(self._price(), element, at_most=value)
        elif _FIRST_YEAR <= value <= _LAST_YEAR and self._year() is not None:
            self._add_limit(self._year(), element, at_least=value, at_most=value)
        elif kind == "between" and self._price() is not None and element.cue is None:
            self._add_limit(self._price(), element, at_least=value)
        elif element.cue is None:
            self._text(element)
        return used

    def _text(self, element: Element) -> None:
        """Take a number as a word of a title, such as that of "SPF 50"."""
        if self.lexicon.has_text(element.text):
            before = self.said[-1] if self.said else None
            if before is not None and before.wish.field is None and len(before.wish.values) == 1:
                text = f"{before.wish.values[0]} {element.text}"
                if self.lexicon.has_text(text):
                    self.said[-1] = replace(before, wish=Wish(None, (text,)))
                    return
        self.unknown.append(element.shown)

    def _add_limit(self, name: str | None, element: Element, **limits: float) -> None:
        if name is None:
            self.unknown.append(element.shown)
        else:
            self.limits.append(msgspec.structs.replace(Limit(name), **limits))

    def _number_field(self, value: float, of: str | None, has_currency: bool) -> str | None:
        if self.of_field in self.lexicon.numeric:
            return self.of_field
        year = self._year()
        if year is not None and not has_currency and (of == "year" or _FIRST_YEAR <= value <= _LAST_YEAR):
            return year
        return self._price()

    def _number_after_to(self, index: int) -> float | None:
        """Return the second number of "20 to 40", or None."""
        if index + 1 >= len(self.elements) or not self.elements[index].is_cue("to"):
            return None
        element = self.elements[index + 1]
        return element.number if element.number is not None else (element.cue.number if element.cue else None)

    def _has_currency(self, index: int) -> bool:
        around = self.elements[max(0, index - 1) : index + 2]
        return any(element.is_cue("currency") for element in around)

    def _price(self) -> str | None:
        return "price" if "price" in self.lexicon.numeric else None

    def _year(self) -> str | None:
        return "year" if "year" in self.lexicon.numeric else None

    # Neighbours and the result

    def _next(self, index: int) -> Element | None:
        """Return the next element that is not without meaning, in the same clause."""
        for element in self.elements[index + 1 :]:
            if element.gap == 2:
                return None
            if not (element.is_skipped or element.is_cue("than")):
                return element
        return None

    def _before(self, index: int) -> Element | None:
        for element in reversed(self.elements[:index]):
            if not element.is_skipped:
                return element
        return None

    def _parsed(self) -> Parsed:
        self._leave_out_accidents()
        must, must_not, prefer = self._wishes()
        query = Query(
            must=must,
            must_not=must_not,
            prefer=prefer,
            limits=tuple(one for one in self.limits if one.than_shown is None or not self._has_number(one.field)),
            similar_to=tuple(dict.fromkeys(self.similar)),
            unlike=tuple(dict.fromkeys(self.unlike)),
            about=self.item if self.limits and not self.similar else None,
            replaces=self._has("instead"),
        )
        query, intent = self._with_intent(query)
        problem = None if intent in ("undo", "reset") else self.problem
        problem = None if intent == "why" and problem != "no_item" else problem
        is_sentence = intent not in ("filter", "nothing") or self._asks()
        unknown = () if intent in ("undo", "reset", "why", "list") else tuple(dict.fromkeys(self.unknown))
        return Parsed(query, unknown, problem, self.of_problem, self.excludes, is_sentence)

    def _has_number(self, field: str) -> bool:
        """Return whether a limit of a fact has a number, so that "cheaper" says nothing more."""
        return any(limit.field == field and limit.than_shown is None for limit in self.limits)

    def _with_intent(self, query: Query) -> tuple[Query, Intent]:
        names = bool(query.must or query.must_not or query.prefer)
        intent: Intent = "filter"
        if self._has("varied"):
            query = _replaced(query, variety=_VARIETY)
        for name in ("reset", "undo"):
            if self._means(name) and self._is_loose(query):
                intent = "reset" if name == "reset" else "undo"
                return Query(intent=intent), intent
        found: list[Intent] = [name for name in _INTENTS if self._means(name)]
        if found and not (found[0] == "why" and names):
            intent = found[0]
        if intent == "why":
            return Query(intent="why", about=self.item or self.context.about), intent
        if intent == "surprise":
            return _replaced(query, intent="surprise", variety=_SURPRISE), intent
        if intent == "filter" and self._is_talk(query):
            return Query(intent="nothing"), "nothing"
        return _replaced(query, intent=intent), intent

    def _is_talk(self, query: Query) -> bool:
        """Return whether a sentence asks for nothing: it changes nothing, or only words of titles are in small talk."""
        return not query.changes_list or (self._is_loose(query) and self._has("small_talk", "question"))

    def _is_loose(self, query: Query) -> bool:
        """Return whether nothing but words of titles is wanted, which may be there by accident."""
        has_values = any(wish.field is not None for wish in (*query.must, *query.prefer))
        return not (has_values or query.limits or query.similar_to or query.unlike or query.must_not)

    def _asks(self) -> bool:
        return bool(self.limits) or any(
            element.is_cue(*_ASKING) or (element.cue is not None and element.cue.field is not None)
            for element in self.elements
        )

    def _means(self, intent: str) -> bool:
        """Return whether a sentence has a phrase for an intent, or is nothing but a short one, such as "back"."""
        is_alone = all(element.is_skipped or element.is_cue(f"{intent}_alone") for element in self.elements)
        return self._has(intent) or (is_alone and self._has(f"{intent}_alone"))

    def _has(self, *names: str) -> bool:
        return any(element.is_cue(*names) and element.meaning is None for element in self.elements)

    def _leave_out_accidents(self) -> None:
        """Leave out words of titles with which no item is left: they are part of the talk, such as "mother"."""
        wanted = [one for one in self.said if one.polarity == "want" and one.joined != "or"]
        loose = [one for one in wanted if one.is_loose]
        if len(wanted) < 2 or not loose or self.lexicon.has_all([one.wish for one in wanted]):
            return
        for one in loose:
            if self.lexicon.has_all([other.wish for other in wanted if other is not one]):
                loose = [one]
                break
        if len(loose) < len(wanted):
            self.said = [one for one in self.said if one not in loose]
            self.unknown += [one.wish.values[0] for one in loose]

    def _wishes(self) -> tuple[tuple[Wish, ...], tuple[Wish, ...], tuple[Wish, ...]]:
        said = _with_alternatives(self.said, self.lexicon)

        def those(polarity: Polarity) -> tuple[Wish, ...]:
            return tuple(dict.fromkeys(one.wish for one in said if one.polarity == polarity))

        return those("want"), those("not"), those("prefer")


_LONGEST_TITLE: Final = 10
_ASKING: Final = (
    "not", "only", "prefer", "love", "want", "like", "unlike", "less", "dearer", "newer", "older", "varied", "instead",
    "suffix_not",
)  # fmt: skip

_ACTIONS: Final[Sequence[tuple[tuple[str, ...], Callable[[_Reading, int], int]]]] = (
    (("unlike", "like", "alike"), _Reading._like),
    (("not",), _Reading._exclude),
    (("less", "dearer", "newer", "older"), _Reading._relative),
    (("only",), _Reading._only),
    (("love", "prefer"), _Reading._prefer),
    (("but",), _Reading._turn),
    (("or",), _Reading._or),
    (("this",), _Reading._this),
    (tuple(name for name in _LIMITS), _Reading._begin_limit),
    (("than",), _Reading._than),
    (("want", "with", "between"), _Reading._want),
)


def _replaced(query: Query, **changes: object) -> Query:
    return msgspec.structs.replace(query, **changes)


def _with_alternatives(said: Sequence[_Said], lexicon: Lexicon) -> list[_Said]:
    """Return the wishes with alternatives joined: after "or", and values of a fact that no item has both of."""
    joined: list[_Said] = []
    for one in reversed(_with_commas(said)):
        after = joined[-1] if joined else None
        if after is not None and one.polarity == after.polarity != "not" and _are_alternatives(one, after, lexicon):
            field = one.wish.field if one.wish.field == after.wish.field else None
            values = tuple(dict.fromkeys([*one.wish.values, *after.wish.values]))
            joined[-1] = _Said(Wish(field, values), one.polarity, one.joined)
        else:
            joined.append(one)
    return joined[::-1]


def _are_alternatives(one: _Said, after: _Said, lexicon: Lexicon) -> bool:
    field = one.wish.field
    if after.joined == "or":
        return True
    if field is None or field != after.wish.field or one.polarity != "want":
        return False
    return field in lexicon.single or not lexicon.has_all([one.wish, after.wish])


def _with_commas(said: Sequence[_Said]) -> list[_Said]:
    """Return the wishes of "a, b or c" as if all were joined by "or"."""
    result = [replace(one) for one in said]
    for before, one in zip(reversed(result[:-1]), reversed(result), strict=False):
        if one.joined == "or" and before.joined == ",":
            before.joined = "or"
    return result
