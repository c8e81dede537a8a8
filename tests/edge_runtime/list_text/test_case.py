"""What a list text may say: each item once and in order, allowed sentences only, and openings that are true."""

import json
import re
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.language_model.grammar import grammar_of_lines
from edge_runtime.list_text.case import Entry, ListCase, shown_title
from edge_runtime.list_text.cases import list_case
from edge_runtime.list_text.openings import openings, openings_by_language, taste
from edge_runtime.list_text.prompt import INSTRUCTION, prompt
from edge_runtime.reasons.claims import claims_of_list
from edge_runtime.reasons.evidence import without_engine
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.names import short_names
from edge_runtime.reasons.phrasebook import phrases_of
from edge_runtime.reasons.wordings import Speaker
from tests.tiny_items import make_items

CASE = ListCase(
    ("You keep coming back to “Aster”. What fits:", "Here is a list for you:"),
    (
        Entry("a", "“Rose Soap”", ("Same maker as your cream", "Also by Aster"), is_optional=True),
        Entry("b", "“Mint\nBox”", ()),
    ),
    ("Aster",),
)


def test_each_line_has_its_item_and_a_reason_that_tells_little_is_optional() -> None:
    assert CASE.lines() == (
        ("You keep coming back to “Aster”. What fits:\n", "Here is a list for you:\n"),
        (
            "1. “Rose Soap” \u2013 Same maker as your cream\n",
            "1. “Rose Soap” \u2013 Also by Aster\n",
            "1. “Rose Soap”\n",
        ),
        ("2. “Mint Box”\n",),
    )


def test_a_reason_that_tells_something_is_not_left_out() -> None:
    lines = ListCase(("Here:",), (Entry("a", "“Rose Soap”", ("Same maker as your cream",)),)).lines()

    assert lines[1] == ("1. “Rose Soap” \u2013 Same maker as your cream\n",)


def test_the_grammar_of_a_case_has_one_part_for_each_line() -> None:
    assert grammar_of_lines(CASE.lines()).count('"2. ') == 1


@given(st.lists(st.tuples(st.text(max_size=80), st.lists(st.text(max_size=40), max_size=3)), max_size=5))
def test_no_catalogue_text_breaks_a_line_or_is_said_twice(items: list[tuple[str, list[str]]]) -> None:
    entries = tuple(
        Entry(f"item-{row}", f"“{shown_title(title, 'x')}”", tuple(reasons))
        for row, (title, reasons) in enumerate(items)
    )

    lines = ListCase(("Here:",), entries).lines()

    assert len(lines) == len(items) + 1
    for number, alternatives in enumerate(lines):
        assert len(set(alternatives)) == len(alternatives)
        assert all(line.count("\n") == 1 and line.endswith("\n") for line in alternatives)
        assert number == 0 or all(line.startswith(f"{number}. “") for line in alternatives)


def test_the_prompt_has_the_taste_and_no_item_of_the_history() -> None:
    assert prompt(CASE) == f"{INSTRUCTION}taste: “Aster”\nstyle: short\nitems: 2\nlist:\n"


ITEMS = make_items(
    [f"title {row}" for row in range(9)],
    brand=[["Aster"], ["Aster"], ["Birch"], [], [], [], [], [], []],
    categories=[["Root", "Soap"], ["Root", "Soap"], ["Root", "Soap"], ["Root"], ["Root"], ["Root"], ["Root"], [], []],
    price=[["3.50"], ["3.50"], ["3.50"], [], [], [], [], [], []],
)


@pytest.mark.parametrize(
    ("history", "found"),
    [
        ([0, 1, 2], ("Soap", "Aster")),
        ([1, 2], ("Soap",)),
        ([0, 1], ("Aster", "Soap")),
        ([0, 0, 0], ()),
        ([3, 4, 5], ()),
        ([], ()),
    ],
)
def test_the_taste_is_what_several_items_of_the_history_have_and_few_of_the_catalogue(
    history: list[int], found: tuple[str, ...]
) -> None:
    assert taste(ITEMS, history) == found


def test_an_opening_names_the_values_and_nothing_else_is_filled() -> None:
    assert openings(("“{b}”", "“Soap”"))[0] == "You keep coming back to “{b}” and “Soap”. What fits:"
    assert openings(()) == openings_by_language()["en"].none


def test_no_two_items_sound_alike_whatever_is_chosen_while_there_are_wordings() -> None:
    popularity, history = np.full(9, 100, dtype=np.uint8), [2]
    finder = FactFinder(ITEMS, popularity)
    evidence = without_engine(history, [0, 1])
    names = short_names(finder, evidence.pasts)
    speaker = Speaker(phrases_of("en"), "short", "casual", names, {})
    claims = claims_of_list(finder, [0, 1], evidence, frozenset(names))
    said = {
        wording.text: wording.skeleton for of_item in claims for claim in of_item for wording in speaker.wordings(claim)
    }

    first, second = (
        {said[reason] for reason in entry.reasons}
        for entry in list_case(finder, [0, 1], claims, speaker, history).entries
    )

    assert len(first) > 1
    assert len(second) > 1
    assert not first & second


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="language must be one of 'en', 'de', 'fr', 'es', 'zh', got 'tlh'"):
        openings((), "tlh")


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "zh"])
def test_every_language_has_five_different_openings_with_the_same_slots(language: str) -> None:
    data = json.loads(files("edge_runtime.list_text").joinpath("openings.json").read_text("utf-8"))[language]

    for name, slots in (("two", "ab"), ("one", "a"), ("none", "")):
        assert len(set(data[name])) == 5
        for text in data[name]:
            assert [text.count(f"{{{slot}}}") for slot in "ab"] == [slot in slots for slot in "ab"]
            assert text.rstrip().endswith((":", "\uff1a"))


@pytest.mark.parametrize(
    ("language", "formal"),
    [
        ("de", r"\b(Sie|Ihnen|Ihr\w*)\b"),
        ("fr", r"\b(vous|votre|vos|\w+ez)\b"),
        ("es", r"\b(usted|su|sus)\b"),
        ("zh", "您"),
    ],
)
def test_openings_address_a_person_familiarly(language: str, formal: str) -> None:
    known = openings_by_language()[language]

    for text in (*known.two, *known.one, *known.none):
        assert not re.search(formal, text, re.IGNORECASE if language == "fr" else 0), text
