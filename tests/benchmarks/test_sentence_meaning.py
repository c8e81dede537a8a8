"""Whether a query is what a sentence means, as the measurement of the conversation judges it."""

import pytest

from benchmarks.sentence_meaning import Screen, Sentence, Verdict, verdict
from edge_runtime.conversation.parsed import Parsed
from edge_runtime.conversation.query import Query, Wish

SCREEN = Screen(["a", "b"], lambda _: {"brand": ["Aster"]}, lambda item_id: f"Title {item_id}")
ENERGY, BARS = Wish(None, ("energy",)), Wish("categories", ("Bars",))
OILS, ARGAN = Wish("categories", ("Oils",)), Wish(None, ("argan",))


@pytest.mark.parametrize(
    ("query", "meaning", "expected"),
    [
        (Query(must=(OILS, ARGAN)), "+argan oil", "right"),
        (Query(must=(ENERGY, BARS)), "+Bars|energy bars", "right"),
        (Query(must=(BARS,)), "+Bars|energy bars", "right"),
        (Query(must=(ENERGY, BARS)), "+Bars", "wrong"),
        (Query(must=(BARS,)), "+Bars -Oils", "missed"),
        (Query(must_not=(BARS,)), "+Bars", "wrong"),
        (Query(similar_to=("b",)), "~2", "right"),
        (Query(intent="nothing"), "+Bars", "missed"),
        (Query(must=(BARS,)), "!nothing", "wrong"),
    ],
)
def test_a_query_is_judged_by_all_that_it_does(query: Query, meaning: str, expected: Verdict) -> None:
    assert verdict(Parsed(query), Sentence("world", "en", None, "", meaning), SCREEN) == expected


def test_a_question_is_never_right_but_counts_apart_if_it_offers_what_was_meant() -> None:
    asked = Parsed(Query(intent="nothing"), readings=(Query(must=(BARS,)), Query(must=(OILS,))))

    assert verdict(asked, Sentence("world", "en", None, "", "+Bars"), SCREEN) == "asked well"
    assert verdict(asked, Sentence("world", "en", None, "", "+argan"), SCREEN) == "asked"
