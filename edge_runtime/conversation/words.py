"""The words of a language: cues, function words, synonyms, and the sentences of answers (`words/*.json`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

import msgspec

from edge_runtime.conversation.tokens import texts_of

Language = Literal["en", "de", "fr", "es", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

LENGTHS: Final = frozenset({"duration", "reading_minutes"})
"""Facts that say how long something is, in minutes."""

Texts = tuple[str, ...]
Correction = Literal["correction", "hesitation", "filler", "no"]
"""What a phrase does within words that take something back, such as "no, sorry, I mean"."""


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file of `words/`.

    Attributes:
        cues: name of a cue to its phrases; the parser gives the cues their meaning, and the page shows the first phrase
            of some as an example.
        positions: number of an item of the list to its phrases; -1 is the last.
        numbers: numbers as words.
        decades: first year of a decade to its phrases.
        fields: fact to the words that name it.
        skip: words without a meaning of their own.
        subjects: words that a clause about somebody or something begins with.
        statements: verbs such as "is", which make a clause a statement where they do not begin it.
        questions: words that a question begins with, beside the verbs.
        possessives: words such as "my": what follows belongs to somebody, and is not asked for.
        corrections: phrases that take back what was said before them in the sentence, such as "I mean".
        hesitations: those that do so only beside a mark, such as "sorry".
        fillers: words that may stand within such a phrase, beside the replies that say no.
        speakers: those subjects that are the person who speaks.
        every: words such as "any", after which a "but" excludes.
        light: function words that say nothing beside a name.
        ordinary: everyday words, which are names and words of titles only where something says so.
        capitals: whether a capital letter within a sentence says that a word is a name.
        decimal: the decimal mark.
        same: phrase to catalogue words that mean the same; those that the catalogue lacks do not count.
        related: phrase to catalogue words that suit it, which are preferred and not required.
        answers: sentences of answers, with slots.
        chips: texts of chips, with slots.
        lengths: cues of a catalogue that knows how long things are; ``name`` is what that fact is called, and a number
            of minutes has the phrases that mean it, such as "half an hour".
        replies: replies to a question.
    """

    cues: dict[str, tuple[str, ...]]
    positions: dict[str, tuple[str, ...]]
    numbers: dict[str, tuple[str, ...]]
    decades: dict[str, tuple[str, ...]]
    fields: dict[str, tuple[str, ...]]
    skip: tuple[str, ...]
    subjects: tuple[str, ...]
    statements: tuple[str, ...]
    questions: tuple[str, ...]
    possessives: tuple[str, ...]
    light: tuple[str, ...]
    ordinary: tuple[str, ...]
    same: dict[str, tuple[str, ...]]
    related: dict[str, tuple[str, ...]]
    answers: dict[str, str]
    chips: dict[str, str]
    replies: dict[str, tuple[str, ...]]
    lengths: dict[str, tuple[str, ...]]
    speakers: tuple[str, ...] = ()
    every: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()
    hesitations: tuple[str, ...] = ()
    fillers: tuple[str, ...] = ()
    capitals: bool = True
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class Cue:
    """What a phrase of a language may mean.

    Attributes:
        names: names of cues; ``skip`` for a word without a meaning of its own.
        position: number of an item of the list, or None.
        number: the number that it is, or None.
        decade: first year of a decade, or None.
        field: the fact that it names, or None.
    """

    names: frozenset[str] = frozenset()
    position: int | None = None
    number: float | None = None
    decade: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of a language by their words.

    Attributes:
        words: the data.
        cues: the words of a phrase to its meaning.
        longest: the largest number of words of a phrase.
        known: every word that is in a phrase.
        subjects: as in :class:`Words`.
        statements: as in :class:`Words`.
        questions: as in :class:`Words`, with the verbs of statements.
        possessives: as in :class:`Words`.
        light: as in :class:`Words`.
        speakers: as in :class:`Words`.
        every: as in :class:`Words`.
        ordinary: as in :class:`Words`.
        corrections: the words of phrases that take something back, or that stand beside such ones.
    """

    words: Words
    cues: Mapping[Texts, Cue]
    longest: int
    known: frozenset[str]
    subjects: frozenset[str]
    statements: frozenset[str]
    questions: frozenset[str]
    possessives: frozenset[str]
    light: frozenset[str]
    speakers: frozenset[str]
    every: frozenset[str]
    ordinary: frozenset[str]
    corrections: Mapping[Texts, Correction]


def checked_language(language: str) -> Language:
    """Return a language.

    Raises:
        ValueError: there are no words of it.
    """
    for known in LANGUAGES:
        if language == known:
            return known
    raise ValueError(f"language must be one of {', '.join(map(repr, LANGUAGES))}, got {language!r}")


@cache
def words(language: Language) -> Words:
    """Return the words of a language (cached)."""
    data = files("edge_runtime.conversation").joinpath("words", f"{language}.json").read_bytes()
    return msgspec.json.decode(data, type=Words)


@cache
def phrases(language: Language, *, has_lengths: bool = False) -> Phrases:
    """Return the phrases of a language by their words (cached).

    Args:
        language: the language.
        has_lengths: whether the catalogue knows how long things are, so that "shorter" asks for something.
    """
    spoken = words(language)
    names: dict[Texts, set[str]] = {}
    lengths = spoken.lengths if has_lengths else {}
    for name, listed in [*spoken.cues.items(), ("skip", spoken.skip), *lengths.items()]:
        for text in listed:
            names.setdefault(texts_of(text), set()).add("minutes" if name.isdecimal() else name)
    positions = {texts_of(text): int(key) for key, listed in spoken.positions.items() for text in listed}
    times = {key: listed for key, listed in lengths.items() if key.isdecimal()}
    numbers = {
        texts_of(text): float(key) for key, listed in [*spoken.numbers.items(), *times.items()] for text in listed
    }
    decades = {texts_of(text): int(key) for key, listed in spoken.decades.items() for text in listed}
    fields = {texts_of(text): key for key, listed in spoken.fields.items() for text in listed}
    cues = {
        texts: Cue(
            frozenset(names.get(texts, ())),
            positions.get(texts),
            numbers.get(texts),
            decades.get(texts),
            fields.get(texts),
        )
        for texts in {**names, **positions, **numbers, **decades, **fields}
        if texts
    }
    known = frozenset(word for texts in [*cues, *map(texts_of, [*spoken.same, *spoken.related])] for word in texts)
    subjects, statements, questions, possessives, light, speakers, every, ordinary = (
        frozenset(word for text in texts for word in texts_of(text))
        for texts in (
            spoken.subjects,
            spoken.statements,
            (*spoken.statements, *spoken.questions),
            spoken.possessives,
            spoken.light,
            spoken.speakers,
            spoken.every,
            spoken.ordinary,
        )
    )
    return Phrases(
        spoken,
        cues,
        max(map(len, cues)),
        known,
        subjects,
        statements,
        questions,
        possessives,
        light,
        speakers,
        every,
        ordinary,
        _corrections(spoken),
    )


def _corrections(spoken: Words) -> dict[Texts, Correction]:
    listed: tuple[tuple[Correction, Sequence[str]], ...] = (
        ("no", spoken.replies["no"]),
        ("filler", spoken.fillers),
        ("hesitation", spoken.hesitations),
        ("correction", spoken.corrections),
    )
    return {texts_of(text): kind for kind, texts in listed for text in texts}
