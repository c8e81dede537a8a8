"""Items are found by the words that users type."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_runtime.bundle.items import Field, Items
from edge_runtime.search.finder import Finder
from edge_runtime.search.words import words_of
from tests.golden_search import PATH, dump, finder_of, make_all

ITEMS = Items(
    item_id=["b1", "b2", "b3", "b4", "b5"],
    title=["L'Oréal Rose Hand Cream", "Rosewater Toner", "Hand Soap, Mint", "Roséwood Comb", "Crème de Rose"],
    fields={
        "brand": Field(["L'Oréal", "Klorane"], [[0], [1], [], [], [1]]),
        "categories": Field(["Skin care", "Baths"], [[0], [0], [1], [], [0]]),
    },
)
FINDER = Finder(ITEMS, np.array([10, 200, 30, 40, 50], dtype=np.uint8))
GOLDEN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "expected"),
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
        ("combs", ["b4"]),
        ("rose spaceship", ["b5", "b1", "b2", "b4"]),
        ("spaceship", []),
        ("  ,;  ", []),
        ("", []),
    ],
)
def test_words_find_items(text: str, expected: list[str]) -> None:
    assert [ITEMS.item_id[row] for row in FINDER.find(text, 10)] == expected


def test_the_limit_is_respected() -> None:
    assert len(FINDER.find("rose", 2)) == 2
    assert FINDER.find("rose", 0) == []


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"{case['query']} in {case['catalogue']}")
def test_queries_match_the_golden_file(case: dict[str, Any]) -> None:
    catalogue = GOLDEN["catalogues"][case["catalogue"]]

    rows = finder_of(catalogue).find(case["query"], GOLDEN["limit"])

    assert [catalogue["item_id"][row] for row in rows] == case["expected"]


def test_the_golden_file_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == dump(make_all())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=12))
def test_an_item_matches_any_of_its_words_and_ranks_first_for_all_of_them(titles: list[str]) -> None:
    finder = Finder(Items([str(n) for n in range(len(titles))], titles, {}), np.zeros(len(titles), dtype=np.uint8))

    for row, title in enumerate(titles):
        words = words_of(title)
        assert all(row in finder.find(word, len(titles)) for word in words)
        if words:
            assert set(words_of(titles[finder.find(title, 1)[0]])) == set(words)


def test_ties_are_broken_by_popularity_then_by_row() -> None:
    items = Items(["a", "b", "c"], ["red mug", "blue mug", "green mug"], {})

    assert Finder(items, np.array([7, 9, 7], dtype=np.uint8)).find("mug", 3) == [1, 0, 2]


def test_a_catalogue_without_facts_or_words_can_be_searched() -> None:
    assert Finder(Items(["a"], ["!"], {}), np.zeros(1, dtype=np.uint8)).find("mug", 3) == []


@pytest.mark.parametrize(
    ("title", "is_free"),
    [
        ("Soap, Paraben-Free", True),
        ("Paraben free soap, no SLS", True),
        ("Soap without paraben", True),
        ("Soap, no parabens", True),
        ("Soap, No Sulfates or Parabens", True),
        ("Soap without any parabens", True),
        ("Free of parabens, a soap", True),
        ("Savon sans paraben", True),
        ("Jabón sin parabenos, no paraben", True),
        ("Seife ohne Paraben", True),
        ("Paraben and Alcohol Free soap", True),
        ("Soap. Paraben - Petrolatum - Phthalate Free!", True),
        ("Soap - Free of Chemicals, Parabens, Sulphates", True),
        ("Soap, Paraben Gluten Free Vegan", True),
        ("Soap, no SLS, parabens", True),
        ("Soap, no more SLS, paraben", False),
        ("Paraben soap - phthalate free", False),
        ("Paraben, shea and sulfate free", False),
        ("No more soap with paraben", False),
        ("Paraben - free soap", False),
        ("Free soap with paraben", False),
        ("Paraben soap, paraben free box", False),
        ("Paraben soap, fragrance-free", False),
        ("Fragrance free", False),
    ],
)
def test_a_title_is_free_of_what_it_names_only_to_deny_it(title: str, *, is_free: bool) -> None:
    finder = Finder(Items(["a"], [title], {}), np.zeros(1, dtype=np.uint8))

    assert finder.free_of("parabens").tolist() == [is_free]


@pytest.mark.parametrize(
    ("title", "word"),
    [
        ("Coconut, Gluten Free", "coconut"),
        ("Coconut and Paraben Free", "coconut"),
        ("No Sulfates, Coconut", "coconut"),
        ("Rose Oil, Paraben Free", "oil"),
        ("Silicone Brush, BPA free", "silicone"),
    ],
)
def test_a_list_with_a_denial_does_not_deny_what_a_title_may_boast_of(title: str, word: str) -> None:
    finder = Finder(Items(["a"], [title], {}), np.zeros(1, dtype=np.uint8))

    assert finder.free_of(word).tolist() == [False]


@pytest.mark.parametrize(("title", "is_free"), [("无硅油洗发水", True), ("不含硅油", True), ("硅油洗发水", False)])
def test_a_chinese_title_denies_what_follows(title: str, *, is_free: bool) -> None:
    finder = Finder(Items(["a"], [title], {}), np.zeros(1, dtype=np.uint8))

    assert finder.free_of("硅油").tolist() == [is_free]
