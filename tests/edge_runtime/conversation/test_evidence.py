"""Which names of a chatty sentence are meant."""

import pytest

from benchmarks.sentence_meaning import Screen, Sentence, verdict
from edge_runtime.conversation.parsed import Context, Parsed
from edge_runtime.conversation.query import Query, Wish
from edge_runtime.conversation.typos import is_one_error
from edge_runtime.conversation.words import LANGUAGES, Language, phrases
from tests.chatty_sentences import CHATTY
from tests.golden_conversation import Shop

SHOP = Shop()
SHOWN = [item.item_id for item in SHOP.listed(Query(), ())]


def heard(text: str, language: Language = "en", about: int | None = None) -> Parsed:
    context = Context(SHOWN, None if about is None else SHOWN[about - 1], SHOP.hearing.facts)
    return SHOP.hearing.parse(text, language, context)


@pytest.mark.parametrize(("about", "text", "meaning"), CHATTY)
def test_a_chatty_sentence_does_what_it_means(about: int | None, text: str, meaning: str) -> None:
    screen = Screen(SHOWN, SHOP.hearing.facts, lambda item_id: SHOP.items.title[SHOP.row_of[item_id]])

    assert verdict(heard(text, about=about), Sentence("shop", "en", about, text, meaning), screen) == "right"


@pytest.mark.parametrize("text", ["something with down", '"down"', "nothing but down", "down"])
def test_an_everyday_word_is_a_name_after_a_wish_in_quotes_or_alone(text: str) -> None:
    assert heard(text).query.must == (Wish("material", ("goose down",)),)


def test_an_everyday_word_in_talk_is_said_not_to_be_understood() -> None:
    parsed = heard("I fell down the stairs")

    assert parsed.query == Query(intent="nothing")
    assert "down" in parsed.not_understood


def test_what_is_sure_counts_and_the_rest_is_said() -> None:
    parsed = heard("boots, my knees hurt")

    assert parsed.query.must == (Wish("categories", ("Boots",)),)
    assert parsed.not_understood == ("knees", "hurt")


@pytest.mark.parametrize("text", ["hates", "feather", "mother"])
def test_a_word_with_another_first_letter_is_no_typing_error(text: str) -> None:
    assert heard(text).query == Query(intent="nothing")


def test_a_short_name_is_corrected_beside_the_rest_of_it() -> None:
    assert heard("with Bn Reed").query.must[0].values == ("Ben Reed",)
    assert heard("with Bn").not_understood == ("Bn",)


@pytest.mark.parametrize("text", ["not Aster, they break", "nothing from Aster, I own two"])
def test_a_negation_ends_where_the_talk_begins(text: str) -> None:
    assert heard(text).query.must_not == (Wish("brand", ("Aster",)),)


def test_what_is_refused_is_not_preferred_either() -> None:
    query = heard("for the winter, but no goose down").query

    assert query.must_not == (Wish("material", ("goose down",)),)
    assert query.prefer == (Wish(None, ("winter", "merino wool", "alpine")),)


def test_a_negation_holds_over_the_commas_of_a_list() -> None:
    assert len(heard("no tea, coffee or soap").query.must_not) == 3


@pytest.mark.parametrize("word", ["my", "tea", "down", "with", "quizzical", "this", "to"])
def test_a_word_that_is_repeated_many_times_is_read_at_once(word: str) -> None:
    assert heard(f"{word} " * 60).problem is None


def test_what_is_somebodys_own_is_meant_only_after_a_wish() -> None:
    assert heard("my tent broke").query == Query(intent="nothing")
    assert heard("something for my boots").query.must == (Wish("categories", ("Boots",)),)


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("jm", "jim", True), ("bil", "bill", True), ("brad", "bard", True), ("reed", "read", True),
        ("reed", "reed", False), ("cheer", "her", False), ("hates", "dates", False), ("ab", "abcd", False),
    ],
)  # fmt: skip
def test_one_error_is_a_dropped_added_different_or_swapped_letter(first: str, second: str, is_one: bool) -> None:
    assert is_one_error(first, second) == is_one
    assert is_one_error(second, first) == is_one


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_knows_everyday_words(language: Language) -> None:
    spoken = phrases(language)

    assert len(spoken.ordinary) > 100
    assert spoken.subjects
    assert spoken.light
