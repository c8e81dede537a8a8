"""Which style and tone of reasons a person keeps choosing, kept with the settings of the state file.

The newest choices are counted, and the most frequent one is the default; of equally frequent ones the newest.
Forgetting erases them with everything else.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from edge_runtime.reasons.words import Style, Tone

SETTING: Final = "reasons.choices"
N_CHOICES: Final = 10
"""Choices that count, the newest ones; of the style and of the tone each."""

_TRIES: Final = 5

Chosen = TypeVar("Chosen", Style, Tone)


class Settings(Protocol):
    """The settings of a state file."""

    def setting(self, name: str) -> str | None:
        """Return a setting, or None."""
        ...

    def swap(self, name: str, expected: str | None, value: str) -> bool:
        """Save a setting if it still has the expected value; return whether it was saved."""
        ...


class Choices(msgspec.Struct, frozen=True):
    """The newest choices, oldest first."""

    styles: tuple[Style, ...] = ()
    tones: tuple[Tone, ...] = ()

    @property
    def style(self) -> Style | None:
        """The style that was chosen most often; None if none was chosen."""
        return _most_frequent(self.styles)

    @property
    def tone(self) -> Tone | None:
        """The tone that was chosen most often; None if none was chosen."""
        return _most_frequent(self.tones)


def read_choices(settings: Settings) -> Choices:
    """Return the choices; none if they are missing or damaged."""
    return _parsed(settings.setting(SETTING))


def add_choice(settings: Settings, style: Style | None, tone: Tone | None) -> None:
    """Count a choice of a style, of a tone or of both.

    Raises:
        StateError: it could not be saved.
    """
    for _ in range(_TRIES):  # another process may choose at the same time
        before = settings.setting(SETTING)
        choices = _parsed(before)
        styles = (*choices.styles, style) if style else choices.styles
        tones = (*choices.tones, tone) if tone else choices.tones
        after = Choices(styles[-N_CHOICES:], tones[-N_CHOICES:])
        if settings.swap(SETTING, before, msgspec.json.encode(after).decode()):
            return


def _parsed(text: str | None) -> Choices:
    try:
        choices = msgspec.json.decode(text or "{}", type=Choices)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return Choices()
    return Choices(choices.styles[-N_CHOICES:], choices.tones[-N_CHOICES:])


def _most_frequent(chosen: Sequence[Chosen]) -> Chosen | None:
    counts = Counter(reversed(chosen))  # of equal counts, the first one that was counted: the newest
    return counts.most_common(1)[0][0] if counts else None
