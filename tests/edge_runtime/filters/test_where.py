"""Filters: which items a condition lets through, and which filters are refused."""

from typing import Any

import numpy as np
import pytest

from edge_runtime.bundle.items import Field, Items
from edge_runtime.errors import FilterError
from edge_runtime.filters.conditions import (
    Range,
    Where,
    above,
    at_least,
    at_most,
    below,
    between,
    checked_where,
    none_of,
    text_of,
)
from edge_runtime.filters.live import LiveFacts
from edge_runtime.filters.table import FactTable

Wrong = Any
"""What a caller without a type checker may pass."""

ITEMS = Items(
    item_id=["a", "b", "c", "d"],
    title=["A", "B", "C", "D"],
    fields={
        "brand": Field(["Aster", "Birch"], [[0], [1], [], [0]]),
        "categories": Field(["Bath", "Hair", "Soap"], [[0, 2], [1], [0], []]),
        "price": Field(["5.00", "12.90", "on request"], [[0], [1], [2], []]),
        "year": Field(["1999", "2004"], [[0], [1], [0, 1], []]),
        "nothing": Field([], [[], [], [], []]),
    },
)
ROW_OF = {item_id: row for row, item_id in enumerate(ITEMS.item_id)}


def found(where: Where, live: LiveFacts | None = None) -> str:
    mask = FactTable(ITEMS, ROW_OF, live or LiveFacts()).holds(checked_where(where))
    return "".join(ITEMS.item_id[row] for row in np.flatnonzero(mask).tolist())


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({}, "abcd"),
        ({"brand": "Aster"}, "ad"),
        ({"brand": {"Aster", "Birch"}}, "abd"),
        ({"brand": ["Birch"]}, "b"),
        ({"brand": "aster"}, ""),
        ({"categories": "Bath"}, "ac"),
        ({"categories": ("Hair", "Soap")}, "ab"),
        ({"categories": "Bath", "brand": "Aster"}, "a"),
        ({"brand": none_of("Aster")}, "bc"),
        ({"categories": none_of("Bath", "Hair")}, "d"),
        ({"price": below(12.9)}, "a"),
        ({"price": at_most(12.9)}, "ab"),
        ({"price": above(5)}, "b"),
        ({"price": at_least(5)}, "ab"),
        ({"price": between(5, 6)}, "a"),
        ({"price": Range(above=5, below=12.9)}, ""),
        ({"price": 12.9}, "b"),
        ({"price": "12.9"}, ""),
        ({"price": none_of(5)}, "bcd"),
        ({"price": {5, "on request"}}, "ac"),
        ({"year": 1999}, "ac"),
        ({"nothing": below(3)}, ""),
        ({"nothing": none_of("x")}, "abcd"),
    ],
)
def test_a_filter_lets_the_items_through_for_which_all_conditions_hold(where: Where, expected: str) -> None:
    assert found(where) == expected


def test_live_facts_replace_those_of_the_bundle_and_add_new_ones() -> None:
    live = LiveFacts()
    live.set(
        {"a": {"price": 20, "in_stock": True}, "b": {"in_stock": False}, "d": {"price": "4.50"}, "unknown": {"x": 1}}
    )

    assert found({"price": below(13)}, live) == "bd"
    assert found({"in_stock": True}, live) == "a"
    assert found({"in_stock": none_of(False)}, live) == "acd"
    assert found({"in_stock": True, "price": above(13)}, live) == "a"


def test_a_live_fact_can_be_changed_withdrawn_and_emptied() -> None:
    live = LiveFacts()
    table = FactTable(ITEMS, ROW_OF, live)

    def brands() -> list[bool]:
        return [bool(one) for one in table.holds(checked_where({"brand": "Aster"}))]

    live.set({"b": {"brand": ["Aster", "Birch"]}, "a": {"brand": []}})
    assert brands() == [False, True, False, True]
    live.set({"b": {"brand": "Cedar"}})
    assert brands() == [False, False, False, True]
    live.set({"a": {"brand": None}})
    assert brands() == [True, False, False, True]
    live.clear()
    assert brands() == [True, False, False, True]
    assert live.names == []


def test_an_invalid_live_fact_sets_nothing() -> None:
    live = LiveFacts()

    with pytest.raises(ValueError, match="the fact 'price' of 'b' must be a finite number"):
        live.set({"a": {"price": 3}, "b": {"price": float("nan")}})

    assert live.of("a") == {}


@pytest.mark.parametrize("facts", [3, {"a": 3}, {3: {"price": 1}}, {"a": {"price": {}}}, {"a": {"price": [1, None]}}])
def test_live_facts_of_another_type_are_refused(facts: Wrong) -> None:
    with pytest.raises(TypeError):
        LiveFacts().set(facts)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"brnd": "Aster"}, r"no item has the fact 'brnd'\. Did you mean 'brand'\? The items have 'brand'.*set_facts"),
        ({"in_stock": True}, r"no item has the fact 'in_stock'"),
        ({"brand": below(20)}, r"needs a number, but no value.*such as 'Aster'"),
        ({"brand": True}, r"needs true or false, but no value.*such as 'Aster'"),
        ({"brand": none_of(3)}, r"needs a number"),
    ],
)
def test_a_filter_that_does_not_fit_the_facts_is_refused(where: Where, message: str) -> None:
    with pytest.raises(FilterError, match=message):
        found(where)


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        ("price<20", TypeError, "where must be a mapping"),
        ({3: "x"}, TypeError, "names of facts"),
        ({"price": None}, TypeError, "must be a text, a number"),
        ({"price": {"below": 20}}, TypeError, r"below\(20\)"),
        ({"price": [None]}, TypeError, "must be a text, a number"),
        ({"price": range(3)}, TypeError, "must be a text, a number"),
        ({"brand": set()}, ValueError, "has no values"),
        ({"brand": none_of()}, ValueError, "has no values"),
        ({"price": float("inf")}, ValueError, "finite"),
    ],
)
def test_a_condition_of_another_type_is_refused(where: Wrong, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        checked_where(where)


@pytest.mark.parametrize(
    ("limits", "error", "message"),
    [
        ({}, ValueError, "needs a limit"),
        ({"below": "20"}, TypeError, "must be a number"),
        ({"below": True}, TypeError, "must be a number"),
        ({"at_most": float("nan")}, ValueError, "finite"),
        ({"at_least": 20, "at_most": 5}, ValueError, "Exchange the limits"),
        ({"above": 5, "at_most": 5}, ValueError, "Exchange the limits"),
    ],
)
def test_a_range_that_holds_for_no_number_is_refused(limits: Wrong, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Range(**limits)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (False, "false"), (12.5, "12.5"), (12, "12"), (0.1 + 0.2, "0.3"), (-0.0, "0"), ("12.50", "12.50")],
)
def test_a_value_is_written_as_a_text(value: Wrong, text: str) -> None:
    assert text_of("it", value) == text


def test_a_number_that_is_too_large_for_a_fact_is_refused() -> None:
    with pytest.raises(ValueError, match=r"below 10\^12"):
        text_of("it", 1e12)
