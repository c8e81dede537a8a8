"""Short names of items."""

import numpy as np
import pytest

from edge_runtime.bundle.items import Items
from edge_runtime.reasons.facts import FactFinder
from edge_runtime.reasons.names import Name, short_names, singular
from tests.tiny_items import make_items


def named(items: Items, *rows: int) -> list[Name | None]:
    names = short_names(FactFinder(items, np.zeros(len(items.title), dtype=np.uint8)), rows)
    return [names.get(row) for row in rows]


def made(*titles: str, kind: str = "Nail Polish", brands: tuple[str, ...] = ()) -> Items:
    makers = brands or ("OPI",) * len(titles)
    return make_items(titles, brand=[[maker] for maker in makers], categories=[[kind]] * len(titles))


def test_the_only_item_of_its_kind_is_called_by_it() -> None:
    assert named(made("OPI Red Nail Polish E55 New"), 0) == [Name("nail polish", is_title=False)]


def test_two_of_a_kind_are_called_by_their_makers() -> None:
    items = made("Red Nail Polish", "Blue Nail Polish", brands=("OPI", "Zoya"))

    assert named(items, 0, 1) == [Name("OPI nail polish", is_title=False), Name("Zoya nail polish", is_title=False)]


def test_two_of_a_kind_and_a_maker_are_called_by_their_titles() -> None:
    items = made("Red Nail Polish", "Blue Nail Polish")

    assert named(items, 0, 1) == [Name("Red Nail Polish", is_title=True), Name("Blue Nail Polish", is_title=True)]


def test_items_with_the_same_title_have_no_name() -> None:
    assert named(make_items(["Box", "Box"]), 0, 1) == [None, None]


def test_a_kind_that_another_title_of_the_history_mentions_is_no_name() -> None:
    items = make_items(
        ["Red Nail Polish", "Nail Polish Remover"], brand=[["OPI"], []], categories=[["Nail Polish"], ["Remover"]]
    )

    assert named(items, 0, 1)[0] == Name("OPI nail polish", is_title=False)


@pytest.mark.parametrize(
    ("title", "kind", "name"),
    [
        ("Warm Lip Balm", "Lips", "Warm Lip Balm"),  # a part of the body
        ("Shampoo Massage Brush", "Shampoos", "Shampoo Massage Brush"),  # the beginning of a compound
        ("Soft Hair Treatment", "Hair & Scalp Treatments", "Soft Hair Treatment"),
        ("Box of Joy", "Shampoos", "Box of Joy"),
    ],
)
def test_a_kind_that_the_title_does_not_say_is_no_name(title: str, kind: str, name: str) -> None:
    assert named(made(title, kind=kind), 0) == [Name(name, is_title=True)]


@pytest.mark.parametrize(
    ("title", "kind", "name"),
    [
        ("Cream, 40 g", "Creams & Moisturizers", "cream"),
        ("Daily Moisturizer with Oil", "Creams & Moisturizers", "moisturizer"),
        ("BB Cream (Fair)", "BB Creams", "BB cream"),
        ("Trail Boots, sand", "Boots", "boots"),
        ("Fast Trail Shoe, sand", "Shoes", "shoes"),
    ],
)
def test_a_kind_is_said_in_the_singular_with_small_letters(title: str, kind: str, name: str) -> None:
    assert named(made(title, kind=kind), 0) == [Name(name, is_title=False)]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Iron Giant, The", "The Iron Giant"),
        ("Stalag 17", "Stalag 17"),
        ("Mad Max 2 (a.k.a. The Road Warrior)", "Mad Max 2"),
        ("Wild Growth Hair Oil 4 Oz", "Wild Growth Hair Oil"),
        ("Sweet Almond Mint Cleansing Conditioner, 16 oz", "Sweet Almond Mint Cleansing…"),
        ("Yonka Lait Nettoyant of Paris, the large bottle", "Yonka Lait Nettoyant of Paris"),
        ("It's A 10 Leave-In Conditioner Plus Keratin", "It's A 10 Leave-In Conditioner…"),
    ],
)
def test_a_title_is_cut_where_it_is_long(title: str, name: str) -> None:
    assert named(make_items([title]), 0) == [Name(name, is_title=True)]


def test_a_film_is_not_called_by_its_genre() -> None:
    items = make_items(["A Comedy"], genres=[["Comedy"]])

    assert named(items, 0) == [Name("A Comedy", is_title=True)]


@pytest.mark.parametrize(
    ("noun", "one"),
    [
        ("Accessories", "Accessories"),
        ("batteries", "battery"),
        ("Brushes", "Brush"),
        ("glass", "glass"),
        ("nail files", "nail file"),
        ("Women's", "Women's"),
    ],
)
def test_english_plurals(noun: str, one: str) -> None:
    assert singular(noun) == one
