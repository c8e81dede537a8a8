"""The shift of scores towards what a list should resemble."""

from functools import partial

import numpy as np

from edge_runtime.conversation.apply import Application
from edge_runtime.conversation.query import Query
from edge_runtime.filters.live import LiveFacts
from edge_runtime.filters.table import FactTable
from edge_runtime.ranking import Floats, Rows, best_rows
from edge_runtime.search.finder import Finder
from edge_runtime.similar import Cosines
from tests.tiny_items import make_items

N = 200
NEAR = np.arange(150, 180)
"""Rows of items of one direction; scores fall by row."""
SCORES = np.arange(N, 0, -1, dtype=np.float32)
LIKE_THE_FIRST = Query(similar_to=("item-150",))


class Directions(Cosines):
    """Vectors of unit length, with their cosines."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors = vectors

    def vectors(self, rows: Rows) -> Floats:
        return self._vectors[rows]

    def of(self, vector: Floats) -> Floats:
        return self._vectors @ vector


def application(vectors: Floats) -> Application:
    items = make_items([f"number {row}" for row in range(N)])
    row_of = {item_id: row for row, item_id in enumerate(items.item_id)}
    facts = FactTable(items, row_of, LiveFacts())
    return Application(N, row_of.get, facts, Finder(items, np.zeros(N, dtype=np.uint8)), [Directions(vectors)])


def ten(query: Query, vectors: Floats, among: Rows | None = None) -> list[int]:
    applied = application(vectors)
    allowed = np.flatnonzero(applied.allowed(query))
    best = partial(best_rows, among=allowed if among is None else np.intersect1d(allowed, among))
    return [int(row) for row in best(applied.shifted(SCORES, query, best), 10)]


def vectors_of_two_kinds(cosine_of_kinds: float) -> Floats:
    """Return the vectors of two kinds of items, of which those of one kind are equal."""
    vectors = np.tile(np.array([[1, 0]], dtype=np.float32), (N, 1))
    vectors[NEAR] = [cosine_of_kinds, np.sqrt(1 - cosine_of_kinds**2)]
    return vectors


def test_half_of_a_list_resembles_the_item_and_is_in_the_order_of_the_scores() -> None:
    rows = ten(LIKE_THE_FIRST, vectors_of_two_kinds(0))

    assert [row for row in rows if row in NEAR] == [151, 152, 153, 154, 155]
    assert [row for row in rows if row not in NEAR] == [0, 1, 2, 3, 4]


def test_items_of_a_catalogue_whose_vectors_are_alike_come_too() -> None:
    assert len(set(ten(LIKE_THE_FIRST, vectors_of_two_kinds(0.99))) & set(NEAR.tolist())) == 5


def test_only_items_that_may_be_shown_are_raised() -> None:
    rows = ten(LIKE_THE_FIRST, vectors_of_two_kinds(0), np.delete(np.arange(N), NEAR[:20]))

    assert [row for row in rows if row in NEAR] == [170, 171, 172, 173, 174]


def test_fewer_items_than_a_half_are_raised_if_no_more_are_alike() -> None:
    rows = ten(LIKE_THE_FIRST, vectors_of_two_kinds(0), np.arange(NEAR[3]))

    assert [row for row in rows if row in NEAR] == [151, 152]


def test_nothing_changes_where_all_items_are_alike() -> None:
    assert ten(LIKE_THE_FIRST, np.ones((N, 1), dtype=np.float32)) == list(range(10))


def test_equal_scores_stay_equal() -> None:
    applied = application(vectors_of_two_kinds(0))

    assert (applied.shifted(np.ones(N, dtype=np.float32), LIKE_THE_FIRST, best_rows) == 1).all()
