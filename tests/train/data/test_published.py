"""Titles, facts and popularity of bundles and of the writer's training data."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.bundle.items import dump_items, read_items
from tests.tiny_dataset import make_dataset
from train.data import published
from train.data.dataset import Catalogue
from train.data.published import (
    MAX_TITLE,
    MAX_VALUE,
    MAX_VALUES,
    popularity_levels,
    published_items,
    published_popularity,
)
from train.errors import DataError


def catalogue_of(titles: Sequence[str], fields: dict[str, tuple[tuple[str, ...], ...]] | None = None) -> Catalogue:
    n = len(titles)
    return Catalogue(
        item_ids=tuple(f"i{row}" for row in range(n)),
        titles=tuple(titles),
        fields=fields or {},
        descriptions=("A long story.",) * n,
        images=(None,) * n,
        videos=((),) * n,
    )


def test_facts_are_published_and_descriptions_are_not() -> None:
    catalogue = catalogue_of(["A", "B"], fields={"brand": (("Elm",), ()), "categories": (("x", "y"), ("y",))})

    data = dump_items(published_items(catalogue))

    items = read_items(data, 2)
    assert items.title == ["A", "B"]
    assert items.facts(0) == {"brand": ["Elm"], "categories": ["x", "y"]}
    assert items.facts(1) == {"categories": ["y"]}
    assert "story" not in repr(items)


def test_long_texts_are_cut_and_long_lists_shortened() -> None:
    many = tuple(f"value {n}" for n in range(MAX_VALUES + 5))
    catalogue = catalogue_of(["T" * 1000], fields={"cast": (many,), "brand": (("b" * 500,),)})

    items = published_items(catalogue)

    assert len(items.title[0]) == MAX_TITLE
    assert items.facts(0)["cast"] == list(many[:MAX_VALUES])
    assert len(items.facts(0)["brand"][0]) == MAX_VALUE


def test_facts_beyond_the_size_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "max_inflated_bytes", lambda n_items: 10 * n_items)

    with pytest.raises(DataError, match="Shorten titles"):
        published_items(catalogue_of([f"A title of some length, number {n}" for n in range(10)]))


def test_popularity_is_the_formula_of_the_format() -> None:
    rows = np.array([0, 0, 0, 1, 3], dtype=np.int32)

    levels = popularity_levels(rows, 5)

    one = round(255 * np.log(2) / np.log(4))
    assert levels.tolist() == [255, one, 0, one, 0]


def test_popularity_of_a_log_without_events_is_zero() -> None:
    assert popularity_levels(np.zeros(0, dtype=np.int32), 3).tolist() == [0, 0, 0]


def test_popularity_does_not_count_what_is_held_out_for_validation_and_test() -> None:
    dataset = make_dataset()
    table = dataset.sequences.rows.reshape(-1, 5).copy()
    table[:, -2:] = 7
    otherwise = replace(dataset, sequences=replace(dataset.sequences, rows=table.ravel()))

    assert np.array_equal(published_popularity(otherwise), published_popularity(dataset))
