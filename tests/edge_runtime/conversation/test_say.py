"""Sentences of a person, from `Recommender.say` to the list."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime import Recommender, UnknownItemError
from edge_runtime.conversation.memory import Memory, State
from edge_runtime.conversation.parts import Part
from edge_runtime.conversation.query import Limit, Wish


@pytest.fixture
def recommender(bundle: Path) -> Iterator[Recommender]:
    with Recommender.open(bundle) as opened:
        yield opened


def brands(recommender: Recommender) -> list[list[str]]:
    return [item.facts["brand"] for item in recommender.recommend(40, conversation=True)]


def test_what_is_not_wanted_leaves_the_list(recommender: Recommender) -> None:
    answer = recommender.say("nothing from Aster please", k=40)

    assert answer.understood.must_not == (Wish("brand", ("Aster",)),)
    assert [chip.text for chip in answer.chips] == ["no Aster"]
    assert answer.items
    assert all("Aster" not in item.facts.get("brand", []) for item in answer.items)


def test_a_typing_error_is_understood(recommender: Recommender) -> None:
    assert recommender.say("only Dahila").understood.must == (Wish("brand", ("Dahlia",)),)


def test_several_sentences_add_up(recommender: Recommender) -> None:
    recommender.say("something from Aster or Birch")
    answer = recommender.say("but not for hair", k=40)

    assert {brand for item in answer.items for brand in item.facts["brand"]} == {"Aster", "Birch"}
    assert all("Hair" not in item.facts.get("categories", []) for item in answer.items)
    assert len(answer.chips) == 2


def test_cheaper_is_below_the_median_of_what_is_shown(recommender: Recommender) -> None:
    shown = [item.item_id for item in recommender.recommend(3)]
    recommender.set_facts({item_id: {"price": price} for item_id, price in zip(shown, (5, 7, 9), strict=True)})

    answer = recommender.say("cheaper", shown=shown)

    assert [item.item_id for item in answer.items] == [shown[0]]
    assert answer.text == "OK, under 7."


def test_cheaper_without_prices_is_said_and_changes_nothing(recommender: Recommender) -> None:
    before = [item.item_id for item in recommender.recommend(5)]

    answer = recommender.say("cheaper", k=5)

    assert answer.text == "There is no price here to go by, only brand and category."
    assert answer.chips == ()
    assert [item.item_id for item in answer.items] == before


def test_that_brand_is_the_one_that_was_talked_about(recommender: Recommender) -> None:
    item = recommender.recommend(3)[1]
    recommender.say("why the second?")

    answer = recommender.say("not that brand", k=40)

    assert answer.understood.must_not == (Wish("brand", tuple(item.facts["brand"])),)


def test_that_brand_is_asked_about_if_no_item_was_talked_about(recommender: Recommender) -> None:
    answer = recommender.say("not that brand")
    assert answer.question is not None
    assert answer.chips == ()

    chosen = answer.question.options[1]
    assert [chip.text for chip in recommender.say("the second one").chips] == [f"no {chosen}"]


def test_like_the_second_brings_similar_items_and_leaves_it_out(recommender: Recommender) -> None:
    items = recommender.recommend(5)

    answer = recommender.say("more like the second", k=5)

    assert answer.understood.similar_to == (items[1].item_id,)
    assert items[1].item_id not in [item.item_id for item in answer.items]
    nearest = [item.item_id for item in recommender.similar(items[1].item_id, 10)]
    assert answer.items[0].item_id in nearest


def test_what_was_not_understood_is_said_and_the_rest_counts(recommender: Recommender) -> None:
    answer = recommender.say("a quizzical shampoo")

    assert answer.not_understood == ("quizzical",)
    assert "“quizzical”" in answer.text
    assert len(answer.chips) == 1


def test_a_contradiction_is_asked_about_and_changes_nothing_before_the_reply(recommender: Recommender) -> None:
    recommender.say("no Aster")
    answer = recommender.say("Aster please")

    assert answer.question is not None
    assert [chip.text for chip in answer.chips] == ["no Aster"]
    assert [chip.text for chip in recommender.say("yes").chips] == ["Aster"]
    assert {brand for row in brands(recommender) for brand in row} == {"Aster"}


def test_two_brands_can_both_be_wanted(recommender: Recommender) -> None:
    recommender.say("only Aster")
    answer = recommender.say("Birch")

    assert answer.question is not None
    assert answer.question.options == ("Birch instead", "both")
    assert [chip.text for chip in recommender.say("both").chips] == ["Aster or Birch"]


def test_an_empty_list_is_never_shown(recommender: Recommender) -> None:
    rows = [recommender.items.facts(row) for row in range(len(recommender.items.title))]
    brand, family = next(
        (brand, family)
        for brand in ("Aster", "Birch", "Cedar", "Dahlia", "Elm")
        for family in ("Bath", "Make-up", "Hair")
        if not any(brand in facts.get("brand", []) and family in facts.get("categories", []) for facts in rows)
    )
    recommender.say(f"only {brand}")

    answer = recommender.say(f"something for {family}")

    assert answer.question is not None
    assert answer.items


def test_undo_takes_back_sentence_by_sentence(recommender: Recommender) -> None:
    recommender.say("no Aster")
    recommender.say("no Birch")

    assert [chip.text for chip in recommender.say("undo").chips] == ["no Aster"]
    assert recommender.say("undo").chips == ()
    assert recommender.say("undo").text == "There is nothing to take back."


def test_a_chip_can_be_removed_and_brought_back(recommender: Recommender) -> None:
    recommender.say("no Aster")
    chip = recommender.say("no Birch").chips[0]

    assert recommender.remove_chip(chip.id)
    assert [other.text for other in recommender.chips] == ["no Birch"]
    assert not recommender.remove_chip(chip.id)
    assert len(recommender.say("undo").chips) == 2


def test_forgetting_erases_the_conversation(recommender: Recommender) -> None:
    recommender.say("no Aster")
    recommender.forget()

    assert recommender.chips == ()
    assert recommender.say("undo").text == "There is nothing to take back."


def test_lists_follow_what_was_said_only_if_asked_to(recommender: Recommender) -> None:
    usual = [item.item_id for item in recommender.recommend(40)]
    recommender.say("only Aster")

    assert [item.item_id for item in recommender.recommend(40)] == usual
    assert {brand for row in brands(recommender) for brand in row} == {"Aster"}


def test_something_else_shows_items_that_were_not_shown(recommender: Recommender) -> None:
    first = {item.item_id for item in recommender.say("what do you recommend?", k=5).items}
    second = {item.item_id for item in recommender.say("show me something else", k=5).items}
    third = {item.item_id for item in recommender.say("something else", k=5).items}

    assert not first & second
    assert not (first | second) & third


def test_surprise_changes_the_list_and_is_a_chip(recommender: Recommender) -> None:
    usual = {item.item_id for item in recommender.recommend(10)}

    answer = recommender.say("surprise me")

    assert [chip.kind for chip in answer.chips] == ["variety"]
    assert not usual & {item.item_id for item in answer.items}


def test_why_is_answered_with_the_reason(recommender: Recommender) -> None:
    item = recommender.recommend(3)[2]

    answer = recommender.say("why the third?")

    assert answer.understood.about == item.item_id
    assert recommender.explain(item.item_id).text in answer.text
    assert "You asked for" not in answer.text


def test_why_says_first_that_the_item_is_what_was_asked_for(recommender: Recommender) -> None:
    recommender.say("only Aster")
    recommender.say("nothing from Birch")

    answer = recommender.say("why the first?")

    _, _, said = answer.text.partition(": ")
    assert said == f"You asked for Aster. {recommender.explain(answer.items[0].item_id).text}"


def test_why_does_not_name_a_preference_that_the_item_does_not_meet(recommender: Recommender) -> None:
    items = recommender.say("preferably Aster", k=40).items
    at = {brand: item.item_id for item in reversed(items) for brand in item.facts.get("brand", [])}

    assert "You asked for Aster. " in recommender.say("why this one?", about=at["Aster"], k=40).text
    assert "You asked for" not in recommender.say("why this one?", about=at["Birch"], k=40).text


@pytest.mark.parametrize(
    ("language", "text"),
    [("de", "nichts von Aster"), ("fr", "rien de Aster"), ("es", "nada de Aster"), ("zh", "不要Aster")],
)
def test_other_languages_are_understood(recommender: Recommender, language: str, text: str) -> None:
    answer = recommender.say(text, language=language)

    assert answer.understood.must_not == (Wish("brand", ("Aster",)),)
    assert "Aster" in answer.text


def test_an_unknown_language_is_refused(recommender: Recommender) -> None:
    with pytest.raises(ValueError, match="language must be one of 'en', 'de', 'fr', 'es', 'zh', got 'xx'"):
        recommender.say("cheaper", language="xx")


def test_small_talk_changes_nothing(recommender: Recommender) -> None:
    answer = recommender.say("thank you very much!")

    assert answer.understood.intent == "nothing"
    assert answer.chips == ()


def test_a_limit_and_its_opposite_are_asked_about(recommender: Recommender) -> None:
    recommender.set_facts({item_id: {"price": 10 + row} for row, item_id in enumerate(recommender.items.item_id)})
    assert recommender.say("under 30").understood.limits == (Limit("price", below=30),)

    answer = recommender.say("at least 40")

    assert answer.question is not None
    assert [chip.text for chip in answer.chips] == ["under 30"]


@pytest.mark.parametrize("reply", ["2", "2.", "number 2", "the second", "the second one"])
def test_a_reply_is_a_number_or_a_position_and_never_a_search(recommender: Recommender, reply: str) -> None:
    recommender.say("only Aster")
    recommender.say("no Aster")

    assert recommender.asks(reply)
    assert recommender.say(reply).text == "All right, nothing changes."


def test_a_reply_comes_before_a_title_with_its_words(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle) as recommender:
        title = recommender.items.title[0]
        assert not recommender.asks(title)

        recommender.say("only Aster")
        recommender.say("no Aster")

        assert recommender.asks("keep Aster")
        assert not recommender.asks(title)


def test_chinese_replies_of_several_characters_are_taken(recommender: Recommender) -> None:
    recommender.say("不要Aster", language="zh")
    question = recommender.say("要Aster", language="zh").question

    assert question is not None
    assert recommender.say("第二个", language="zh").text == "好的，不做改变。"  # noqa: RUF001 - marks of Chinese


def test_words_that_are_no_reply_keep_the_question_open(recommender: Recommender) -> None:
    recommender.say("only Aster")
    asked = recommender.say("no Aster").question

    again = recommender.say("hmm")

    assert asked is not None
    assert again.question == asked
    assert again.text.endswith(asked.text)
    assert [chip.text for chip in recommender.say("1").chips] == ["no Aster"]


def test_another_wish_drops_the_question(recommender: Recommender) -> None:
    recommender.say("only Aster")
    recommender.say("no Aster")
    recommender.say("a bit more variety")

    assert recommender.say("1").question is None
    assert [chip.text for chip in recommender.chips] == ["Aster", "more varied"]


@pytest.mark.parametrize(
    ("language", "text"),
    [("es", "esa marca no"), ("es", "no quiero esa marca"), ("de", "diese Marke nicht"), ("fr", "pas cette marque")],
)
def test_a_refusal_behind_the_fact_excludes_what_the_reply_names(
    recommender: Recommender, language: str, text: str
) -> None:
    question = recommender.say(text, language=language).question

    assert question is not None
    answer = recommender.say("1", language=language)
    assert [chip.kind for chip in answer.chips] == ["must_not"]
    assert question.options[0] in answer.chips[0].text


def test_that_is_the_only_item_of_the_list_and_none_of_an_earlier_list(recommender: Recommender) -> None:
    first, second = [item.item_id for item in recommender.recommend(2)]
    recommender.say("why this one?", shown=[first, second])

    answer = recommender.say("I don't like that", shown=[second])

    assert answer.understood.unlike == (second,)


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "under 12.50", "OK, under 12.50."), ("de", "unter 12,50", "Gut, unter 12,50."),
        ("fr", "moins de 12,50", "D\u2019accord, moins de 12,50."), ("es", "menos de 12,50", "Vale, menos de 12,50."),
        ("zh", "低于12.50", "好的，低于12.50。"),  # noqa: RUF001 - marks of Chinese
    ],
)  # fmt: skip
def test_numbers_have_the_decimal_mark_of_the_language(
    recommender: Recommender, language: str, text: str, expected: str
) -> None:
    recommender.set_facts({item.item_id: {"price": 9} for item in recommender.recommend(5)})

    assert recommender.say(text, language=language).text == expected


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "nicht zu teuer"), ("de", "es soll nicht zu teuer sein"), ("fr", "pas trop cher"),
        ("fr", "ça ne doit pas être trop cher"), ("es", "no muy caro"), ("es", "que no sea muy caro"),
        ("zh", "不要太贵"), ("zh", "不能太贵"),
    ],
)  # fmt: skip
def test_not_too_expensive_is_cheaper(recommender: Recommender, language: str, text: str) -> None:
    assert _than_shown(recommender, language, text) == "less"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "nicht zu billig"), ("de", "nichts zu billiges"), ("fr", "pas trop bon marché"),
        ("es", "no muy barato"), ("zh", "不要太便宜"),
    ],
)  # fmt: skip
def test_not_too_cheap_is_dearer(recommender: Recommender, language: str, text: str) -> None:
    assert _than_shown(recommender, language, text) == "more"


@pytest.mark.parametrize("text", ["hi there", "thanks, bye", "under 15 bucks", "cheaper"])
def test_small_talk_and_numbers_without_a_fact_are_said_and_not_searched_for(
    recommender: Recommender, text: str
) -> None:
    assert recommender.asks(text)


def test_the_changes_that_can_be_taken_back_are_counted(recommender: Recommender) -> None:
    assert recommender.n_changes == 0
    recommender.say("no Aster")
    recommender.say("thanks")
    assert recommender.n_changes == 1
    recommender.say("undo")
    assert recommender.n_changes == 0


def _than_shown(recommender: Recommender, language: str, text: str) -> str | None:
    recommender.set_facts({item.item_id: {"price": 9} for item in recommender.recommend(5)})
    (limit,) = recommender.say(text, language=language).understood.limits
    return limit.than_shown


@pytest.mark.parametrize("sentence", ["under -5", "below minus 5", "under 1e309", "under 30%", "under 5k"])
def test_a_limit_that_cannot_be_told_changes_nothing(recommender: Recommender, sentence: str) -> None:
    shown = [item.item_id for item in recommender.recommend(3)]
    recommender.set_facts({key: {"price": 7} for key in shown})

    answer = recommender.say(sentence)

    assert answer.chips == ()
    assert answer.not_understood


def test_separated_thousands_are_one_limit(recommender: Recommender) -> None:
    shown = [item.item_id for item in recommender.recommend(3)]
    recommender.set_facts({key: {"price": 700} for key in shown})

    assert recommender.say("under 1,000").understood.limits == (Limit("price", below=1000),)
    assert recommender.say("moins de 1 500 euros", language="fr").understood.limits == (Limit("price", below=1500),)


@pytest.mark.parametrize("about", [5, [], b"x"])
def test_what_this_means_must_be_an_item_id(recommender: Recommender, about: object) -> None:
    with pytest.raises(TypeError, match="about must be a string"):
        recommender.say("why this one?", about=about)  # type: ignore[arg-type]


def test_an_unknown_item_that_this_means_is_refused_and_not_remembered(recommender: Recommender) -> None:
    with pytest.raises(UnknownItemError, match="gone"):
        recommender.say("why this one?", about="gone")

    assert recommender.say("why this one?").items
    assert recommender.say("not that brand").items


def test_an_unknown_item_on_the_screen_keeps_its_place_and_cannot_be_meant(recommender: Recommender) -> None:
    first, third = (item.item_id for item in recommender.recommend(2))
    shown = [first, "gone", third]

    assert recommender.say("like the third", shown=shown).understood.similar_to == (third,)
    assert recommender.say("start over").chips == ()
    assert recommender.say("like the second", shown=shown).chips == ()
    assert recommender.say("why the second?", shown=shown).chips == ()
    assert "gone" not in recommender.say("why this one?", shown=["gone"]).text


def test_what_was_said_about_items_ends_with_the_release_that_had_them() -> None:
    memory = Memory()
    memory.go(State((Part("similar", item_id="old"), Part("similar", item_id="kept")), ("old", "other")))
    memory.go(State((Part("unlike", item_id="old"),)))
    memory.shown, memory.about = ("old", "kept"), "old"

    memory.forget_unknown({"kept", "other"}.__contains__)

    assert memory.state == State()
    assert memory.shown == ("", "kept")
    assert not memory.about
    assert [part.item_id for part in memory.past[-1].parts] == ["kept"]
    assert memory.past[-1].hidden == ("other",)
