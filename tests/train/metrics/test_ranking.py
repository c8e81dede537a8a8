import numpy as np
import pytest
import pytrec_eval
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from train.metrics.ranking import Score, excluded_ranks, metrics, ndcg, rank_targets, summary


def scored(table: list[list[float]]) -> Score:
    scores = np.array(table, dtype=np.float32)
    return lambda users: scores[users].copy()


def rows(*values: int) -> NDArray[np.int32]:
    return np.array(values, dtype=np.int32)


def test_the_best_item_has_rank_zero() -> None:
    ranked = rank_targets(scored([[0.1, 0.9, 0.5]]), [rows(0)], rows(1), 3)

    assert ranked.excluded.tolist() == [0]
    assert metrics(ranked.excluded)["ndcg@10"] == 1.0


def test_items_of_the_history_are_excluded() -> None:
    ranked = rank_targets(scored([[0.9, 0.8, 0.7, 0.1]]), [rows(0, 1)], rows(2), 4)

    assert ranked.excluded.tolist() == [0]
    assert ranked.included.tolist() == [2]


def test_ties_count_against_the_model_and_are_reported() -> None:
    ranked = rank_targets(scored([[0.5, 0.5, 0.5, 0.5]]), [rows(3)], rows(0), 4)

    assert ranked.excluded.tolist() == [2]
    assert ranked.tied.tolist() == [2]
    assert summary(ranked)["share_tied"] == 1.0


def test_a_target_in_the_history_is_a_miss() -> None:
    ranked = rank_targets(scored([[0.9, 0.1, 0.2]]), [rows(0)], rows(0), 3)

    assert ranked.excluded.tolist() == [2]
    assert ranked.included.tolist() == [0]


def test_an_empty_history_excludes_nothing() -> None:
    ranked = rank_targets(scored([[0.9, 0.1, 0.2]]), [rows()], rows(2), 3)

    assert ranked.excluded.tolist() == ranked.included.tolist() == [1]


def test_no_users_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        rank_targets(scored([[0.0]]), [], rows(), 1)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_metrics_match_trec_eval(seed: int) -> None:
    random = np.random.default_rng(seed)
    n_users, n_items = 7, 60
    scores = random.normal(size=(n_users, n_items)).astype(np.float32)
    targets = random.integers(0, n_items, n_users).astype(np.int32)

    ours = metrics(rank_targets(lambda users: scores[users].copy(), [rows()] * n_users, targets, n_items).excluded)

    relevant = {f"u{u}": {f"i{targets[u]}": 1} for u in range(n_users)}
    ranked = {f"u{u}": {f"i{i}": float(scores[u, i]) for i in range(n_items)} for u in range(n_users)}
    measures = {"ndcg_cut.5,10,20", "recall.5,10,20", "recip_rank"}
    theirs = pytrec_eval.RelevanceEvaluator(relevant, measures).evaluate(ranked)
    for name, value in ours.items():
        measure = {"ndcg": "ndcg_cut", "mrr": "recip_rank"}.get(name.split("@")[0], name.split("@")[0])
        measure += f"_{name.split('@')[1]}" if "@" in name else ""
        assert value == pytest.approx(np.mean([user[measure] for user in theirs.values()]), abs=1e-9), name


def test_ndcg_is_zero_beyond_k() -> None:
    assert ndcg(np.array([9, 10]), 10).tolist() == pytest.approx([1 / np.log2(11), 0.0])


def test_ranks_with_the_history_excluded_equal_those_of_the_whole_ranking() -> None:
    random = np.random.default_rng(0)
    histories = [random.integers(20, size=length).astype(np.int32) for length in (0, 1, 7, 30, 5)]
    targets = np.array([3, 4, 5, 6, histories[4][0]], dtype=np.int32)
    # Few different scores, so that many are tied.
    scores = torch.from_numpy(random.integers(4, size=(5, 20)).astype(np.float32))

    ranks = excluded_ranks(scores, histories, targets)

    expected = rank_targets(lambda users: scores[users].clone(), histories, targets, 20)
    np.testing.assert_array_equal(ranks, expected.excluded)
