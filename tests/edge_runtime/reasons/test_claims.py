"""What may be said about an item."""

import numpy as np

from edge_runtime.reasons.claims import ENOUGH_PERCENT, Claim, claims_about
from edge_runtime.reasons.facts import Fact, FactFinder
from tests.tiny_items import make_items

N = 40
ITEMS = make_items(
    [f"Thing {chr(65 + row)}" for row in range(N)],
    brand=[["Aster"], ["Aster"], ["Birch"], *([[f"Maker {row}"] for row in range(N - 3)])],
    colour=[["teal"], [], ["teal"], *([["grey"]] * (N - 3))],
    year=[["1999"], ["1999"], [], *([[]] * (N - 3))],
)
FINDER = FactFinder(ITEMS, np.array([250, *range(1, N)], dtype=np.uint8))


def claims(row: int, pasts: list[int], drops: list[int], nameable: set[int] | None = None) -> list[Claim]:
    return claims_about(FINDER, row, pasts, drops, frozenset(pasts if nameable is None else nameable))


def cited(found: list[Claim]) -> set[int | None]:
    return {claim.fact.history_row for claim in found}


def test_an_event_that_adds_much_less_than_another_is_not_cited() -> None:
    enough = 10 * ENOUGH_PERCENT

    assert cited(claims(0, [1, 2], [1000, enough])) == {1, 2}
    assert cited(claims(0, [1, 2], [1000, enough - 1])) == {1}


def test_a_shared_value_is_said_before_that_the_score_rests_on_an_event() -> None:
    found = claims(0, [1], [5])

    assert [claim.fact for claim in found] == [Fact("shared", "brand", "Aster", 1), Fact("because", "", "", 1)]


def test_an_item_with_nothing_in_common_is_still_there_because_of_an_event() -> None:
    assert [claim.fact for claim in claims(0, [7], [5])] == [Fact("because", "", "", 7)]


def test_a_weak_value_is_only_said_beside_another() -> None:
    first, because = claims(0, [1], [5])

    assert first.seconds == (Fact("shared", "year", "1999", 1),)
    assert because.seconds[0] == Fact("shared", "brand", "Aster", 1)


def test_without_evidence_only_popularity_is_said_and_only_where_it_is_true() -> None:
    assert [claim.fact for claim in claims(0, [1], [0])] == [Fact("popular", "", "10%")]
    assert claims(5, [1], [-3]) == []


def test_an_event_without_a_name_and_the_item_itself_are_not_cited() -> None:
    assert cited(claims(0, [1, 2], [9, 9], nameable={2})) == {2}
    assert cited(claims(0, [0, 2], [900, 9])) == {2}
