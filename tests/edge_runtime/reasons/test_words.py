"""Formatting of catalogue text in sentences."""

import pytest

from edge_runtime.reasons.words import display_title, fill, is_informative, phrases, shorten


def test_a_long_title_is_truncated_at_a_word_boundary_without_trailing_punctuation() -> None:
    assert shorten("Soap, pure, mild, 100 g", 18) == "Soap, pure, mild…"


def test_a_title_of_maximum_length_is_not_truncated() -> None:
    assert shorten("a" * 60, 60) == "a" * 60


def test_a_long_word_is_truncated_inside() -> None:
    assert shorten("a" * 61, 60) == "a" * 59 + "…"


def test_length_is_counted_in_code_points() -> None:
    assert len(display_title("🎨" * 100)) == phrases().title_length


@pytest.mark.parametrize("value", ["Unknown", " N/A ", "—", "...", "", "\n", "GENERIC"])
def test_a_placeholder_is_not_informative(value: str) -> None:
    assert not is_informative(value)


@pytest.mark.parametrize("value", ["7", "漢", "É", "No. 5", "Genericorp"])
def test_other_values_are_informative(value: str) -> None:
    assert is_informative(value)


def test_braces_in_a_value_are_kept() -> None:
    assert fill("“{item}” {a}.", {"item": "{a} {past} {", "a": "is {item}"}) == "“{a} {past} {” is {item}."


@pytest.mark.parametrize("end", [".", "!", "?", "…"])
def test_a_sentence_has_one_final_punctuation_mark(end: str) -> None:
    assert fill("It {a}.", {"a": f"comes from Yes{end}"}) == f"It comes from Yes{end}"


def test_every_slot_of_every_skeleton_is_known() -> None:
    skeletons = phrases().skeletons
    every = [
        *skeletons.short.shared, *skeletons.short.own, *skeletons.detailed.shared_shared,
        *skeletons.detailed.shared_own, *skeletons.detailed.own_own, *skeletons.nothing,
    ]  # fmt: skip
    slots = dict.fromkeys(("item", "past", "a", "b", "both"), "x")

    filled = [fill(skeleton, slots) for skeleton in every]

    assert all("{" not in text and text.endswith(".") for text in filled)
    assert len(set(every)) == len(every)
