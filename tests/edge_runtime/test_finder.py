"""Items are found by the words a person would type."""

import numpy as np
import pytest

from edge_runtime.bundle.items import Field, Items
from edge_runtime.finder import Finder, words_of

ITEMS = Items(
    item_id=["b1", "b2", "b3", "b4", "b5"],
    title=["L'Oréal Rose Hand Cream", "Rosewater Toner", "Hand Soap, Mint", "Roséwood Comb", "Crème de Rose"],
    fields={
        "brand": Field(["L'Oréal", "Klorane"], [[0], [1], [], [], [1]]),
        "categories": Field(["Skin care", "Bath"], [[0], [0], [1], [], [0]]),
    },
)
FINDER = Finder(ITEMS, np.array([10, 200, 30, 40, 50], dtype=np.uint8))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rose", ["b5", "b1", "b2", "b4"]),
        ("ROSE cream", ["b1", "b5", "b2", "b4"]),
        ("loreal rose cream", ["b1"]),
        ("loreal", ["b1"]),
        ("l'oreal", ["b1"]),
        ("creme", ["b5"]),
        ("klorane rose", ["b5", "b2", "b1", "b4"]),
        ("bath", ["b3"]),
        ("hnad sopa", ["b3", "b1"]),
        ("rose spaceship", ["b5", "b1", "b2", "b4"]),
        ("spaceship", []),
        ("  ,;  ", []),
        ("", []),
    ],
)
def test_words_find_items(text: str, found: list[str]) -> None:
    assert [ITEMS.item_id[row] for row in FINDER.find(text, 10)] == found


def test_a_limit_is_kept() -> None:
    assert len(FINDER.find("rose", 2)) == 2
    assert FINDER.find("rose", 0) == []


def test_words_are_compared_without_capitals_and_accents() -> None:
    assert words_of("Crème BRÛLÉE, it's №5") == ["creme", "brulee", "its", "no5"]
