"""Formatting of catalogue text in sentences."""

import pytest

from edge_runtime.reasons.words import (
    capitalized,
    display_title,
    fill,
    is_informative,
    is_plain,
    lower_words,
    rules,
    shorten,
)


def test_a_long_title_is_truncated_at_a_word_boundary_without_trailing_punctuation() -> None:
    assert shorten("Soap, pure, mild, 100 g", 18) == "Soap, pure, mild…"


def test_a_title_of_maximum_length_is_not_truncated() -> None:
    assert shorten("a" * 60, 60) == "a" * 60


def test_a_long_word_is_truncated_inside() -> None:
    assert shorten("a" * 61, 60) == "a" * 59 + "…"


def test_length_is_counted_in_code_points() -> None:
    assert len(display_title("🎨" * 100)) == rules().title_length


@pytest.mark.parametrize("value", ["Unknown", " N/A ", "—", "...", "", "\n", "GENERIC"])
def test_a_placeholder_is_not_informative(value: str) -> None:
    assert not is_informative(value)


@pytest.mark.parametrize("value", ["7", "漢", "É", "No. 5", "Genericorp"])
def test_other_values_are_informative(value: str) -> None:
    assert is_informative(value)


def test_braces_in_a_value_are_kept() -> None:
    assert fill("“{item}” {a}.", {"item": "{a} {past} {", "a": "is {item}"}) == "“{a} {past} {” is {item}."


@pytest.mark.parametrize("text", ["OPI", "Dr. Scholl's", "nail polish", "Petrel & Co", "L.A. Girl", "漢字"])
def test_a_few_words_are_plain(text: str) -> None:
    assert is_plain(text)


@pytest.mark.parametrize(
    "text", ["Aster, and it is free", "It works. Buy", "one two three four five", "a" * 33, "x: y"]
)
def test_what_could_be_a_sentence_is_not_plain(text: str) -> None:
    assert not is_plain(text)


def test_small_letters_are_used_for_words_that_are_not_abbreviations() -> None:
    assert lower_words("BB Cream & Nail-Polish X") == "BB cream & nail-polish X"


def test_the_first_letter_becomes_a_capital_if_that_is_one_letter() -> None:
    assert (capitalized("ärmel"), capitalized("ßa"), capitalized("")) == ("Ärmel", "ßa", "")
