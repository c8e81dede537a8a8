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
    both = phrase_of(spoken.words.answers["both"])
    for name, index in (("yes", 0), ("no", -1), ("both", 1)):
        if said in map(phrase_of, spoken.words.replies[name]):
            return options[index] if name != "both" or phrase_of(options[1].text) == both else None
    exact = [option for option in options if phrase_of(option.text) == said]
    part = [option for option in options if set(said) <= set(phrase_of(option.text))]
    return exact[0] if exact else part[0] if len(part) == 1 else None


def _position(text: str, spoken: Phrases) -> int | None:
    """Return the position that a reply such as "the first one" names."""
    found = [spoken.cues.get((word,)) for word in texts_of(text)]
    positions = [cue.position for cue in found if cue is not None and cue.position is not None]
    is_all = all(cue is not None and (cue.position is not None or "skip" in cue.names) for cue in found)
    return positions[0] if len(positions) == 1 and is_all else None
