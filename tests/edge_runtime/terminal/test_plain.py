"""Text from data is printed literally and cannot control a terminal."""

import pytest

from edge_runtime.terminal.plain import about, plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", " [2Jgone"),
        ("\x1b]0;window\x07", " ]0;window "),
        ("\x9b31mred", " 31mred"),
        ("one\r\ntwo\u2028three", "one  two three"),
        ("a\u202eb\u061cc\u2066d\ufeff", "a b c d "),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
        ("tab\there", "tab here"),
        ("a\u115fb\u1160c\u3164d\uffa0", "a b c d "),
        ("\U000e0001\U000e0041tagged", "  tagged"),
    ],
)
def test_control_and_invisible_characters_are_replaced(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Crème brûlée №5, 50\u00a0ml",
        "نمی\u200cشود",  # the joiner is part of the Persian spelling
        "👩\u200d🚀",
        "क्\u200dष",
        "❤\ufe0f",
        "[/x] [bold]:heart:",
        "\ue000 \U000323b0",  # private use, and a letter newer than Python 3.11
    ],
)
def test_unusual_but_harmless_characters_stay(text: str) -> None:
    assert plain(text) == text


def test_a_multi_line_text_keeps_its_lines() -> None:
    assert plain_lines("first\n\x1bsecond\r\n") == "first\n second \n"


def test_facts_are_formatted_on_one_line() -> None:
    assert about({"categories": ["Bath", "Soap"], "brand": ["A\nB"]}) == "A B, Soap"
