"""Markup and program code in crawled titles are detected."""

import pytest

from train.data.readable import is_code, well_formed, without_markup


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("<b>Soap</b>", "Soap"),
        ("Rock <i>n</i> Roll", "Rock n Roll"),
        ("<script>alert(1)</script>Soap", "Soap"),
        ("<STYLE>a{}</STYLE >Soap", "Soap"),
        ("Soap<script>alert(1)", "Soap"),
        ('<span class="x">', ""),
        ("<svg/onload=alert(1)>", ""),
        ("<br/>Soap<!-- note -->", "Soap"),
        ("</span></span>", ""),
        ("Soap <a href='x", "Soap"),
        ("I <3 you", "I <3 you"),
        ("<Untitled>", "<Untitled>"),
        ("a < b > c", "a < b > c"),
        ("Q<A & more>", "Q<A & more>"),
    ],
)
def test_tags_are_removed_and_text_is_kept(written: str, words: str) -> None:
    assert " ".join(without_markup(written).split()) == words


@pytest.mark.parametrize(
    "title",
    [
        "var aPageStart = (new Date()).getTime();",
        "function f(a, b) { return a }",
        "window.ue_ihb = 1",
        "javascript:alert(1)",
        ".a-section { margin: 0; }",
    ],
)
def test_code_is_detected(title: str) -> None:
    assert is_code(title)


@pytest.mark.parametrize(
    "title", ["JavaScript: The Good Parts", "The Function (of) things", "{Braces: fine}", "Let It"]
)
def test_ordinary_text_is_not_code(title: str) -> None:
    assert not is_code(title)


def test_a_lone_surrogate_is_replaced_and_a_pair_is_joined() -> None:
    assert well_formed("Soap \ud83d\ude00 \ud800 é") == "Soap \N{GRINNING FACE} \ufffd é"
