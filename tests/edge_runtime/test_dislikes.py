"""Dislikes lower the scores of similar items only, and removing a dislike restores them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_runtime import Recommender
from edge_runtime.bundle.codes import ProductCodes
from edge_runtime.dislikes import N_DISLIKES, STRENGTH, DislikePenalty
from edge_runtime.products import ItemProducts
from edge_runtime.similar import Cosines
from tests.golden_dislikes import N_ITEMS, PATH, codes_of, counted, dump, lowered, make_all, make_codes

Vector = NDArray[np.float32]
GOLDEN: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
CODES: ProductCodes = codes_of(*make_codes())


def some_scores(seed: int = 0) -> Vector:
    return np.random.default_rng(seed).normal(size=N_ITEMS).astype(np.float32)


def printed(scores: Vector, disliked: list[int]) -> NDArray[np.float64]:
    """Evaluate the documented formula in float64 on decoded vectors."""
    vectors = CODES.decode(np.arange(N_ITEMS)).astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    falls = [np.zeros(N_ITEMS)]
    for age, row in enumerate(disliked[:N_DISLIKES]):
        cosines = unit @ unit[row]
        far = cosines.mean() + (1 - cosines.mean()) / 3
        falls.append((1 - age / N_DISLIKES) * np.maximum(0, (cosines - far) / (1 - far)))
    ordered = np.sort(scores.astype(np.float64))[::-1]
    spread: NDArray[np.float64] = STRENGTH * (ordered[0] - ordered[99]) * np.max(falls, axis=0)
    return scores - spread


@pytest.mark.parametrize("disliked", [[3], [100], [7, 3, 100], list(range(30, 50))])
def test_scores_are_lowered_by_the_documented_formula(disliked: list[int]) -> None:
    scores = some_scores()

    after = DislikePenalty(Cosines(CODES)).apply(scores, np.array(disliked))

    np.testing.assert_allclose(after, printed(scores, disliked), atol=1e-4)


def test_without_dislikes_the_scores_are_returned_unchanged() -> None:
    scores = some_scores()

    assert DislikePenalty(Cosines(CODES)).apply(scores, np.empty(0, dtype=np.int64)) is scores


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1000), st.lists(st.integers(0, N_ITEMS - 1), min_size=1, max_size=10))
def test_no_score_rises_and_the_penalty_is_bounded(seed: int, disliked: list[int]) -> None:
    scores = some_scores(seed)
    before = scores.copy()

    after = DislikePenalty(Cosines(CODES)).apply(scores, np.array(disliked))

    ordered = np.sort(scores)[::-1]
    assert (after <= scores).all()
    assert (scores - after).max() == pytest.approx(STRENGTH * (ordered[0] - ordered[99]), rel=1e-3)
    assert (scores == before).all()


def test_items_with_the_same_codes_stay_tied() -> None:
    tier = CODES.tiers[1]
    _, kind = np.unique(tier.codes, axis=0, return_inverse=True)
    rows = tier.rows[kind == np.bincount(kind).argmax()]
    scores = some_scores()
    scores[rows] = 0.25

    after = DislikePenalty(Cosines(CODES)).apply(scores, np.array([3, 9]))

    assert len(rows) > 3
    assert len(set(after[rows].tolist())) == 1


def test_equal_items_get_no_penalty() -> None:
    sizes, arrays = make_codes()
    for tier in range(2):
        arrays[f"codes.{tier}"]["data"] = [0] * len(arrays[f"codes.{tier}"]["data"])
        arrays[f"codebook.{tier}"]["data"] = [0] * len(arrays[f"codebook.{tier}"]["data"])
        arrays[f"centre.{tier}"]["data"] = [0.5] * 8
    scores = some_scores()

    assert DislikePenalty(Cosines(codes_of(sizes, arrays))).apply(scores, np.array([3])).tolist() == scores.tolist()


def test_a_zero_vector_is_similar_to_nothing() -> None:
    sizes, arrays = make_codes()
    for tier in range(2):
        arrays[f"codebook.{tier}"]["data"] = [0] * len(arrays[f"codebook.{tier}"]["data"])
        arrays[f"centre.{tier}"]["data"] = [0.0] * 8
    scores = some_scores()

    assert DislikePenalty(Cosines(codes_of(sizes, arrays))).apply(scores, np.array([3])).tolist() == scores.tolist()


def test_norms_are_those_of_the_decoded_vectors() -> None:
    np.testing.assert_allclose(
        ItemProducts(CODES).lengths(), np.linalg.norm(CODES.decode(np.arange(N_ITEMS)), axis=1), rtol=1e-5
    )


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: f"after {case['disliked']}")
def test_the_scores_match_the_golden_file(case: dict[str, Any]) -> None:
    assert lowered(CODES, case) == pytest.approx(case["expected"], abs=1e-4)


@pytest.mark.parametrize(("history", "expected"), GOLDEN["histories"])
def test_the_newest_dislikes_match_the_golden_file(history: list[list[Any]], expected: list[str]) -> None:
    assert counted(history) == expected


def test_the_golden_file_is_up_to_date() -> None:
    assert PATH.read_text(encoding="utf-8") == dump(make_all())


@pytest.mark.parametrize("clicks", [[], ["item-3", "item-8"]])
def test_a_recorded_dislike_lowers_similar_items_and_removing_it_restores_the_list(
    bundle: Path, tmp_path: Path, clicks: list[str]
) -> None:
    with Recommender.open(bundle, tmp_path / "state") as recommender:
        for item_id in clicks:
            recommender.observe(item_id)
        before = recommender.recommend(40)

        event = recommender.observe(before[0].item_id, "dislike")
        after = recommender.recommend(40)

        score_of = {item.item_id: item.score for item in after}
        assert before[0].item_id not in score_of
        assert all(score_of[item.item_id] <= item.score for item in before[1:])
        assert any(score_of[item.item_id] < item.score for item in before[1:])
        assert [item.score for item in after] == sorted(score_of.values(), reverse=True)
        recommender.remove(event.id)
        assert recommender.recommend(40) == before


def test_a_dislike_is_durable_and_ends_with_a_later_positive_event(bundle: Path, tmp_path: Path) -> None:
    with Recommender.open(bundle, tmp_path / "state") as recommender:
        recommender.observe("item-5", "click")
        recommender.observe("item-3", "dislike")
        recommender.observe("an item of another release", "dislike")
        after = recommender.recommend(40)

    with Recommender.open(bundle, tmp_path / "state") as reopened:
        assert reopened.recommend(40) == after
        assert reopened.recommend(40, ["item-5"])[0].score >= after[0].score
        reopened.observe("item-3", "like")
        assert reopened.recommend(40) == reopened.recommend(40, ["item-5", "item-3"])
