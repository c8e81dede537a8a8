"""A bundle is not worse than its models, or the segment, the metric and the amount of the loss are named."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_runtime.bundle import open_folder
from edge_runtime.errors import EngineError
from export.comparison import Comparison, compare_rankings
from export.engine_reports import EngineReport
from export.evidence import Evidence
from export.gates import (
    figures_are_complete,
    lists_are_those_of_the_student,
    no_segment_ranks_worse,
    ranks_better_than_popularity,
    undecided,
)
from export.inferiority import MIN_CHANGED, Verdict, compare_gains, verdict_of
from export.quality import Quality
from export.rankings import Ranking, rank_together
from export.segments import ALL, TAIL, segments
from export.users import TestUsers
from tests.tiny_bundle import make_tiny_bundle
from train.metrics.ranking import Score

N_USERS, N_ITEMS, N_TAIL, DIM = 6000, 300, 200, 24
Vectors = NDArray[np.float32]


class Shop:
    """Users who want the item nearest to their state; one in a hundred wants an item of the tail."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.vectors: Vectors = rng.normal(size=(N_ITEMS, DIM)).astype(np.float32)
        n_head = N_ITEMS - N_TAIL
        targets = rng.integers(0, n_head, N_USERS)
        in_tail = rng.random(N_USERS) < 0.01
        targets[in_tail] = rng.integers(n_head, N_ITEMS, in_tail.sum())
        self.states = self.vectors[targets] + rng.normal(scale=0.7, size=(N_USERS, DIM)).astype(np.float32)
        histories = tuple(rng.integers(0, 5, rng.integers(2, 15)).astype(np.int32) for _ in range(N_USERS))
        kept = targets >= 5  # the histories hold the first items
        self.states = self.states[kept]
        self.users = TestUsers(
            tuple(history for history, one in zip(histories, kept, strict=True) if one),
            targets[kept].astype(np.int32),
            int(kept.sum()),
            np.arange(kept.sum()),
        )
        popular = np.repeat(np.arange(n_head), 50)
        self.training = np.concatenate([popular, np.arange(n_head, N_ITEMS)]).astype(np.int32)

    def rank(self, vectors: Vectors) -> Ranking:
        """Rank by the similarity with other item vectors."""

        def score(batch: NDArray[np.int64]) -> NDArray[np.float32]:
            squares = (vectors**2).sum(axis=1)
            scores: NDArray[np.float32] = (2 * self.states[batch] @ vectors.T - squares).astype(np.float32)
            return scores

        ranking = rank_together({"model": score}, self.users, N_ITEMS)["model"]
        assert isinstance(ranking, Ranking)
        return ranking

    def compare(self, vectors: Vectors) -> Comparison:
        """Compare quantized vectors with the float32 ones."""
        masks = segments(self.users, self.training, N_ITEMS)
        return compare_rankings("int8", self.rank(vectors), "teacher", "student", self.rank(self.vectors), masks)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop()


def rounded(vectors: Vectors, n_levels: int) -> Vectors:
    """Round to a grid of ``n_levels`` between the extremes of the whole table."""
    step = (vectors.max() - vectors.min()) / n_levels
    result: Vectors = np.round(vectors / step).astype(np.float32) * step
    return result


def evidence(folder: Path, *compared: Comparison, baselines: list[Comparison] | None = None, **more: Any) -> Evidence:  # noqa: ANN401
    make_tiny_bundle(folder / "bundle")
    return Evidence(
        manifest=open_folder(folder / "bundle").manifest,
        users=TestUsers((), np.zeros(0, dtype=np.int32), 0),
        quality=Quality(list(compared), baselines or []),
        reasons=None,
        budgets=[],
        **({"engines": []} | more),
    )


def test_rounding_to_int8_passes_in_every_segment(shop: Shop, tmp_path: Path) -> None:
    found = evidence(tmp_path, shop.compare(rounded(shop.vectors, 255)))

    assert no_segment_ranks_worse(found) == []
    assert lists_are_those_of_the_student(found) == []


def test_a_quantization_that_harms_only_tail_items_fails_on_them_and_passes_overall(shop: Shop, tmp_path: Path) -> None:
    vectors = rounded(shop.vectors, 255)
    vectors[-N_TAIL:] = rounded(shop.vectors[-N_TAIL:], 2)

    comparison = shop.compare(vectors)

    failures = no_segment_ranks_worse(evidence(tmp_path, comparison))
    verdicts = {part.segment: {one.verdict for one in part.metrics} for part in comparison.segments}
    assert verdicts.pop(TAIL) == {Verdict.WORSE}
    assert set.union(*verdicts.values()) == {Verdict.NOT_WORSE}
    assert len(failures) == 1
    assert all("worse than the student teacher for tail items" in failure for failure in failures)
    assert "NDCG@10" in failures[0]
    assert "margin" in failures[0]


def test_equal_bundles_rarely_fail_by_chance() -> None:
    """Which of two equally good rankings is better for a user is a coin toss; at most one in twenty may fail."""
    rng = np.random.default_rng(1)
    verdicts = []
    for _ in range(100):
        first, second = ((rng.random(400) < 0.2).astype(np.float64) for _ in range(2))
        verdicts.append(compare_gains(first, second, metric="recall@10", margin=0.05).verdict)

    assert verdicts.count(Verdict.WORSE) <= 5
    assert Verdict.UNDECIDED in verdicts


def test_few_users_are_undecided_and_no_failure(tmp_path: Path) -> None:
    theirs = np.zeros(30)
    theirs[: MIN_CHANGED - 1] = 1.0

    assert compare_gains(np.zeros(30), theirs, metric="recall@10", margin=0.05).verdict is Verdict.UNDECIDED
    theirs[MIN_CHANGED - 1] = 1.0
    assert compare_gains(np.zeros(30), theirs, metric="recall@10", margin=0.05).verdict is Verdict.WORSE


@pytest.mark.parametrize(
    ("difference", "low", "high", "verdict"),
    [
        (-0.001, -0.004, 0.002, Verdict.NOT_WORSE),
        (-0.008, -0.012, -0.004, Verdict.WORSE),  # narrow, and not above the margin
        (-0.020, -0.035, -0.005, Verdict.WORSE),  # wide, but a loss beyond the margin is certain
        (-0.020, -0.045, 0.005, Verdict.UNDECIDED),
        (0.030, 0.020, 0.040, Verdict.NOT_WORSE),
    ],
)
def test_the_verdict_depends_on_the_whole_interval(
    difference: float, low: float, high: float, verdict: Verdict
) -> None:
    assert verdict_of(difference, low, high, 0.01, 100) is verdict


@pytest.mark.parametrize("position", range(4))
def test_a_number_that_is_not_finite_is_worse(position: int) -> None:
    numbers = [0.0, 0.0, 0.0, 0.01]
    numbers[position] = float("nan")

    difference, low, high, margin = numbers
    assert verdict_of(difference, low, high, margin, 100) is Verdict.WORSE


def ok_engine(**figures: float) -> EngineReport:
    return EngineReport(engine="litert", precision="int8", status="ok", figures={"history_excluded": figures})


def test_a_missing_metric_or_nan_fails(tmp_path: Path) -> None:
    engine = ok_engine(**{"ndcg@10": float("nan")})

    assert figures_are_complete(evidence(tmp_path, engines=[engine])) == [
        "litert int8: ndcg@10 is nan, expected a number",
        "litert int8: recall@10 is None, expected a number",
    ]


def test_a_run_that_was_not_compared_fails(tmp_path: Path) -> None:
    assert figures_are_complete(evidence(tmp_path, runs=("teacher",))) == ["not compared with teacher"]


def test_lists_unlike_those_of_the_student_fail_where_the_quality_is_undecided(shop: Shop, tmp_path: Path) -> None:
    found = evidence(tmp_path, shop.compare(np.roll(shop.vectors, 1, axis=0)))

    assert lists_are_those_of_the_student(found)[0].startswith("int8: shows 0.0")


def test_a_bundle_worse_than_popularity_fails(shop: Shop, tmp_path: Path) -> None:
    masks = segments(shop.users, shop.training, N_ITEMS)
    good, bad = shop.rank(shop.vectors), shop.rank(np.roll(shop.vectors, 1, axis=0))
    baseline = compare_rankings("int8", bad, "popularity", "baseline", good, masks)

    failures = ranks_better_than_popularity(evidence(tmp_path, baselines=[baseline]))

    assert len(failures) == 1
    assert all(f"for {ALL}" in failure for failure in failures)


def test_undecided_segments_are_listed_with_their_users(shop: Shop, tmp_path: Path) -> None:
    masks = {ALL: np.ones(len(shop.users), dtype=np.bool_), TAIL: np.arange(len(shop.users)) < 5}
    ours, theirs = shop.rank(np.roll(shop.vectors, 1, axis=0)), shop.rank(shop.vectors)
    compared = compare_rankings("int8", ours, "teacher", "student", theirs, masks)

    texts = undecided(evidence(tmp_path, compared))

    assert texts
    assert all("tail items (5 users)" in text for text in texts)


def test_a_model_that_fails_is_reported_beside_those_that_rank(shop: Shop) -> None:
    def fails(batch: NDArray[np.int64]) -> NDArray[np.float32]:
        raise EngineError(f"cannot rank {len(batch)} users")

    def works(batch: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.zeros((len(batch), N_ITEMS), dtype=np.float32)

    models: Mapping[str, Score] = {"fails": fails, "works": works}
    found = rank_together(models, shop.users, N_ITEMS)

    assert isinstance(found["fails"], EngineError)
    assert isinstance(found["works"], Ranking)
