"""Selection and verification of facts."""

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.reasons.facts import Fact, FactFinder, is_true
from tests.tiny_items import make_items

ITEMS = make_items(
    ["Rose Cream", "Rose Soap", "Mint Soap", "Mint Shampoo", "Sun Lotion", "Box"],
    brand=[["Aster"], ["Aster"], ["Birch"], ["Birch"], ["Cedar"], ["unknown"]],
    categories=[["Care", "Hands"], ["Care", "Bath"], ["Care", "Bath"], ["Care", "Bath"], ["Care"], ["Care"]],
    price=[["1.00"], ["1.00"], ["2.00"], ["3.00"], ["1.00"], ["1.00"]],
)
POPULARITY = np.array([255, 200, 90, 60, 40, 0], dtype=np.uint8)
FINDER = FactFinder(ITEMS, POPULARITY)


def test_the_rarer_shared_value_comes_first() -> None:
    facts = FINDER.facts(1, [2, 0])

    assert facts[:2] == (Fact("shared", "brand", "Aster", 0), Fact("shared", "categories", "Bath", 2))


def test_the_newest_item_with_a_shared_value_is_cited() -> None:
    facts = FINDER.facts(1, [3, 2])

    assert facts[0] == Fact("shared", "categories", "Bath", 2)


def test_the_newest_event_of_a_repeated_item_counts() -> None:
    facts = FINDER.facts(1, [2, 3, 2])

    assert facts[0].history_row == 2


def test_a_value_that_nearly_all_items_have_is_not_cited() -> None:
    facts = FINDER.facts(1, [0, 2, 3, 4, 5])

    assert all(fact.value != "Care" for fact in facts)


def test_a_value_of_all_items_is_cited_only_if_the_item_has_no_other() -> None:
    assert FINDER.facts(5, []) == (Fact("own", "categories", "Care"), Fact("own", "price", "1.00"))


def test_an_equal_price_is_not_a_shared_fact() -> None:
    facts = FINDER.facts(4, [0, 1, 5])

    assert all(fact.kind != "shared" for fact in facts)


def test_a_placeholder_is_not_a_value() -> None:
    assert all(fact.field != "brand" for fact in FINDER.facts(5, []))


def test_the_item_itself_in_the_history_is_not_cited() -> None:
    assert all(fact.kind != "shared" for fact in FINDER.facts(4, [4, 4]))


def test_the_strongest_true_popularity_claim_is_made() -> None:
    popularity = np.arange(200, dtype=np.uint8)
    finder = FactFinder(make_items(["x"] * 200), popularity)

    claims = [[fact.value for fact in finder.facts(row, [])] for row in (199, 197, 180, 150, 149, 0)]

    assert claims == [["1%"], ["10%"], ["10%"], ["25%"], [], []]


def test_items_of_equal_popularity_share_their_rank() -> None:
    finder = FactFinder(make_items(["x"] * 10), np.full(10, 7, dtype=np.uint8))

    assert finder.facts(3, []) == ()


@pytest.mark.parametrize("row", range(6))
def test_every_selected_fact_is_true(row: int) -> None:
    history = [0, 3, 5, 2, 1]

    facts = FINDER.facts(row, history)

    assert facts
    assert all(is_true(fact, ITEMS, POPULARITY, row, history) for fact in facts)


def test_false_facts_are_detected() -> None:
    shared = Fact("shared", "brand", "Aster", 0)

    def holds(fact: Fact, row: int = 1, history: tuple[int, ...] = (0, 2)) -> bool:
        return is_true(fact, ITEMS, POPULARITY, row, history)

    assert holds(shared)
    assert not holds(shared, history=(2,))
    assert not holds(shared, row=2)
    assert not holds(replace(shared, history_row=2))
    assert not holds(replace(shared, history_row=None))
    assert not holds(replace(shared, history_row=1), history=(1,))
    assert not holds(replace(shared, field="colour"))
    assert not holds(Fact("own", "brand", "Birch"))
    assert not holds(Fact("popular", "", "10%"))
    assert not holds(Fact("popular", "", "25%"), row=5)


def test_a_catalogue_without_any_field_has_no_facts() -> None:
    finder = FactFinder(make_items(["a", "b"]), np.zeros(2, dtype=np.uint8))

    assert finder.facts(0, [1]) == ()


def test_popularity_comes_first_without_shared_facts_and_last_with_them() -> None:
    alone, beside = FINDER.facts(0, []), FINDER.facts(0, [1])

    assert [fact.kind for fact in alone] == ["popular", "own", "own"]
    assert [fact.kind for fact in beside] == ["shared", "own", "popular"]
