"""Which option of a question a reply means."""

from collections.abc import Sequence

from edge_runtime.conversation.memory import Option
from edge_runtime.conversation.tokens import phrase_of, texts_of
from edge_runtime.conversation.words import Language, Phrases, phrases


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
    """Return the position that a reply such as "the first one" names."""
    found = [spoken.cues.get((word,)) for word in texts_of(text)]
    positions = [cue.position for cue in found if cue is not None and cue.position is not None]
    is_all = all(cue is not None and (cue.position is not None or "skip" in cue.names) for cue in found)
    return positions[0] if len(positions) == 1 and is_all else None
