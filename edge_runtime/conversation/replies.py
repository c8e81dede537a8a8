"""Which option of a question a reply means."""

from collections.abc import Sequence
from typing import Final

from edge_runtime.conversation.memory import Option
from edge_runtime.conversation.tokens import phrase_of, texts_of
from edge_runtime.conversation.words import Language, Phrases, phrases

_DIGITS: Final = frozenset("123456789")


def chosen(options: Sequence[Option], text: str, language: Language) -> Option | None:
    """Return the option that a reply names: its text or a part of it, its position, yes, no or both."""
    said = phrase_of(text)
    if not options or not said:
        return None
    spoken = phrases(language)
    position = _position(text, spoken)
    if position is not None and (position == -1 or position <= len(options)):
        return options[position if position < 0 else position - 1]
    for name, option in _named(options, spoken).items():
        if said in map(phrase_of, spoken.words.replies[name]):
            return option
    exact = [option for option in options if phrase_of(option.text) == said]
    part = [option for option in options if set(said) <= set(phrase_of(option.text))]
    return exact[0] if exact else part[0] if len(part) == 1 else None


def declines(text: str, language: Language) -> bool:
    """Return whether a reply is a mere "no"."""
    return phrase_of(text) in map(phrase_of, phrases(language).words.replies["no"])


def _named(options: Sequence[Option], spoken: Phrases) -> dict[str, Option | None]:
    """Return the options that "yes", "no" and "both" mean; "yes" is none of several."""
    both = phrase_of(spoken.words.answers["both"])
    return {
        "yes": options[0] if len(options) <= 2 else None,
        "no": options[-1] if options[-1].is_no else None,
        "both": next((option for option in options if phrase_of(option.text) == both), None),
    }


def _position(text: str, spoken: Phrases) -> int | None:
    """Return the position that a reply such as "the first one", "2" or "number 2" names."""
    said = texts_of(text)
    named = tuple(word for word in said if not _is_a(word, "skip", spoken))
    for words in (said, named, tuple(word for word in named if not _is_a(word, "number_of", spoken))):
        if len(words) == 1 and words[0] in _DIGITS:
            return int(words[0])
        cue = spoken.cues.get(tuple(words))
        if cue is not None and cue.position is not None:
            return cue.position
    return None


def _is_a(word: str, name: str, spoken: Phrases) -> bool:
    cue = spoken.cues.get((word,))
    return cue is not None and name in cue.names
