"""The phrases of a language: data in `phrases/`, one schema for all, shared with the browser runtime."""

from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

import msgspec

from edge_runtime.reasons.words import Tone

Language = Literal["en", "de", "fr", "es", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
ENGLISH: Final[Language] = "en"

Wordings = dict[Tone, tuple[str, ...]]


class Again(msgspec.Struct, frozen=True):
    """How it is said that an item is of the kind by which the cited one is called: ``Another oil, after yours``.

    Attributes:
        wordings: with the slots ``name``, the kind of the cited item, and ``past``, which is one of the other two.
        one: tone to event name to the cited item, as ``past`` of the phrases.
        made: the same for an item that is called by its ``maker`` and kind.
    """

    wordings: Wordings
    one: dict[Tone, dict[str, str]]
    made: dict[Tone, dict[str, str]]


class Phrases(msgspec.Struct, frozen=True):
    """The phrases of a language. No phrase ends with a full stop.

    Attributes:
        language: its code.
        quotes: opening and closing quotation mark.
        lower_kinds: whether a kind, such as ``Nail Polish``, is written with small letters in a sentence.
        past: tone to event name to how an item of the history is named; ``any`` for other and unknown events. An item
            that is named by its title is its title between quotation marks in every case.
        shared: group of fields to the wordings for a value that both items have; without the groups whose fields are
            all weak, which are only said in ``also``.
        again: the wordings for a kind by which the cited item is called; None in languages where it is called by its
            title then.
        verbs: tone to kind of catalogue to the verb for taking an item: ``pick``, ``watch`` or ``read``, in the forms
            of the slots ``do``, ``did`` and ``done``.
        follows: wordings for an item that often follows the other.
        because: wordings for an item whose score falls without the other.
        popular: wordings for an item that many people take.
        nothing: wordings where nothing else is true, and a person asks.
        also: group, or ``follows`` or ``popular``, to the second part of a detailed reason.
        detailed: wordings that join both parts.
    """

    language: str
    quotes: tuple[str, str]
    lower_kinds: bool
    past: dict[Tone, dict[str, str]]
    shared: dict[str, Wordings]
    again: Again | None
    verbs: dict[Tone, dict[str, dict[str, str]]]
    follows: Wordings
    because: Wordings
    popular: Wordings
    nothing: Wordings
    also: dict[str, str]
    detailed: Wordings

    def quoted(self, text: str) -> str:
        """Return a cleaned text between quotation marks."""
        return f"{self.quotes[0]}{text}{self.quotes[1]}"


@cache
def phrases_of(language: str) -> Phrases:
    """Return the phrases of a language (cached).

    Raises:
        ValueError: there are none.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(map(repr, LANGUAGES))}, got {language!r}")
    data = files("edge_runtime.reasons").joinpath("phrases", f"{language}.json").read_bytes()
    return msgspec.json.decode(data, type=Phrases)
