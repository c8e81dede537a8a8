"""The style and tone that a person keeps choosing become the default."""

import pytest

from edge_runtime.reasons.preference import N_CHOICES, SETTING, add_choice, read_choices
from edge_runtime.reasons.words import Style


class Memory:
    """Settings in memory."""

    def __init__(self, text: str | None = None) -> None:
        self.texts = {} if text is None else {SETTING: text}

    def setting(self, name: str) -> str | None:
        return self.texts.get(name)

    def swap(self, name: str, expected: str | None, value: str) -> bool:
        if self.texts.get(name) != expected:
            return False
        self.texts[name] = value
        return True


def chosen(*styles: Style) -> Style | None:
    settings = Memory()
    for style in styles:
        add_choice(settings, style, None)
    return read_choices(settings).style


def test_nothing_is_preferred_before_a_choice() -> None:
    choices = read_choices(Memory())

    assert (choices.style, choices.tone) == (None, None)


def test_the_most_frequent_choice_is_preferred() -> None:
    assert chosen("short", "detailed", "detailed", "short", "detailed") == "detailed"


def test_of_equally_frequent_choices_the_newest_is_preferred() -> None:
    assert chosen("short", "detailed") == "detailed"
    assert chosen("detailed", "short") == "short"


def test_only_the_newest_choices_count() -> None:
    before: list[Style] = ["short"] * 20
    after: list[Style] = ["detailed"] * (N_CHOICES // 2 + 1)

    assert chosen(*before, *after) == "detailed"


def test_style_and_tone_are_counted_each() -> None:
    settings = Memory()
    add_choice(settings, "detailed", None)
    add_choice(settings, None, "formal")

    choices = read_choices(settings)

    assert (choices.style, choices.tone) == ("detailed", "formal")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"styles": ["loud"]}', "null"])
def test_damaged_choices_count_as_none(text: str) -> None:
    settings = Memory(text)
    assert read_choices(settings).style is None

    add_choice(settings, "short", "casual")

    assert read_choices(settings).style == "short"
