"""The words of all languages."""

import re

import msgspec
import pytest

from edge_runtime.conversation.words import LANGUAGES, Language, phrases, words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_cues_answers_chips_and_replies(language: Language) -> None:
    here, english = words(language), words("en")

    assert set(here.cues) == set(english.cues)
    assert set(here.fields) == set(english.fields)
    assert set(here.answers) == set(english.answers)
    assert set(here.chips) == set(english.chips)
    assert set(here.replies) == set(english.replies)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_answer_has_the_slots_of_the_english_one(language: Language) -> None:
    for name, text in {**words("en").answers, **words("en").chips}.items():
        here = {**words(language).answers, **words(language).chips}[name]
        assert _slots(here) == _slots(text), name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_can_say_the_main_things(language: Language) -> None:
    cues = words(language).cues

    for name in ("undo", "reset", "why", "surprise", "more", "not", "like", "less", "below", "this", "same", "other"):
        assert cues[name], name
    assert {"1", "2", "3", "-1"} <= set(words(language).positions)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_phrase_is_empty_after_its_words_are_split(language: Language) -> None:
    assert () not in phrases(language).cues
    assert msgspec.json.encode(words(language)).count(b'""') == 0


def test_french_has_no_straight_apostrophe_and_a_no_break_space_before_high_marks() -> None:
    for text in [*words("fr").answers.values(), *words("fr").chips.values()]:
        assert "'" not in text
        assert re.search("[^\u00a0][:;!?»]|«[^\u00a0]", text) is None, text


def test_spanish_opens_each_question() -> None:
    for text in words("es").answers.values():
        assert text.count("¿") == text.count("?"), text


def test_chinese_has_no_marks_of_other_scripts_and_one_form_of_address() -> None:
    for text in [*words("zh").answers.values(), *words("zh").chips.values()]:
        assert re.search('[,.;:!?"()]|您', text) is None, text


def _slots(text: str) -> list[str]:
    return sorted(part.split("}")[0] for part in text.split("{")[1:])
