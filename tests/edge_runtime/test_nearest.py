"""Suggestions for mistyped ids, and for titles given in place of ids."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from edge_runtime.nearest import N_COMPARED, nearest_items

IDS = ["B00ABC1234", "B00ABC9999", "itm-3", "x1", "X2"]
TITLES = ["L'Oréal Rose Hand Cream", "Rosewater Toner", "Hand Soap, Mint", "Comb", "Crème de Rose"]
ROW_OF = {item_id: row for row, item_id in enumerate(IDS)}
ALL = range(5)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("b00abc1234", "B00ABC1234"),
        ("B00ABC123", "B00ABC1234"),
        ("B00ABC12344", "B00ABC1234"),
        ("B00ABC1243", "B00ABC1234"),
        ("B00ABX1234", "B00ABC1234"),
        ("x2", "X2"),
        ("item-3", "itm-3"),
        ("rosewater tonic", "B00ABC9999"),
        ("rose hand cream", "B00ABC1234"),
    ],
)
def test_the_closest_item_is_suggested_first(typed: str, meant: str) -> None:
    assert nearest_items(typed, (IDS, TITLES), ROW_OF, ALL)[0] == ROW_OF[meant]


@pytest.mark.parametrize("typed", ["zzzzzzzz", "", "q", "\udcff", "B" * 257, "rose " * 20_000])
def test_an_id_similar_to_nothing_gets_no_suggestions(typed: str) -> None:
    assert nearest_items(typed, (IDS, TITLES), ROW_OF, ALL) == []


def test_the_number_of_suggestions_is_limited() -> None:
    assert len(nearest_items("B00ABC1235", (IDS, TITLES), ROW_OF, ALL, limit=1)) == 1


class Counted(Sequence[str]):
    """A column of a million texts that counts reads."""

    def __init__(self) -> None:
        self.n_read = 0

    def __len__(self) -> int:
        return 1_000_000

    def __getitem__(self, row: Any) -> Any:  # noqa: ANN401 - as a sequence's
        self.n_read += 1
        return f"a title of some length, number {row}"

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("all of a million texts were read")


def test_only_popular_items_of_a_million_are_compared() -> None:
    titles, ids = Counted(), Counted()

    nearest_items("a title of some length", (ids, titles), {}, range(1_000_000))

    assert 0 < titles.n_read < 2 * N_COMPARED
    assert 0 < ids.n_read < 2 * N_COMPARED


def test_one_typing_error_is_corrected_among_a_million_ids_of_any_popularity() -> None:
    row_of = {"item-999999": 999_999}

    assert nearest_items("itme-999999", (Counted(), Counted()), row_of, range(3))[0] == 999_999
