"""Splitting and stemming of texts in any script."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.search.words import stem, words_of
from tests.golden_search import PATH

GOLDEN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
LETTERS = st.text(alphabet="abdefghilmnoprstuxyz", min_size=3, max_size=12)


@pytest.mark.parametrize(("text", "words"), GOLDEN["words"])
def test_the_words_match_the_golden_file(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(("word", "common"), GOLDEN["stems"])
def test_the_stems_match_the_golden_file(word: str, common: str) -> None:
    assert stem(word) == common


@given(st.text())
def test_splitting_is_idempotent(text: str) -> None:
    words = words_of(text)

    assert all(words)
    assert all(word == word.strip() and " " not in word for word in words)
    assert words_of(text.upper().lower()) == words_of(text.upper().lower().lower())


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_ascii_fast_path_gives_the_same_words(text: str) -> None:
    longer = words_of(f"{text} é")

    assert longer == [*words_of(text), "e"]


@given(LETTERS.filter(lambda word: word[-1] not in "sy"))
def test_a_plural_in_s_has_the_stem_of_its_word(word: str) -> None:
    assert stem(word + "s") == stem(word)


@given(LETTERS, st.sampled_from(["x", "ss", "sh", "ch", "z"]))
def test_a_plural_in_es_has_the_stem_of_its_word(word: str, ending: str) -> None:
    assert stem(word + ending + "es") == stem(word + ending)


@given(LETTERS)
def test_a_plural_in_ies_has_the_stem_of_its_word(word: str) -> None:
    assert stem(word + "ies") == stem(word + "y") == stem(word + "ie")
