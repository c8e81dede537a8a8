"""Finding and checking facts."""

from dataclasses import replace

import numpy as np

from edge_runtime.bundle.transitions import Transitions
from edge_runtime.reasons.facts import Fact, FactFinder, is_true
from tests.golden_reasons import make_transitions
from tests.tiny_items import make_items

ITEMS = make_items(
    ["Rose Cream", "Rose Soap", "Mint Soap", "Mint Shampoo", "Sun Lotion", "Box"],
    brand=[["Aster"], ["Aster"], ["Birch"], ["Birch"], ["Cedar"], ["unknown"]],
    categories=[["Care", "Hands"], ["Care", "Bath"], ["Care", "Bath"], ["Care", "Bath"], ["Care"], ["Care"]],
    price=[["1.00"], ["1.00"], ["2.00"], ["3.00"], ["1.00"], ["1.00"]],
    ph=[["5"], ["5"], ["5"], [], [], []],
)
POPULARITY = np.array([255, 200, 160, 60, 40, 0], dtype=np.uint8)
FINDER = FactFinder(ITEMS, POPULARITY)


def transitions(*followers: list[int], levels: list[list[int]] | None = None) -> Transitions:
    table = {"ratio": 0.5, "followers": followers, "levels": levels or [[0] * len(rows) for rows in followers]}
    made = make_transitions({"title": ITEMS.title, "transitions": table})
    assert made is not None
    return made


FOLLOWING = transitions([1, 2], [0], [0], [0], [0], [0], levels=[[0, 5], [0], [0], [0], [0], [0]])


def test_shared_values_come_with_their_share_the_rarest_first() -> None:
    assert FINDER.shared(2, 3) == [
        (333, Fact("shared", "brand", "Birch", 3)),
        (500, Fact("shared", "categories", "Bath", 3)),
    ]


def test_a_value_that_most_items_have_an_equal_price_and_a_placeholder_are_not_shared() -> None:
    assert FINDER.shared(4, 5) == []


def test_a_number_in_an_unknown_field_is_not_shared() -> None:
    assert all(fact.field != "ph" for _, fact in FINDER.shared(0, 1))


def test_a_kind_that_says_nothing_by_itself_is_not_shared() -> None:
    items = make_items(["A", "B", "C", "D"], categories=[["Women's", "Scarves"], ["Women's", "Scarves"], [], []])

    assert FactFinder(items, POPULARITY[:4]).shared(0, 1) == [(500, Fact("shared", "categories", "Scarves", 1))]


def test_an_item_shares_nothing_with_itself() -> None:
    assert FINDER.shared(1, 1) == []


def test_an_item_follows_another_if_it_has_a_large_share_of_its_transitions() -> None:
    finder = FactFinder(ITEMS, POPULARITY, FOLLOWING)

    assert finder.follows(1, 0) == Fact("follows", "", "", 0)
    assert finder.follows(2, 0) is None  # a share of one in 33
    assert finder.follows(3, 0) is None  # no transition at all


def test_nothing_often_follows_an_item_that_few_people_took() -> None:
    assert FactFinder(ITEMS, POPULARITY, FOLLOWING).follows(0, 4) is None


def test_without_transitions_nothing_follows() -> None:
    assert FINDER.follows(1, 0) is None


def test_the_strongest_true_popularity_claim_is_made() -> None:
    finder = FactFinder(make_items(["x"] * 200), np.arange(200, dtype=np.uint8))

    claims = [finder.popular(row) for row in (199, 197, 180, 150, 149, 0)]

    assert [claim and claim.value for claim in claims] == ["1%", "10%", "10%", "25%", None, None]


def test_items_of_equal_popularity_are_not_popular() -> None:
    assert FactFinder(make_items(["x"] * 10), np.full(10, 7, dtype=np.uint8)).popular(3) is None


def test_false_facts_are_detected() -> None:
    shared = Fact("shared", "brand", "Aster", 0)

    def holds(fact: Fact, row: int = 1, history: tuple[int, ...] = (0, 2)) -> bool:
        return is_true(fact, ITEMS, POPULARITY, row, history, FOLLOWING)

    assert holds(shared)
    assert not holds(shared, history=(2,))
    assert not holds(shared, row=2)
    assert not holds(replace(shared, history_row=2))
    assert not holds(replace(shared, history_row=None))
    assert not holds(replace(shared, history_row=1), history=(1,))
    assert not holds(replace(shared, field="colour"))
    assert holds(Fact("follows", "", "", 0))
    assert not holds(Fact("follows", "", "", 0), row=2)
    assert not holds(Fact("follows", "", "", 0), history=(2,))
    assert holds(Fact("because", "", "", 0))
    assert not holds(Fact("because", "", "", 3))
    assert not holds(Fact("popular", "", "10%"))
    assert holds(Fact("popular", "", "25%"), row=0)
    assert not holds(Fact("popular", "", "25%"), row=5)
