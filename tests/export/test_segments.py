"""The segments of the test users."""

import numpy as np

from export.segments import ALL, NEW, TAIL, head_items, segments
from export.users import TestUsers

# Items 0 and 1 have half of the events, item 2 is in the middle, 3 in the tail, 4 new.
TRAINING = np.repeat([0, 1, 2, 3], [20, 20, 6, 2]).astype(np.int32)


def users(lengths: list[int], targets: list[int]) -> TestUsers:
    histories = tuple(np.arange(length, dtype=np.int32) for length in lengths)
    return TestUsers(histories, np.array(targets, dtype=np.int32), len(targets), np.arange(len(targets)))


def test_every_user_has_one_length_and_one_popularity() -> None:
    masks = segments(users([2, 4, 5, 9, 10], [0, 2, 3, 4, 1]), TRAINING, 5)

    chosen = {name: np.flatnonzero(mask).tolist() for name, mask in masks.items()}
    assert chosen == {
        ALL: [0, 1, 2, 3, 4],
        "short histories": [0, 1],
        "medium histories": [2, 3],
        "long histories": [4],
        "head items": [0, 4],
        "middle items": [1],
        TAIL: [2],
        NEW: [3],
    }


def test_a_segment_without_users_is_left_out() -> None:
    assert NEW not in segments(users([2], [0]), TRAINING, 5)


def test_equally_popular_items_are_all_of_the_head() -> None:
    assert head_items(np.array([3, 3, 3, 1])).tolist() == [True, True, True, False]
    assert head_items(np.zeros(2, dtype=np.int64)).tolist() == [False, False]


def test_newcomers_keep_their_newest_events() -> None:
    cut = users([5, 1, 3], [0, 1, 2]).newcomers(2, 10)

    assert [history.tolist() for history in cut.histories] == [[3, 4], [0], [1, 2]]
    assert len(users([5, 1, 3], [0, 1, 2]).newcomers(2, 2)) == 2
