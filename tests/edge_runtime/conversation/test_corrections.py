"""What is taken back, whole titles, and what "leave it out" refers to."""

import pytest

from edge_runtime.conversation.parsed import Context, Parsed
from edge_runtime.conversation.query import Limit, Query, Wish
from tests.golden_conversation import Shop

SHOP = Shop()
SHOWN = [item.item_id for item in SHOP.listed(Query(), ())]
TITLES = SHOP.items.title


def parsed(text: str, about: str | None = None) -> Parsed:
    return SHOP.hearing.parse(text, "en", Context(SHOWN, about, SHOP.hearing.facts))


@pytest.mark.parametrize(
    "text", ["coffee, uh no, tea", "coffee, no sorry, I mean tea", "coffee... no wait, make it tea"]
)
def test_a_corrected_value_is_replaced(text: str) -> None:
    assert parsed(text).query == Query(must=(Wish("categories", ("Tea",)),))


def test_what_is_of_another_fact_stays() -> None:
    wishes = (Wish("categories", ("Tents",)), Wish("colour", ("teal",)))

    assert parsed("tents, red, no wait, teal").query.must == wishes


def test_a_corrected_limit_keeps_the_other_end() -> None:
    assert parsed("over 10 and under 20, sorry, 30").query.limits == (Limit("price", above=10, below=30),)


def test_a_refusal_is_no_correction() -> None:
    query = parsed("red, no teal").query

    assert (query.must, query.must_not) == ((Wish("colour", ("red",)),), (Wish("colour", ("teal",)),))


def test_a_correction_of_a_refusal_that_may_be_a_wish_is_asked_about() -> None:
    tea = (Wish("categories", ("Tea",)),)

    assert parsed("no coffee, I mean tea").readings == (Query(must_not=tea), Query(must=tea))


@pytest.mark.parametrize("row", range(len(TITLES)))
def test_no_word_of_a_whole_title_is_a_wish(row: int) -> None:
    item_id = SHOP.items.item_id[row]

    assert parsed(f"more like {TITLES[row]}").query == Query(similar_to=(item_id,))
    assert parsed(f"nothing like “{TITLES[row].lower()}”, please").query == Query(unlike=(item_id,))


def test_leave_it_out_refuses_what_was_named_last() -> None:
    assert parsed("tents and coffee, leave it out").query == Query(
        must=(Wish("categories", ("Tents",)),), must_not=(Wish("categories", ("Coffee",)),)
    )


def test_leave_it_out_refuses_the_value_of_the_item_that_is_talked_about() -> None:
    brand = tuple(SHOP.hearing.facts(SHOWN[1])["brand"])
    text = "I had a bad reaction to that brand once so please leave it out"

    assert parsed(text, about=SHOWN[1]).query.must_not == (Wish("brand", brand),)
    assert parsed(text).excludes
    assert parsed(text).problem == "which"


def test_skip_that_brand_is_about_the_brand() -> None:
    assert parsed("skip that brand").of_problem == "brand"
