"""Splits a sentence into elements: cues of a language, values of the catalogue, words of titles, numbers, the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from edge_runtime.conversation.lexicon import Lexicon, Meaning
from edge_runtime.conversation.query import Wish
from edge_runtime.conversation.tokens import Token, shown
from edge_runtime.conversation.words import Cue
from edge_runtime.search.words import stem

_LONGEST_RUN: Final = 6
"""Maximum number of characters of a word of a script without spaces."""
_CUT: Final = ("more", "less", "dearer")
_COMPARED: Final = ("less", "dearer", "newer", "older", "like", "varied", "below", "above")
_NUMERIC: Final = "0123456789-\u2212\u2013"
"""What a number begins with, or what looks like one."""


@dataclass(frozen=True, slots=True)
class Element:
    """A part of a sentence.

    Attributes:
        tokens: as written.
        cue: what the language means by it, or None.
        meaning: what the catalogue means by it, or None.
        number: the number that it is, or None.
        title: row of the item whose whole title it is, where the list shall resemble it or not; or None.
        is_doubtful: whether the evidence for its meaning is weak, so that it is asked about.
    """

    tokens: tuple[Token, ...]
    cue: Cue | None = None
    meaning: Meaning | None = None
    number: float | None = None
    title: int | None = None
    is_doubtful: bool = False

    @property
    def gap(self) -> int:
        """What separates it from the element before."""
        return self.tokens[0].gap

    @property
    def text(self) -> str:
        """The words, as they were matched."""
        return " ".join(token.text for token in self.tokens)

    @property
    def shown(self) -> str:
        """The words, as they were written."""
        return shown(self.tokens)

    @property
    def is_corrected(self) -> bool:
        """Whether a typing error was taken out of a word."""
        return any(token.is_corrected for token in self.tokens)

    def is_cue(self, *names: str) -> bool:
        """Return whether it is one of some cues."""
        return self.cue is not None and not self.cue.names.isdisjoint(names)

    @property
    def value(self) -> float | None:
        """The number that it is, in digits or as a word, or None."""
        return self.number if self.number is not None or self.cue is None else self.cue.number

    @property
    def says_something(self) -> bool:
        """Whether it may be something that is asked for, and no word without meaning."""
        if self.meaning is not None or self.value is not None or self.cue is None:
            return self.meaning is not None or self.value is not None
        return self.cue.position is not None or self.cue.field is not None or self.is_cue(*_COMPARED[:4])

    @property
    def is_skipped(self) -> bool:
        """Whether it has no meaning of its own."""
        return self.cue == _SKIP

    @property
    def is_unknown(self) -> bool:
        """Whether neither the language nor the catalogue has it."""
        return self.cue is None and self.meaning is None and self.number is None


_SKIP: Final = Cue(frozenset({"skip"}))
_CORRECTION: Final = Cue(frozenset({"correction"}))


def scan(tokens: Sequence[Token], lexicon: Lexicon) -> list[Element]:
    """Return the elements of a sentence: the longest phrases from left to right, cues before values."""
    corrected = [_corrected(tokens, index, lexicon) for index in range(len(tokens))]
    elements: list[Element] = []
    start = 0
    while start < len(corrected):
        element = (
            _correction(tokens, start, elements, lexicon)
            or _whole_title(tokens, start, elements, lexicon)
            or _longest(corrected, start, lexicon)
            or _loose(corrected, start, lexicon)
        )
        elements.append(element)
        start += len(element.tokens)
    return _with_whole_words(elements, lexicon)


def _corrected(tokens: Sequence[Token], index: int, lexicon: Lexicon) -> Token:
    token = tokens[index]
    if token.text[0] in _NUMERIC:
        return token  # neither a number nor "-5" is a typing error
    if lexicon.is_possessive(token):
        return replace(token, text=token.text[:-1], stem=stem(token.text[:-1]))
    if lexicon.knows(token):
        return token
    before = tokens[index - 1].stem if index else ""
    after = tokens[index + 1].stem if index + 1 < len(tokens) else ""
    word = lexicon.corrected(token.text, before, after) or lexicon.fitting(token.text, before, after)
    if word is None:
        return token
    return replace(token, text=word, stem=stem(word), is_corrected=True)


def _correction(tokens: Sequence[Token], start: int, before: Sequence[Element], lexicon: Lexicon) -> Element | None:
    """Return the words that take back what was named before them and not what follows, such as "no, wait, I mean"."""
    kinds: list[str] = []
    end = last = start
    while (found := _correction_phrase(tokens, end, lexicon)) is not None:
        kinds.append(found[0])
        end, last = end + found[1], end
    if kinds and kinds[-1] == "no" and end < len(tokens) and not tokens[end].gap:
        end = last  # "wait, no tea"
        del kinds[-1]
    if end == len(tokens) or not any(element.says_something for element in before):
        return None
    is_beside_mark = tokens[start].gap > 0 or tokens[end].gap > 0
    is_correction = "correction" in kinds or ("hesitation" in kinds and is_beside_mark)
    return Element(tuple(tokens[start:end]), _CORRECTION) if is_correction else None


def _correction_phrase(tokens: Sequence[Token], start: int, lexicon: Lexicon) -> tuple[str, int] | None:
    """Return what the longest phrase at a place does within such words, and its number of words."""
    for length in range(min(lexicon.longest, len(tokens) - start), 0, -1):
        part = tokens[start : start + length]
        kind = lexicon.phrases.corrections.get(tuple(token.text for token in part))
        if kind is not None and not any(token.gap for token in part[1:]):
            return kind, length
    return None


def _whole_title(tokens: Sequence[Token], start: int, before: Sequence[Element], lexicon: Lexicon) -> Element | None:
    """Return the whole title of an item that follows a "like", or that stands before a "but" or a "type of film"."""
    found = lexicon.whole_title(tokens[start:])
    if found is None:
        return None
    row, length = found
    part = tuple(tokens[start : start + length])
    spoken = lexicon.phrases
    is_talk = all(token.text in spoken.known or token.text in spoken.ordinary for token in part)
    is_meant = _is_likened(before) or _is_turned(tokens[start + length :], lexicon)
    if not is_meant or (is_talk and not _is_capital(part)):
        return None
    return Element(part, meaning=Meaning(Wish(None, (" ".join(token.text for token in part),))), title=row)


def _is_capital(part: Sequence[Token]) -> bool:
    return all(token.shown[0].isupper() or not token.shown[0].isalpha() for token in part)


def _is_likened(before: Sequence[Element]) -> bool:
    """Return whether a "like" stands before a place, or another title that is liked and an "and"."""
    for element in reversed(before):
        if element.is_cue("like", "unlike", "love"):
            return True
        if not (element.title is not None or element.is_skipped or element.is_cue("to", "or")):
            return False
    return False


def _is_turned(tokens: Sequence[Token], lexicon: Lexicon) -> bool:
    """Return whether words begin with a "but" and a comparison, as in "but cheaper", or with "type of film"."""
    for length in range(min(lexicon.longest, len(tokens)), 0, -1):
        cue = lexicon.phrases.cues.get(tuple(token.text for token in tokens[:length]))
        if cue is not None and not cue.names.isdisjoint(("but", "suffix_like")):
            return True
    return False


def _longest(tokens: Sequence[Token], start: int, lexicon: Lexicon) -> Element | None:
    for length in range(min(lexicon.longest, len(tokens) - start), 0, -1):
        part = tuple(tokens[start : start + length])
        stems = tuple(token.stem for token in part)
        gap = max((token.gap for token in part[1:]), default=0)
        cue = lexicon.phrases.cues.get(tuple(token.text for token in part)) if gap == 0 else None
        meaning = (lexicon.meaning(stems) or _title(part, stems, lexicon)) if gap <= 1 else None
        if length > 1 and part[1].number is not None and _counts(part[0], lexicon):
            continue  # "number 4" is an item of the list, whatever else has that name
        end = start + length
        if cue is not None and (_cuts(cue, tokens, end, lexicon) or _names(cue, tokens, end, lexicon)):
            continue
        if cue is not None or meaning is not None:
            is_named = cue is None or (cue == _SKIP and length > 1) or "carrier" in cue.names
            return Element(part, cue, meaning if is_named else None, part[0].number if length == 1 else None)
    return None


def _cuts(cue: Cue, tokens: Sequence[Token], end: int, lexicon: Lexicon) -> bool:
    """Return whether a phrase takes the "more" of "show me more expensive", or the "less" of "costs less than"."""
    if cue.names.isdisjoint(_CUT) or end == len(tokens) or tokens[end].gap:
        return False
    compared = lexicon.phrases.cues.get((tokens[end - 1].text, tokens[end].text))
    return compared is not None and not compared.names.isdisjoint(_COMPARED)


def _names(cue: Cue, tokens: Sequence[Token], end: int, lexicon: Lexicon) -> bool:
    """Return whether a phrase takes the "that" of "skip that brand", which is no "skip that"."""
    if "leave_out" not in cue.names or end == len(tokens) or tokens[end].gap:
        return False
    following = lexicon.phrases.cues.get((tokens[end].text,))
    if following is not None:
        return following.field is not None
    return lexicon.has_text(tokens[end].text) or lexicon.meaning((tokens[end].stem,)) is not None


def _counts(token: Token, lexicon: Lexicon) -> bool:
    cue = lexicon.phrases.cues.get((token.text,))
    return cue is not None and "number_of" in cue.names


def _title(part: Sequence[Token], stems: tuple[str, ...], lexicon: Lexicon) -> Meaning | None:
    """Return the words of the beginning of a title, if they are more than words of the language or values in a row."""
    is_spoken = all(token.text in lexicon.phrases.known for token in part)
    if not lexicon.begins_title(stems) or is_spoken or lexicon.is_of_values(stems):
        return None
    return Meaning(Wish(None, (" ".join(token.text for token in part),)))


def _loose(tokens: Sequence[Token], start: int, lexicon: Lexicon) -> Element:
    """Return a number, a word of a title, or a token that nobody knows."""
    first = tokens[start]
    if first.number is not None:
        return Element((first,), number=first.number)
    if first.text[0] in _NUMERIC:
        return Element((first,))  # such as "-5", which is no word of a title
    for length in range(min(_LONGEST_RUN, len(tokens) - start), 1, -1):
        part = tuple(tokens[start : start + length])
        if all(token.text == token.shown and len(token.text) == 1 and not token.text.isascii() for token in part):
            text = "".join(token.text for token in part)
            if lexicon.has_text(text):
                return Element(part, meaning=Meaning(Wish(None, (text,))))
    if lexicon.has_text(first.text):
        return Element((first,), meaning=Meaning(Wish(None, (first.text,))))
    return Element((first,))


def _is_loose_word(element: Element) -> bool:
    return element.title is None and element.meaning == Meaning(Wish(None, (element.text,)))


def _with_whole_words(elements: Sequence[Element], lexicon: Lexicon) -> list[Element]:
    """Return the elements with words of titles that follow each other as one, where a title or fact has them all."""
    joined: list[Element] = []
    for element in elements:
        before = joined[-1] if joined else None
        if before is not None and element.gap == 0 and _is_loose_word(element) and _is_loose_word(before):
            text = f"{before.text} {element.text}"
            if lexicon.has_text(text):
                joined[-1] = Element((*before.tokens, *element.tokens), meaning=Meaning(Wish(None, (text,))))
                continue
        joined.append(element)
    return [_as_person(joined, index, lexicon) for index in range(len(joined))]


def _as_person(elements: Sequence[Element], index: int, lexicon: Lexicon) -> Element:
    """Return an element with the people that it names by surname, such as "Kubrick", if it means nothing else."""
    element, before = elements[index], elements[index - 1] if index else None
    is_everyday = all(token.text in lexicon.phrases.ordinary for token in element.tokens)
    is_part = before is not None and not element.gap and (before.is_unknown or _is_loose_word(before))
    if is_everyday or is_part or element.is_corrected or not _is_loose_word(element):
        return element
    person = lexicon.person(element.text)
    return element if person is None else replace(element, meaning=person)
