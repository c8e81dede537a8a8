"""Decides which names of a sentence are meant: how sure each is by itself, and by what stands before it.

By itself, from sure to doubtful: the whole value of a fact or a synonym, several words of a title in order, one word
of a title, a corrected word. Beside it counts whether a wish ("something with", "no", "like") stands before it, whether
it is quoted or written as a name, and whether its clause talks about somebody ("my wife ...") and not about the list. A
name that is not sure enough is asked about, if nothing else is asked for, or becomes a word that was not understood.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from typing import Final, Literal

from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.numbers import LIMITS
from edge_runtime.conversation.scanning import Element
from edge_runtime.conversation.tokens import phrase_of
from edge_runtime.conversation.words import Cue

Lead = Literal["wish", "weak", "start", "word", "away", "owned"]
"""What stands before a name: a wish, another cue, nothing but the beginning of the clause, a word that was not
understood, such a word with a preposition, as in "migraines from perfume", or a "my"."""

Weight = Literal["sure", "helped", "doubtful", "none"]
"""How much counts for a name; ``helped`` is sure if the sentence surely names something else, and else doubtful."""

_WISHES: Final = ("want", "not", "only", "prefer", "love", "like", "unlike", "instead", "by", "or")
_BEGINNINGS: Final = ("want", "only", "love", "less", "dearer", "newer", "older", "undo", "reset", "surprise")
_NAMES: Final = frozenset({"brand", "cast", "director", "author", "creator"})
_QUOTES: Final = "\"'“”„«»‘’「」『』"  # noqa: RUF001 - quotation marks
_STOP: Final = 2
_MUCH_UNKNOWN: Final = 2
"""Maximum number of words that are not understood in a clause of which a word of titles is wished for."""
_INTENTS: Final = ("undo", "reset", "surprise", "more", "list", "varied")
_MOST_UNKNOWN: Final = 1
"""Maximum number of words that are not understood beside a phrase such as "start over"."""
_SHORT: Final = 2
"""Maximum number of everyday words that do not make a name together, such as "the one"."""
_LEAST: Final = 0.5
"""Minimum share of a clause that has to be named, for synonyms and words of titles without a wish before them."""
_LEAST_OF_VALUES: Final = 0.3
"""The same for values of facts."""
_LONG: Final = 8
"""Minimum length of a corrected value that counts like one that was written so."""
_FAR: Final = 3
"""Maximum number of elements from an "any" to its "but"."""
_REACH: Final = 3
"""Maximum number of words without meaning between a wish and what is wished for."""


_EXCEPT: Final = Cue(frozenset({"not"}))
_SIMILE: Final = Cue(frozenset({"simile"}))


def weighed(elements: Sequence[Element], lexicon: Lexicon) -> list[Element]:
    """Return the elements of a sentence; names of which little is sure are doubtful, or without their meaning."""
    kept: list[Element] = []
    weights: list[Weight] = []
    doubted: list[Element] = []
    elements = _with_exceptions(elements, lexicon)
    left_out = _left_out(elements, lexicon)
    for clause in _clauses(elements, lexicon):
        clause.take_similes()
        for index, element in enumerate(clause.elements):
            weight = clause.weight(index)
            if len(weights) in left_out and (weight != "none" or clause.is_value(element)):
                weight = "sure" if left_out[len(weights)] else "none"  # "Aster zips break, leave it out"
            if weight in ("doubtful", "none"):
                clause.elements[index] = Element(element.tokens)
            weights.append(weight)
            doubted.append(replace(element, is_doubtful=True))
        clause.leave_out_intents()
        kept += clause.elements
    is_helped = any(
        weight == "sure" and element.meaning is not None for weight, element in zip(weights, kept, strict=True)
    )
    is_helped |= _is_limited(kept)
    doubtful = ("doubtful",) if is_helped else ("doubtful", "helped")
    return [
        other if weight in doubtful else element for element, other, weight in zip(kept, doubted, weights, strict=True)
    ]


def _left_out(elements: Sequence[Element], lexicon: Lexicon) -> dict[int, bool]:
    """Return the indices of the names that an "it" may mean in "leave it out", and whether it means them.

    It means what was named last, but no everyday word beside another name, as in "tea gives me headaches".
    """
    found: dict[int, bool] = {}
    for index, element in enumerate(elements):
        if not element.is_cue("leave_out"):
            continue
        names = _names_before(elements, index, lexicon)
        kept = [at for at in names if not _is_everyday(elements[at], lexicon)] or names or [index]
        found |= {at: at == kept[0] for at in names if at >= kept[0]}
    return found


def _names_before(elements: Sequence[Element], end: int, lexicon: Lexicon) -> list[int]:
    """Return the names of the last clause before an index that has some, last first.

    With those of the clause before it if it is a "god no".
    """
    names: list[int] = []
    for at in range(end - 1, -1, -1):
        if elements[at].meaning is not None:
            names.append(at)
        if elements[at].gap and names and not _is_exclaimed(elements, names[0], lexicon):
            break
    return names


def _is_exclaimed(elements: Sequence[Element], at: int, lexicon: Lexicon) -> bool:
    """Return whether an everyday word only stresses a "no", as in "god no"."""
    return _is_everyday(elements[at], lexicon) and elements[at + 1].is_cue("not") and not elements[at + 1].gap


def _is_everyday(element: Element, lexicon: Lexicon) -> bool:
    return all(token.text in lexicon.phrases.ordinary for token in element.tokens)


def _with_exceptions(elements: Sequence[Element], lexicon: Lexicon) -> list[Element]:
    """Return the elements with the "but" of "any colour but black" as a negation."""
    return [
        replace(element, cue=_EXCEPT) if element.is_cue("but") and _is_exception(elements, index, lexicon) else element
        for index, element in enumerate(elements)
    ]


def _is_exception(elements: Sequence[Element], index: int, lexicon: Lexicon) -> bool:
    """Return whether a "but" excludes the name that follows: after an "any", and not in a statement."""
    after = [*takewhile(lambda element: not element.gap, elements[index + 1 :])]
    if not after or after[0].meaning is None or elements[index].gap:
        return False
    clause = [element.text for element in after]
    for before in reversed(elements[max(0, index - _FAR) : index]):
        clause.append(before.text)
        if before.text in lexicon.phrases.every:
            return lexicon.phrases.statements.isdisjoint(clause)
        if before.gap:
            break
    return False


def _is_limited(elements: Sequence[Element]) -> bool:
    """Return whether a number is limited, as in "hitchcock before 1960", and every word is understood."""
    limits = any(one.is_cue(*LIMITS) and other.number is not None for one, other in pairwise(elements))
    return limits and not any(element.is_unknown for element in elements)


def without_doubtful(elements: Sequence[Element], but: Collection[int] = ()) -> list[Element]:
    """Return the elements with doubtful names as words that were not understood, except for those at some indices."""
    return [
        Element(element.tokens) if element.is_doubtful and index not in but else element
        for index, element in enumerate(elements)
    ]


def begins_anew(elements: Sequence[Element], index: int, lexicon: Lexicon) -> bool:
    """Return whether what follows a comma is a clause of its own, and not one more thing of a list."""
    if elements[index].tokens[0].text in lexicon.phrases.subjects:
        return True
    clause = [elements[index], *takewhile(lambda element: not element.gap, elements[index + 1 :])]
    if any(element.text in lexicon.phrases.statements for element in clause):
        return True  # "no coffee, tea is fine"
    return next((element.is_cue(*_BEGINNINGS) for element in elements[index:] if not element.is_skipped), False)


@dataclass(frozen=True, slots=True)
class _Clause:
    """A part of a sentence between marks, or after a "but".

    Attributes:
        elements: of the clause; those before an index are weighed before it.
        lexicon: of the catalogue and the language.
        is_first: whether it begins a sentence.
        is_alone: whether nothing else is said.
    """

    elements: list[Element]
    lexicon: Lexicon
    is_first: bool
    is_alone: bool

    def weight(self, index: int) -> Weight:
        """Return how sure it is that what an element names is meant; sure if it names nothing."""
        element = self.elements[index]
        if element.meaning is None:
            return "sure"
        is_value = self.is_value(element)
        if (
            self._is_compared(index)
            or self._is_time(index)
            or self._is_beside(index)
            or self._is_service()
            or self._asks_about_item()
            or self._asks_why()
        ):
            return "none"
        if element.title is not None:
            return "sure"
        if self._is_marked(index) or self._is_carried(index):
            return "doubtful" if element.is_corrected and not is_value else "sure"
        if not self._is_meant(index):
            return "doubtful" if self._may_be_meant(index) else "none"
        if is_value and self._is_told(index):
            return "doubtful" if self._n_unknown() < _MUCH_UNKNOWN else "none"
        if is_value or self._is_run(element):
            is_strange = element.is_corrected and not self._is_long(element)
            return "doubtful" if is_strange and self._n_unknown() and self._lead(index) != "wish" else "sure"
        return self._weight_of_word(index)

    def _weight_of_word(self, index: int) -> Weight:
        """Return the weight of a word of titles, which prose has by accident."""
        element, lead = self.elements[index], self._lead(index)
        if self._is_bare() or (self._is_plain() and not self._is_ordinary(element)):
            return "doubtful" if element.is_corrected else "sure"
        is_strange = element.is_corrected or (self._is_ordinary(element) and not self._is_asked_for(index))
        is_lost = self._n_unknown() > 0 and not self._describes(index)
        is_strange |= self._is_ordinary(element) and self._has_speaker() and self._is_refused(index)
        if lead == "wish":
            return "doubtful" if is_strange or (is_lost and len(element.tokens) == 1) else "sure"
        if self._is_question():
            return "none"
        return "doubtful" if is_strange or is_lost else "helped"

    def _may_be_meant(self, index: int) -> bool:
        """Return whether a name that is not sure enough is worth a question."""
        element, lead = self.elements[index], self._lead(index)
        if lead == "owned" or self._is_question() or element.is_corrected:
            return False
        if self.is_value(element):
            return lead == "wish" or (self._is_exact(element) and not self._is_ordinary(element))
        is_talk = self._is_remark() or self._is_statement()
        return lead in ("wish", "weak", "start") and not is_talk and self._n_unknown() <= _MUCH_UNKNOWN

    def _is_meant(self, index: int) -> bool:
        """Return whether a name counts at all: by its clause, and by what stands before it."""
        element = self.elements[index]
        lead = self._lead(index)
        if lead == "owned":
            return False
        is_value = self.is_value(element)
        is_led = self._is_bare() or (is_value and lead in ("wish", "weak"))
        is_led |= lead == "wish" and self._n_unknown() <= _MUCH_UNKNOWN
        if not is_led and self._share() < (_LEAST_OF_VALUES if self._is_exact(element) else _LEAST):
            return False
        if is_value and not element.is_corrected:
            return self._is_sure_value(index, lead)
        return self._is_sure_word(index, lead)

    def take_similes(self) -> None:
        """Take a "like" that says how somebody does something for no wish, as in "I burn like a lobster"."""
        for index, element in enumerate(self.elements):
            if self._is_simile(index):
                self.elements[index] = replace(element, cue=_SIMILE)

    def leave_out_intents(self) -> None:
        """Take phrases such as "others" for talk where most of the clause was not understood."""
        if self._n_unknown() <= _MOST_UNKNOWN:
            return
        for index, element in enumerate(self.elements):
            if element.is_cue(*_INTENTS) and not element.is_cue(*_WISHES):
                self.elements[index] = Element(element.tokens)

    def _is_sure_value(self, index: int, lead: Lead) -> bool:
        element = self.elements[index]
        if len(element.tokens) > _SHORT or not self._is_ordinary(element):
            return lead != "away" or not self._is_remark()
        if lead == "wish" or self._is_bare():
            return True
        fields = () if element.meaning is None else element.meaning.fields
        is_name = bool(fields) and _NAMES.issuperset(fields)
        return not (is_name or self._is_remark())

    def _is_sure_word(self, index: int, lead: Lead) -> bool:
        element = self.elements[index]
        if not self._is_ordinary(element):
            is_talk = self._is_remark() or self._is_statement() or lead == "word"
            return lead == "wish" or not is_talk or self._describes(index)
        if self._only_describes(index):
            return False
        is_run = len(element.tokens) > 1 and not self._has_subject(element)
        return lead == "wish" or (is_run and lead == "weak") or self._is_bare()

    def is_value(self, element: Element) -> bool:
        """Return whether an element names values of a fact, or has a synonym."""
        meaning = element.meaning
        return meaning is not None and (bool(meaning.fields) or meaning.is_related or len(meaning.wish.values) > 1)

    def _is_run(self, element: Element) -> bool:
        """Return whether an element is the beginning of a title, of several words."""
        return len(element.tokens) > 1 and self.lexicon.begins_title(tuple(token.stem for token in element.tokens))

    def _is_question(self) -> bool:
        """Return whether the clause begins like a question, and wishes nothing."""
        first = self.elements[0].tokens[0].text
        return not self._wishes() and first in self.lexicon.phrases.questions

    def _n_unknown(self) -> int:
        return sum(element.is_unknown for element in self.elements)

    def _share(self) -> float:
        """Return the share of the names among the words of the clause; everyday words are not taken for names here."""
        named, others = 0, 0
        for element in self.elements:
            if element.is_unknown:
                others += len(element.tokens)
            elif element.meaning is not None and (not element.is_corrected or self._is_long(element)):
                is_name = self._is_exact(element) or not self._is_ordinary(element)
                named, others = named + is_name * len(element.tokens), others + (not is_name) * len(element.tokens)
        return named / (named + others) if named + others else 1.0

    def _is_long(self, element: Element) -> bool:
        """Return whether an element is a value of one long word, which a typing error hardly makes of another one."""
        return self._is_exact(element) and len(element.tokens) == 1 and len(element.text) >= _LONG

    def _is_exact(self, element: Element) -> bool:
        """Return whether an element is the whole value of a fact, as it is written there."""
        meaning = element.meaning
        stems = tuple(token.stem for token in element.tokens)
        return (
            meaning is not None
            and bool(meaning.fields)
            and any(phrase_of(value) == stems for value in meaning.wish.values)
        )

    def _lead(self, index: int) -> Lead:
        n_skipped = 0
        for at in range(index - 1, -1, -1):
            before = self.elements[at]
            if before.meaning is not None:
                return self._lead(at)
            if before.is_unknown:
                return "word"
            if before.is_cue("simile"):
                return "owned"
            if before.text in self.lexicon.phrases.possessives and at == index - 1:
                lead = self._lead(at)
                return lead if lead in ("wish", "weak") else "owned"
            if before.is_skipped or before.is_cue("to") or (before.is_cue("this") and at == 0):
                n_skipped += 1
                if n_skipped > _REACH:
                    return "weak"
                continue
            is_attached = before.is_cue("by", "with") and at > 0 and self.elements[at - 1].is_unknown
            if is_attached:
                return "away"
            if before.is_cue("with") and at > 0 and self.elements[at - 1].is_cue("want"):
                return "wish"  # "something for"
            return "wish" if before.is_cue(*_WISHES) else "weak"
        return "start"

    def _is_simile(self, index: int) -> bool:
        before, element = self.elements[index - 1] if index else None, self.elements[index]
        is_like = element.is_cue("like") and len(element.tokens) == 1  # not "something like"
        if before is None or not is_like or before.cue or self.is_value(before):
            return False
        wishes = any(element.is_cue(*_WISHES[:-2]) for element in self.elements[:index])
        return not wishes and self.elements[0].tokens[0].text in self.lexicon.phrases.subjects

    def _is_service(self) -> bool:
        """Return whether the clause is about an order, or a complaint about the list, and wishes nothing."""
        return not self._wishes() and any(element.is_cue("service") for element in self.elements)

    def _is_time(self, index: int) -> bool:
        """Return whether something like "summer" only says when, as in "this summer"."""
        element, before = self.elements[index], self.elements[index - 1] if index else None
        is_related = element.meaning is not None and element.meaning.is_related
        is_dated = before is not None and (
            before.is_cue("this")
            or before.text in self.lexicon.phrases.every
            or (before.cue is not None and before.cue.position == -1)
        )
        return is_related and is_dated and self._lead(index) != "wish"

    def _is_beside(self, index: int) -> bool:
        """Return whether more than a name is wanted, as in "not just tea"."""
        before = next((element for element in reversed(self.elements[:index]) if not element.is_skipped), None)
        return before is not None and before.is_cue("beside")

    def _is_told(self, index: int) -> bool:
        """Return whether the clause tells something about somebody or something, as in "that tent fell apart"."""
        is_remark = (self._is_remark() and not self._has_speaker()) or self._is_about_item()
        return is_remark and self._lead(index) != "wish"

    def _is_about_item(self) -> bool:
        """Return whether the clause says how an item of the list is, as in "the second smells good"."""
        for element in self.elements:
            if element.cue is not None and element.cue.position is not None:
                return not self._wishes() and not any(other.is_cue("with", "but", "or") for other in self.elements)
            if not element.is_skipped:
                break
        return False

    def _has_speaker(self) -> bool:
        """Return whether the clause begins with the person who speaks."""
        return self.elements[0].tokens[0].text in self.lexicon.phrases.speakers

    def _is_refused(self, index: int) -> bool:
        before = next((element for element in reversed(self.elements[:index]) if not element.is_skipped), None)
        return before is not None and before.is_cue("not")

    def _asks_about_item(self) -> bool:
        """Return whether the clause asks something about an item of the list, as in "does the second come in red"."""
        if any(element.is_cue("inquiry") for element in self.elements):
            return not self._wishes()  # "how old is Ada Stone"
        after = self.elements[1] if len(self.elements) > 1 else None
        is_this = after is not None and (after.is_cue("this") or after.meaning is not None)
        is_item = any(element.cue is not None and element.cue.position is not None for element in self.elements)
        return self._is_question() and (is_this or is_item)

    def _asks_why(self) -> bool:
        """Return whether the clause asks why, and suggests nothing, as "why not tea" does."""
        why = next((at for at, element in enumerate(self.elements) if not element.is_skipped), 0)
        following = self.elements[why + 1 : why + 2]
        is_why = self.elements[why].is_cue("why")
        return is_why and not (following and following[0].is_cue("not"))

    def _is_remark(self) -> bool:
        """Return whether the clause begins with somebody or something, and wishes nothing."""
        return not self._wishes() and self.elements[0].tokens[0].text in self.lexicon.phrases.subjects

    def _is_statement(self) -> bool:
        """Return whether the clause says how something is, and wishes nothing."""
        spoken, (first, *rest) = self.lexicon.phrases, [element.text for element in self.elements]
        return not self._wishes() and first not in spoken.questions and not spoken.statements.isdisjoint(rest)

    def _wishes(self) -> bool:
        return any(element.is_cue(*_WISHES[:-2]) for element in self.elements)

    def _is_bare(self) -> bool:
        """Return whether the clause names things and says nothing else."""
        light = self.lexicon.phrases.light
        return all(element.meaning is not None or element.text in light for element in self.elements)

    def _is_asked_for(self, index: int) -> bool:
        """Return whether a "with", a "no" or another cue that is no mere "want" stands before a name."""
        before = next((element for element in reversed(self.elements[:index]) if not element.is_skipped), None)
        return before is not None and before.is_cue("with", *_WISHES[1:]) and self._n_unknown() == 0

    def _is_plain(self) -> bool:
        """Return whether the clause names one thing, beside words such as "in" and words without meaning."""
        if not self.is_alone or self._is_question() or self._is_remark() or self._is_statement():
            return False
        others = [element for element in self.elements if element.meaning is None]
        return len(others) == len(self.elements) - 1 and all(
            element.is_skipped or element.is_cue("with") for element in others
        )

    def _describes(self, index: int) -> bool:
        """Return whether a name follows that a title or fact has together with a word, as in "green tea"."""
        after = self.elements[index + 1] if index + 1 < len(self.elements) else None
        if after is None or after.meaning is None or after.gap:
            return False
        return self.lexicon.has_text(f"{self.elements[index].text} {after.text}")

    def _only_describes(self, index: int) -> bool:
        """Return whether a name follows that no title or fact has together with a word, as in "a long bubble bath"."""
        after = self.elements[index + 1] if index + 1 < len(self.elements) else None
        is_next = after is not None and after.meaning is not None and not after.gap
        return is_next and not self._describes(index)

    def _is_carried(self, index: int) -> bool:
        """Return whether a word follows that is said of things, as in "rose scent" or "nut free"."""
        after = self.elements[index + 1] if index + 1 < len(self.elements) else None
        return after is not None and after.is_cue("carrier", "suffix_not")

    def _is_compared(self, index: int) -> bool:
        """Return whether something is compared with a name that nobody knows, as in "lighter than titanium"."""
        at = index - 1
        while at > 0 and self.elements[at].is_skipped:
            at -= 1
        return at > 0 and self.elements[at].is_cue("than") and self.elements[at - 1].is_unknown

    def _is_marked(self, index: int) -> bool:
        """Return whether an element is quoted, or written like a name where other words are not."""
        tokens = self.elements[index].tokens
        if tokens[0].shown[0] in _QUOTES and tokens[-1].shown[-1] in _QUOTES:
            return True
        is_capital = all(token.shown[0].isupper() and not token.shown.isupper() for token in tokens)
        is_inside = index > 0 or not self.is_first
        return self.lexicon.phrases.words.capitals and is_inside and is_capital

    def _is_ordinary(self, element: Element) -> bool:
        phrases = self.lexicon.phrases
        return all(
            not token.is_corrected and (token.text in phrases.ordinary or (token.text,) in phrases.cues)
            for token in element.tokens
        )

    def _has_subject(self, element: Element) -> bool:
        return any(token.text in self.lexicon.phrases.subjects for token in element.tokens)


def _clauses(elements: Sequence[Element], lexicon: Lexicon) -> list[_Clause]:
    clauses: list[_Clause] = []
    is_alone = not any(element.gap or element.is_cue("but", "correction") for element in elements[1:])
    for index, element in enumerate(elements):
        is_corrected = index > 0 and elements[index - 1].is_cue("correction")
        if not index or element.gap or element.is_cue("but", "correction") or is_corrected:
            clauses.append(_Clause([], lexicon, index == 0 or element.gap == _STOP, is_alone))
        clauses[-1].elements.append(element)
    return clauses
