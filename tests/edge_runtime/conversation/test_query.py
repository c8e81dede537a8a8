"""The typed query."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.conversation.parts import parts_of, query_of
from edge_runtime.conversation.query import Limit, Query, Wish
from edge_runtime.conversation.words import LANGUAGES, Language
from tests.golden_conversation import SENTENCES, Shop, parsed, talk

SAID = [text for language, _, text in SENTENCES if language == "en"]


def test_a_query_survives_json() -> None:
    query = Query(must=(Wish("brand", ("Aster",)),), limits=(Limit("price", below=20),), similar_to=("item-1",))

    assert msgspec.json.decode(msgspec.json.encode(query), type=Query) == query


@pytest.mark.parametrize(
    "text",
    [
        '{"intent": "delete everything"}',
        '{"must": [{"field": "brand", "values": []}]}',
        '{"must": [{"field": "brand", "values": ["a"], "code": "x"}]}',
        '{"variety": 2}',
        '{"similar_to": [""]}',
        '{"unknown": 1}',
    ],
)
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Query)


def test_a_query_is_the_sum_of_its_parts() -> None:
    query = Query(
        must=(Wish("brand", ("Aster", "Elm")),),
        must_not=(Wish(None, ("soap",)),),
        prefer=(Wish("colour", ("red",)),),
        limits=(Limit("price", at_most=5),),
        similar_to=("a",),
        unlike=("b",),
        variety=0.5,
    )

    assert query_of(parts_of(query)) == query


SHOP = Shop()


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=80), language=st.sampled_from(LANGUAGES), about=st.sampled_from((None, 1, 6)))
def test_any_text_becomes_a_valid_query(text: str, language: Language, about: int | None) -> None:
    result = parsed(SHOP, language, about, text)

    query = msgspec.convert(result["query"], Query)
    assert msgspec.convert(msgspec.to_builtins(query), Query) == query


@settings(max_examples=150, deadline=None)
@given(said=st.lists(st.sampled_from(SAID), max_size=8))
def test_a_conversation_never_shows_an_empty_list(said: list[str]) -> None:
    for answer in talk(SHOP, "en", said):
        assert answer["items"]
        assert answer["text"]
