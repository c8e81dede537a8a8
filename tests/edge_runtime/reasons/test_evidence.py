"""Which events the score of an item rests on."""

import numpy as np
from numpy.typing import NDArray

from edge_runtime.reasons.evidence import MAX_EVENTS, STEPS, find_evidence, without_engine

Rows = NDArray[np.int64]


def rows(*values: int) -> Rows:
    return np.array(values, dtype=np.int64)


def additive(sequence: Rows) -> NDArray[np.float32]:
    """Score item ``i`` by how often its number is in the sequence, a quarter each; others get nothing."""
    return (np.bincount(sequence, minlength=40) / 4).astype(np.float32)


def test_the_drop_is_what_the_score_loses_without_all_occurrences_of_an_item() -> None:
    evidence = find_evidence(rows(3, 5, 3), [3, 5, 7], additive)

    assert evidence.pasts == (3, 5)
    assert evidence.drops == ((STEPS // 2, 0), (0, STEPS // 4), (0, 0))


def test_the_newest_distinct_items_may_be_cited_and_older_ones_are_named_as_such() -> None:
    evidence = find_evidence(np.arange(20), [30], additive)

    assert evidence.pasts == tuple(range(19, 19 - MAX_EVENTS, -1))
    assert evidence.older == (3, 2, 1, 0)


def test_a_list_costs_one_pass_for_each_event_that_may_be_cited_and_one_more() -> None:
    passes = []

    def counting(sequence: Rows) -> NDArray[np.float32]:
        passes.append(len(sequence))
        return additive(sequence)

    find_evidence(np.arange(5), list(range(10)), counting)

    assert sorted(passes) == [4, 4, 4, 4, 4, 5]


def test_a_history_of_one_item_needs_no_pass() -> None:
    evidence = find_evidence(rows(4, 4), [1, 2], lambda _: np.zeros(0, dtype=np.float32))

    assert evidence.pasts == (4,)
    assert evidence.drops == ((1,), (1,))


def test_differences_below_half_a_step_do_not_count() -> None:
    def nearly(sequence: Rows) -> NDArray[np.float32]:
        return np.full(40, 0.0004 * len(sequence), dtype=np.float32)

    assert find_evidence(rows(1, 2), [3], nearly).drops == ((0, 0),)


def test_without_an_engine_all_events_count_the_same() -> None:
    evidence = without_engine([1, 2, 1], [5, 6])

    assert evidence.pasts == (1, 2)
    assert evidence.drops == ((1, 1), (1, 1))
