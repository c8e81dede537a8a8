"""The words of all languages."""

import re

import msgspec
import numpy as np
import pytest

from edge_runtime.conversation.lexicon import Lexicon
from edge_runtime.conversation.query import Query
from edge_runtime.conversation.rules import Context, RuleParser
from edge_runtime.conversation.words import LANGUAGES, Language, phrases, words
from edge_runtime.search.finder import Finder
from tests.tiny_items import make_items


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


_GENRES = ["comedy", "horror", "romance"]


@pytest.mark.parametrize(
    ("language", "text", "genre"),
    [
        ("de", "was romantisches", "romance"), ("de", "was witziges", "comedy"), ("fr", "un film drôle", "comedy"),
        ("fr", "un film romantique", "romance"), ("es", "una peli de miedo", "horror"),
        ("es", "algo romántico", "romance"), ("zh", "有没有好笑的电影", "comedy"),
    ],
)  # fmt: skip
def test_a_genre_is_named_by_its_adjective_or_effect(language: Language, text: str, genre: str) -> None:
    assert [wish.values for wish in _query(language, text).must] == [(genre,)]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "hast du nichts günstigeres?"), ("fr", "t'as pas moins cher ?"),
        ("fr", "vous n'auriez pas moins cher ?"), ("es", "¿no tienes algo más barato?"),
    ],
)  # fmt: skip
def test_a_question_in_the_negative_is_a_wish(language: Language, text: str) -> None:
    assert [limit.than_shown for limit in _query(language, text).limits] == ["less"]


@pytest.mark.parametrize(
    ("language", "text", "intent"),
    [
        ("de", "lies mir die Liste vor", "list"), ("fr", "redonne-moi la liste", "list"),
        ("es", "léeme la lista otra vez", "list"), ("de", "zeig mir noch mehr", "more"),
        ("fr", "montre-m'en plus", "more"), ("es", "enséñame más", "more"), ("zh", "再看几个", "more"),
    ],
)  # fmt: skip
def test_the_list_and_more_are_asked_for_in_many_words(language: Language, text: str, intent: str) -> None:
    assert _query(language, text).intent == intent


def _query(language: Language, text: str) -> Query:
    items = make_items(
        [f"Drift {genre}" for genre in _GENRES], categories=[[genre] for genre in _GENRES], price=[["5"], ["7"], ["9"]]
    )
    finder = Finder(items, np.zeros(len(_GENRES), dtype=np.uint8))
    parser = RuleParser(Lexicon(items, finder, phrases(language), []), items.item_id)
    return parser.parse(text, Context(items.item_id, None, lambda _: {})).query


def _slots(text: str) -> list[str]:
    return sorted(part.split("}")[0] for part in text.split("{")[1:])
