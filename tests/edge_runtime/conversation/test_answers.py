"""What is asked where little is sure, and what answers and chips say."""

import pytest

from edge_runtime.conversation.outcome import Answer
from edge_runtime.conversation.talk import Conversation
from edge_runtime.conversation.words import Language
from tests.golden_conversation import Shop

SHOP = Shop()


class Talk:
    """One conversation about the shop."""

    def __init__(self, language: Language = "en") -> None:
        self._conversation = Conversation()
        self._language = language

    def say(self, text: str) -> Answer:
        return self._conversation.say(
            text, self._language, SHOP.hearing, SHOP.listed, lambda item_id: f"because of {item_id}"
        )


def texts(answer: Answer) -> list[str]:
    return [chip.text for chip in answer.chips]


def test_a_word_of_which_little_is_sure_is_asked_about_and_changes_nothing() -> None:
    answer = Talk().say("we want rose water")

    assert answer.text == "Do you mean rose?"
    assert answer.question is not None
    assert answer.question.options == ("rose", "no")
    assert answer.chips == ()


@pytest.mark.parametrize("reply", ["yes", "rose", "the first"])
def test_the_reading_that_is_chosen_counts(reply: str) -> None:
    talk = Talk()
    talk.say("we want rose water")

    assert texts(talk.say(reply)) == ["rose"]


@pytest.mark.parametrize("reply", ["no", "none of these", "the second"])
def test_a_reading_that_is_declined_changes_nothing(reply: str) -> None:
    talk = Talk()
    talk.say("we want rose water")
    answer = talk.say(reply)

    assert answer.text == "All right, nothing changes."
    assert answer.chips == ()
    assert talk.say("undo").text == "There is nothing to take back."


@pytest.mark.parametrize(
    ("language", "texts_before", "undo", "answer"),
    [
        ("en", ["no coffee", "coffee please"], "undo", "All right, nothing changes."),
        ("en", ["no coffee", "coffee please"], "never mind", "All right, nothing changes."),
        ("de", ["ohne Kaffee", "Kaffee"], "abbrechen", "Gut, alles bleibt, wie es ist."),
        ("fr", ["sans café", "du café"], "Annuler", "D’accord, rien ne change."),  # noqa: RUF001
        ("es", ["sin café", "café"], "cancelar", "Vale, no cambia nada."),
        ("zh", ["不要咖啡", "咖啡"], "取消", "好的，不做改变。"),  # noqa: RUF001
    ],
)
def test_undo_drops_an_open_question_and_keeps_what_was_said_before(
    language: Language, texts_before: list[str], undo: str, answer: str
) -> None:
    talk = Talk(language)
    before, asked = map(talk.say, texts_before)
    dropped = talk.say(undo)

    assert asked.question is not None
    assert (dropped.text, dropped.question, dropped.chips) == (answer, None, before.chips)
    assert talk.say(undo).chips == ()


@pytest.mark.parametrize("text", ["undo everything", "take everything back"])
def test_undo_everything_takes_back_all_sentences(text: str) -> None:
    talk = Talk()
    talk.say("no coffee")
    talk.say("tents")

    assert talk.say(text).chips == ()
    assert len(talk.say("undo").chips) == 2


def test_an_item_without_the_value_that_is_referred_to_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SHOP.hearing, "facts", lambda item_id: {})

    answer = Talk().say("same brand as number 2")

    assert answer.text == "I don't know the brand of “Birch & Co Drift Ground Coffee”."


def test_another_sentence_instead_of_a_reply_drops_the_question() -> None:
    talk = Talk()
    talk.say("we want rose water")

    assert texts(talk.say("tents")) == ["Tents"]
    assert texts(talk.say("yes")) == ["Tents"]


@pytest.mark.parametrize("text", ["rose soap", "something with rose", "leather boots", "only Aster", "tents"])
def test_a_clear_sentence_is_not_asked_about(text: str) -> None:
    answer = Talk().say(text)

    assert answer.question is None
    assert answer.chips


def test_a_no_to_a_question_without_such_a_reply_chooses_none() -> None:
    talk = Talk()
    assert talk.say("not that brand").question is not None

    answer = talk.say("no")

    assert answer.text == "All right, nothing changes."
    assert answer.chips == ()


def test_a_chip_of_many_values_says_the_word_that_was_said_and_has_them_as_details() -> None:
    (chip,) = Talk().say("blue things").chips

    assert chip.text == "blue"
    assert chip.details == "night blue or lake blue"


def test_a_chip_of_an_item_has_its_whole_title_as_details() -> None:
    (chip,) = Talk().say("more like the second").chips

    assert chip.text == "like Birch & Co Drift Ground Coffee"
    assert chip.details == "like Birch & Co Drift Ground Coffee, red"


def test_a_chip_that_says_all_has_no_details() -> None:
    (chip,) = Talk().say("no coffee").chips

    assert (chip.text, chip.details) == ("no Coffee", "")


def test_an_answer_says_what_is_new_and_not_what_counted_before() -> None:
    talk = Talk()
    talk.say("no coffee")

    assert talk.say("under 30").text == "OK, under 30."
    assert talk.say("under 30").text == "That counts already."


def test_a_fact_that_the_catalogue_lacks_is_said_with_those_that_it_has() -> None:
    answer = Talk().say("something by author Austen")

    assert answer.text.startswith("There is no author here to go by, only brand, ")
    assert answer.chips == ()


def test_many_words_that_were_not_understood_are_not_repeated() -> None:
    answer = Talk().say("zig zag zog zug")

    assert answer.not_understood == ("zig", "zag", "zog", "zug")
    assert "zog" not in answer.text


def test_words_beside_a_wish_that_were_not_understood_are_left_out() -> None:
    assert Talk().say("quizzical tents").text == "OK, Tents. I left out “quizzical”."


def test_a_number_beyond_the_list_is_answered_with_its_length() -> None:
    assert Talk().say("more like 9").text == "The list has only 6."


def test_cheaper_is_below_the_list_again_when_the_item_that_was_talked_about_left_it() -> None:
    talk = Talk()
    talk.say("why the third?")
    first = talk.say("cheaper").chips[0].text

    assert talk.say("cheaper").chips[0].text != first
