"""Diversity re-ranking, and its adaptation to feedback."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_runtime import Recommender
from edge_runtime.bundle.codes import ProductCodes, read_codes
from edge_runtime.bundle.manifest import Catalogue, Tier
from edge_runtime.diversity import (
    AUTO_DIVERSITY,
    POOL,
    adapted_diversity,
    diversified_positions,
    diversified_rows,
    positions_for_weight,
)
from edge_runtime.ranking import best_rows, score_all
from tests.golden_diversity import PATH, answer, dump, make_cases
from tests.tiny_bundle import tiny_codes

Vectors = NDArray[np.float32]


def candidates(n: int, dim: int = 8, seed: int = 0) -> tuple[Vectors, Vectors]:
    """Return descending scores ``[n]`` and vectors ``[n, dim]``."""
    random = np.random.default_rng(seed)
    scores = -np.sort(-random.normal(size=n)).astype(np.float32)
    return scores, random.normal(size=(n, dim)).astype(np.float32)


def printed_objective(scores: Vectors, vectors: Vectors, chosen: list[int], weight: float) -> float:
    """Evaluate the documented objective in float64, with exact cosines and a full determinant."""
    exact, points = scores.astype(np.float64), vectors.astype(np.float64)
    relevance = (exact - exact.mean()) / (4 * exact.std())
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    kernel = 0.9 * (1 + unit @ unit.T) / 2
    np.fill_diagonal(kernel, 1.0)
    determinant = np.linalg.det(kernel[np.ix_(chosen, chosen)])
    return float((1 - weight) * relevance[chosen].sum() + weight / 2 * np.log(determinant))


def mean_distance(vectors: Vectors, positions: NDArray[np.int64]) -> float:
    """Return the mean of 1 - cosine over the pairs of a list."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return float(np.mean([1 - unit[i] @ unit[j] for i, j in combinations(positions.tolist(), 2)]))


@pytest.mark.parametrize("weight", [0.1, 0.5, 0.9])
def test_each_choice_maximizes_the_documented_objective(weight: float) -> None:
    scores, vectors = candidates(20)

    positions = positions_for_weight(scores, vectors, 6, weight).tolist()

    for size, position in enumerate(positions):
        gains = {
            other: printed_objective(scores, vectors, [*positions[:size], other], weight)
            for other in range(20)
            if other not in positions[:size]
        }
        assert gains[position] == pytest.approx(max(gains.values()), abs=2e-3)


def test_diversity_zero_keeps_the_order_of_the_scores() -> None:
    scores, vectors = candidates(POOL)

    assert diversified_positions(scores, vectors, 10, 0.0).tolist() == list(range(10))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("spread", "k"), [(1.0, 12), (0.1, 12), (10.0, 12), (1.0, 30)])
def test_the_share_of_replaced_items_equals_the_diversity_for_any_scores(spread: float, k: int, seed: int) -> None:
    scores, vectors = candidates(POOL, seed=seed)
    scores[:3] += spread
    most = (diversified_positions(scores, vectors, k, 1.0) >= k).sum()

    exchanged = [(diversified_positions(scores, vectors, k, step / 20) >= k).sum() for step in range(21)]

    assert most >= k // 2
    assert (np.diff(exchanged) >= 0).all()
    # The next weight may replace two or three more items at once.
    assert exchanged == pytest.approx([step / 20 * most for step in range(21)], abs=0.5 + k / 6)


@pytest.mark.parametrize(("n", "k"), [(12, 12), (5, 8), (2, 2), (1, 1), (0, 3)])
def test_a_list_of_all_candidates_is_a_permutation(n: int, k: int) -> None:
    scores, vectors = candidates(n)

    for diversity in (0.0, 0.3, 0.7, 1.0):
        assert sorted(diversified_positions(scores, vectors, k, diversity).tolist()) == list(range(n))


def test_the_mean_distance_grows_with_the_diversity() -> None:
    scores, vectors = candidates(POOL)

    distances = [mean_distance(vectors, diversified_positions(scores, vectors, 10, step / 5)) for step in range(6)]

    assert (np.diff(distances) > -1e-6).all()
    assert distances[-1] > distances[0] + 0.05


@pytest.mark.parametrize("diversity", [0.0, 0.3, 1.0])
def test_the_best_item_stays_first_and_items_are_distinct(diversity: float) -> None:
    scores, vectors = candidates(50)

    positions = diversified_positions(scores, vectors, 50, diversity).tolist()

    assert positions[0] == 0
    assert sorted(positions) == list(range(50))


def test_the_result_does_not_depend_on_the_scale_of_the_scores() -> None:
    scores, vectors = candidates(POOL)

    lists = [
        diversified_positions((scale * scores + shift).astype(np.float32), vectors, 10, 0.4).tolist()
        for scale, shift in ((1, 0), (64, 0), (0.125, 4))
    ]

    assert lists[0] == lists[1] == lists[2]


def test_the_norm_of_a_vector_does_not_matter() -> None:
    scores, vectors = candidates(POOL)
    lengths = np.random.default_rng(1).uniform(0.5, 8, (POOL, 1)).astype(np.float32)

    assert diversified_positions(scores, vectors * lengths, 10, 0.6).tolist() == (
        diversified_positions(scores, vectors, 10, 0.6).tolist()
    )


def test_a_duplicate_is_replaced() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)

    positions = diversified_positions(np.array([3, 2.9, 2.8], dtype=np.float32), vectors, 2, 0.5)

    assert positions.tolist() == [0, 2]


@pytest.mark.parametrize("scores", [[0, 0, 0], [1e30, 0, -1e30], [3e38, 3e38, -3e38]])
def test_extreme_scores_give_a_valid_list(scores: list[float]) -> None:
    vectors = np.array([[0, 0], [1e-30, 0], [1e30, 1e30]], dtype=np.float32)

    assert sorted(diversified_positions(np.array(scores, dtype=np.float32), vectors, 3, 0.5).tolist()) == [0, 1, 2]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_items_with_the_same_codes_keep_their_order(data: st.DataObject) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    n_kinds, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 60))
    kinds = np.sort(random.integers(0, n_kinds, n))
    scores = -kinds.astype(np.float32)
    vectors = random.normal(size=(n_kinds, 16)).astype(np.float32)[kinds]

    positions = diversified_positions(scores, vectors, n, data.draw(st.floats(0, 1)))

    for kind in range(n_kinds):
        of_kind = [position for position in positions.tolist() if kinds[position] == kind]
        assert of_kind == sorted(of_kind)


def random_codes(n_items: int) -> ProductCodes:
    sizes = Catalogue(n_items, 16, 16, (Tier(n_items - n_items // 3, 8), Tier(n_items // 3, 2)))
    random = np.random.default_rng(0)
    return read_codes(tiny_codes(sizes, random.random(n_items), random), sizes)


def test_a_diverse_list_is_chosen_from_the_hundred_best_unseen_items() -> None:
    codes = random_codes(400)
    scores = score_all(codes, np.random.default_rng(1).normal(size=16).astype(np.float32))
    excluded = best_rows(scores, 5)

    diverse = diversified_rows(codes, scores, best_rows(scores, POOL, excluded), 10, 0.7)

    assert set(diverse.tolist()) <= set(best_rows(scores, POOL, excluded).tolist())
    assert diverse.tolist() != best_rows(scores, 10, excluded).tolist()


def test_items_beyond_the_hundredth_keep_their_order() -> None:
    codes = random_codes(400)
    scores = score_all(codes, np.random.default_rng(1).normal(size=16).astype(np.float32))
    precise = best_rows(scores, 400)

    diverse = diversified_rows(codes, scores, precise, 400, 0.7)

    assert diverse[POOL:].tolist() == precise[POOL:].tolist()
    assert sorted(diverse.tolist()) == list(range(400))


@pytest.mark.parametrize(("n_items", "k", "n_listed"), [(3, 10, 3), (150, 120, 120), (150, 200, 150)])
def test_small_catalogues_give_all_their_items(n_items: int, k: int, n_listed: int) -> None:
    codes = random_codes(n_items)
    scores = score_all(codes, np.ones(16, dtype=np.float32))

    diverse = diversified_rows(codes, scores, best_rows(scores, max(POOL, k)), k, 0.5)

    assert len(set(diverse.tolist())) == n_listed


GOLDEN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["name"]))
def test_the_lists_match_the_golden_file(case: dict[str, Any]) -> None:
    for diversity, expected in case["expected"]:
        assert answer(case, case["k"], diversity) == expected


def test_the_golden_file_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == dump(make_cases())


def printed_mean(feedback: list[float]) -> float:
    """Evaluate the documented mean, newest first."""
    quotient = 2 ** (-1 / 3)
    return (1 - quotient) * sum(quotient**age * value for age, value in enumerate(feedback))


def test_feedback_changes_the_diversity_by_the_documented_formula() -> None:
    up = adapted_diversity(0.3, ["dislike", "dislike", "like"])
    down = adapted_diversity(0.3, ["purchase", "click", "dislike"])

    assert up == pytest.approx(0.3 + printed_mean([1, 1, -1]) * 0.7)
    assert down == pytest.approx(0.3 * (1 + printed_mean([-1, -0.5, 1])))


def test_without_feedback_the_diversity_is_unchanged() -> None:
    assert adapted_diversity(0.3, []) == 0.3


def test_the_weight_of_an_event_halves_after_three_more() -> None:
    now = adapted_diversity(0.0, ["dislike"])
    neutral = adapted_diversity(0.0, ["like", "dislike", "dislike"])
    later = printed_mean([0, 0, 0, 1])

    assert later == pytest.approx(now / 2)
    assert 0 < neutral < now


@given(st.floats(0, 1), st.lists(st.sampled_from(["dislike", "like", "purchase", "click", "shared"]), max_size=200))
def test_the_diversity_stays_in_range_and_follows_the_newest_event(diversity: float, past: list[str]) -> None:
    before = adapted_diversity(diversity, past)

    assert 0 <= before <= 1
    assert adapted_diversity(diversity, ["dislike", *past]) >= before - 1e-6
    assert adapted_diversity(diversity, ["like", *past]) <= before + 1e-6


def test_diversity_zero_gives_the_plain_list(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        for history in (["item-3", "item-8"], []):
            assert recommender.recommend(10, history, diversity=0.0) == recommender.recommend(10, history)


def test_a_diverse_list_has_consecutive_ranks_and_the_original_scores(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        score_of = {item.item_id: item.score for item in recommender.recommend(40, ["item-3"])}
        diverse = recommender.recommend(5, ["item-3"], diversity=0.9)

        assert [item.rank for item in diverse] == [1, 2, 3, 4, 5]
        assert all(item.score == score_of[item.item_id] for item in diverse)
        assert diverse != recommender.recommend(5, ["item-3"])


@pytest.mark.parametrize("diversity", [-0.1, 1.5, float("nan")])
def test_a_diversity_outside_the_range_is_rejected(bundle: Path, diversity: float) -> None:
    with Recommender.open(bundle) as recommender, pytest.raises(ValueError, match="between 0"):
        recommender.recommend(5, diversity=diversity)


def test_auto_follows_the_recorded_feedback_and_stores_nothing(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, tmp_path / "s") as recommender:
        assert recommender.auto_diversity() == AUTO_DIVERSITY
        liked = recommender.observe("item-3", "like")
        assert recommender.auto_diversity() < AUTO_DIVERSITY
        assert recommender.recommend(10, diversity="auto") == recommender.recommend(
            10, diversity=recommender.auto_diversity()
        )
        recommender.remove(liked.id)
        for row in range(4, 8):
            recommender.observe(f"item-{row}", "dislike")
        raised = recommender.auto_diversity()
        assert raised > AUTO_DIVERSITY

    with Recommender.open(bundle, tmp_path / "s") as reopened:
        assert reopened.auto_diversity() == raised
        reopened.forget()
        assert reopened.auto_diversity() == AUTO_DIVERSITY


def test_auto_treats_a_given_history_as_clicks(bundle: Path) -> None:
    with Recommender.open(bundle) as recommender:
        recommender.observe("item-9", "dislike")

        assert recommender.auto_diversity(["item-3"]) == adapted_diversity(AUTO_DIVERSITY, ["click"])
