"""A new item follows what the items with similar texts follow, less often, and is followed by what follows them."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tests.train.evaluation.hand_made import log
from train.data.split import leave_one_out
from train.transitions.expert import ExpertConfig, Queries, Similarities, TransitionsExpert
from train.transitions.new_item_search import SHARES, choose_new_items
from train.transitions.new_items import with_new_items

# Items 0 and 1 are alike, as are 2 and 3; 0 is followed by 2. Items 1 and 3 are new, 4 has no text.
TEXTS = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]], dtype=np.float32)


def counts(entries: dict[tuple[int, int], float]) -> csr_array:
    first, second = zip(*entries, strict=True)
    return csr_array((np.array(list(entries.values()), np.float32), (first, second)), shape=(5, 5))


def filled(share: float, followers: int = 10) -> NDArray[np.float32]:
    result: NDArray[np.float32] = with_new_items(counts({(0, 2): 4.0, (2, 0): 1.0}), TEXTS, share, followers).toarray()
    return result


def test_a_new_item_follows_what_its_neighbour_follows_less_often() -> None:
    result = filled(0.25)
    assert result[0].tolist() == [0.0, 0.0, 4.0, 1.0, 0.0]
    assert result[2].tolist() == [1.0, 0.25, 0.0, 0.0, 0.0]


def test_a_new_item_is_followed_by_what_follows_its_neighbour_new_items_included() -> None:
    result = filled(0.25)
    assert result[1].tolist() == result[0].tolist()
    assert result[3].tolist() == result[2].tolist()


def test_an_item_without_text_stays_without_transitions() -> None:
    result = filled(1.0)
    assert not result[4].any()
    assert not result[:, 4].any()


def test_known_items_keep_their_transitions_and_get_at_most_so_many_new_followers() -> None:
    texts = np.tile(TEXTS[:1], (5, 1))
    known = counts({(0, 1): 3.0, (1, 0): 2.0})
    result = with_new_items(known, texts, 0.5, 2).toarray()
    np.testing.assert_array_equal(result[:2, :2], known.toarray()[:2, :2])
    assert (result[:, 2:] > 0.0).sum(axis=1).max() <= 2
    assert (result > 0.0).sum(axis=1)[2:].max() <= 2
    assert not result.diagonal().any()


@pytest.mark.parametrize("texts", [np.zeros((5, 2), np.float32), TEXTS * 0.0])
def test_nothing_changes_without_vectors(texts: NDArray[np.float32]) -> None:
    known = counts({(0, 2): 4.0})
    assert with_new_items(known, texts, 1.0, 5) is known


def test_the_expert_ranks_a_new_item_after_known_followers_and_before_items_that_are_only_similar() -> None:
    config = ExpertConfig(text=1.0, second_hop=0.0, new_items=0.25)
    known = counts({(0, 2): 4.0, (2, 0): 1.0})
    scores = TransitionsExpert(known, config, Similarities(TEXTS)).log_scores(Queries.of([np.array([0])]))[0]
    assert scores[2] > scores[3] > scores[1] > scores[4]
    without = replace(config, new_items=0.0)
    scores = TransitionsExpert(known, without, Similarities(TEXTS)).log_scores(Queries.of([np.array([0])]))[0]
    assert scores[1] > scores[3]


def chosen(texts: NDArray[np.float64]) -> float:
    """Return the chosen value for users who take one item of each pair after one of the pair before it."""
    random = np.random.default_rng(1)
    histories = [
        [int((first + step) % 100 * 2 + random.integers(2)) for step in range(6)]
        for first in random.integers(100, size=2000)
    ]
    split = leave_one_out(log(histories))
    similar = Similarities(texts.astype(np.float32))
    config = ExpertConfig(text=0.0, second_hop=0.0)
    return choose_new_items(split.train, split.valid, 200, similar, config, seed=0, max_users=2000)


def test_new_items_follow_others_where_texts_tell_what_they_are() -> None:
    assert chosen(np.repeat(np.eye(100), 2, axis=0)) >= 0.5


def test_the_default_stays_where_nothing_can_be_compared() -> None:
    split = leave_one_out(log([[0, 1, 2, 3], [3, 2, 1, 0]]))
    assert ExpertConfig().new_items in SHARES
    found = choose_new_items(split.train, split.valid, 4, Similarities(), ExpertConfig(), seed=0, max_users=10)
    assert found == ExpertConfig().new_items


def test_followers_are_in_the_order_of_their_rows_as_a_bundle_has_them() -> None:
    random = np.random.default_rng(0)
    texts = random.normal(size=(60, 4)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    known = np.where(random.random((60, 60)) < 0.2, random.integers(1, 5, size=(60, 60)), 0).astype(np.float32)
    known[20:], known[:, 20:] = 0.0, 0.0
    result = with_new_items(csr_array(known), texts, 0.5, 8)
    for start, end in zip(result.indptr[:-1], result.indptr[1:], strict=True):
        assert (np.diff(result.indices[start:end]) > 0).all()
    assert result.nnz > known.astype(bool).sum()
