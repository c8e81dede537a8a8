"""Decides which names of a sentence are meant: how sure each is by itself, and by what stands before it.

By itself, from sure to doubtful: the whole value of a fact or a synonym, several words of a title in order, one word
of a title, a corrected word. Beside it counts whether a wish ("something with", "no", "like") stands before it, whether
it is quoted or written as a name, and whether its clause talks about somebody ("my wife ...") and not about the list. A
name that is not sure enough becomes a word that was not understood.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.scanning import Element
from edge_runtime.conversation.tokens import phrase_of

Lead = Literal["wish", "weak", "start", "word", "away", "owned"]
"""What stands before a name: a wish, another cue, nothing but the beginning of the clause, a word that was not
understood, such a word with a preposition, as in "migraines from perfume", or a "my"."""

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
_REACH: Final = 3
"""Maximum number of words without meaning between a wish and what is wished for."""


def weighed(elements: Sequence[Element], lexicon: Lexicon) -> list[Element]:
    """Return the elements of a sentence without the meanings that are not sure enough."""
    kept: list[Element] = []
    for clause in _clauses(elements, lexicon):
        for index in range(len(clause.elements)):
            if not clause.is_sure(index):
                clause.elements[index] = Element(clause.elements[index].tokens)
        clause.leave_out_intents()
        kept += clause.elements
    return kept


def begins_anew(elements: Sequence[Element], index: int, lexicon: Lexicon) -> bool:
    """Return whether what follows a comma is a clause of its own, and not one more thing of a list."""
    if elements[index].tokens[0].text in lexicon.phrases.subjects:
        return True
    for element in elements[index:]:
        if not element.is_skipped:
            return element.is_cue(*_BEGINNINGS)
    return False


@dataclass(frozen=True, slots=True)
class _Clause:
    """A part of a sentence between marks, or after a "but".

    Attributes:
        elements: of the clause; those before an index are weighed before it.
        lexicon: of the catalogue and the language.
        is_first: whether it begins a sentence.
    """

    elements: list[Element]
    lexicon: Lexicon
    is_first: bool

    def is_sure(self, index: int) -> bool:
        """Return whether what an element names is meant, or it names nothing."""
        element = self.elements[index]
        meaning = element.meaning
        if meaning is None or self._is_marked(index) or self._is_carried(index):
            return True
        lead = self._lead(index)
        if lead == "owned":
            return False
        is_value = bool(meaning.fields) or meaning.is_related or len(meaning.wish.values) > 1
        is_led = self._is_bare() or (is_value and lead in ("wish", "weak"))
        is_led |= lead == "wish" and self._n_unknown() <= _MUCH_UNKNOWN
        if not is_led and self._share() < (_LEAST_OF_VALUES if self._is_exact(element) else _LEAST):
            return False
        if is_value and not element.is_corrected:
            return self._is_sure_value(index, lead)
        return self._is_sure_word(index, lead)

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
            is_talk = self._is_remark() or self._is_statement() or (lead == "word" and not self._describes(index))
            return lead == "wish" or not is_talk
        if self._only_describes(index):
            return False
        is_run = len(element.tokens) > 1 and not self._has_subject(element)
        return lead == "wish" or (is_run and lead == "weak") or self._is_bare()

    def _n_unknown(self) -> int:
        return sum(element.is_unknown for element in self.elements)

    def _share(self) -> float:
        """Return the share of the names among the words of the clause; everyday words are not taken for names here."""
        named, others = 0, 0
        for element in self.elements:
            if element.is_unknown:
                others += len(element.tokens)
            elif element.meaning is not None and not element.is_corrected:
                is_name = self._is_exact(element) or not self._is_ordinary(element)
                named, others = named + is_name * len(element.tokens), others + (not is_name) * len(element.tokens)
        return named / (named + others) if named + others else 1.0

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
            return "wish" if before.is_cue(*_WISHES) else "weak"
        return "start"

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
    for index, element in enumerate(elements):
        if not index or element.gap or element.is_cue("but"):
            clauses.append(_Clause([], lexicon, index == 0 or element.gap == _STOP))
        clauses[-1].elements.append(element)
    return clauses
