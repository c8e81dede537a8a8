"""The expert equals a dense computation of its formula, also without a user's own transitions."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from train.transitions.expert import ExpertConfig, OwnEvents, Queries, Similarities, TransitionsExpert
from train.transitions.graph import GraphConfig, transition_counts

N_ITEMS = 12
RNG = np.random.default_rng(0)
HISTORIES = [RNG.integers(N_ITEMS, size=length) for length in (1, 2, 5, 9, 4, 7)]
TEXT = RNG.normal(size=(N_ITEMS, 3)).astype(np.float32)
TEXT /= np.linalg.norm(TEXT, axis=1, keepdims=True)
TEXT[3] = 0.0  # an item without text
CONFIG = ExpertConfig(graph=GraphConfig(window=3, decay=0.5, backward=0.1), newest=3, new_items=0.0)


def events(histories: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    users = np.repeat(np.arange(len(histories)), [len(rows) for rows in histories])
    return np.concatenate(histories), users


def dense_counts(histories: list[NDArray[np.int64]], graph: GraphConfig) -> NDArray[np.float64]:
    counts = np.zeros((N_ITEMS, N_ITEMS))
    for rows in histories:
        for lag in range(1, graph.window + 1):
            for first, second in zip(rows[:-lag], rows[lag:], strict=True):
                if first != second:
                    counts[first, second] += graph.decay ** (lag - 1)
                    counts[second, first] += graph.backward * graph.decay ** (lag - 1)
    return counts


def dense_log_scores(
    history: NDArray[np.int64], counts: NDArray[np.float64], config: ExpertConfig
) -> NDArray[np.float64]:
    total = counts.sum(axis=1, keepdims=True)
    probabilities = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    weights = np.zeros(N_ITEMS)
    for age, row in enumerate(history[::-1][: config.newest]):
        weights[row] += config.recency**age
    first = weights @ probabilities
    reached = first + config.second_hop * (first @ probabilities)
    centre = weights @ TEXT
    length = np.linalg.norm(centre)
    cosine = TEXT @ centre / length if length > 1e-6 else np.zeros(N_ITEMS)
    scores: NDArray[np.float64] = np.log1p(reached / config.smoothing) + config.text * cosine
    return scores


def expert(histories: list[NDArray[np.int64]], config: ExpertConfig) -> TransitionsExpert:
    counts = transition_counts(*events(histories), N_ITEMS, config.graph)
    return TransitionsExpert(counts, config, Similarities(TEXT))


@pytest.mark.parametrize(
    "config",
    [CONFIG, replace(CONFIG, second_hop=0.0), replace(CONFIG, graph=GraphConfig(window=50, decay=1.0, backward=1.0))],
)
def test_scores_follow_the_formula(config: ExpertConfig) -> None:
    scores = expert(HISTORIES, config).log_scores(Queries.of(HISTORIES))
    counts = dense_counts(HISTORIES, config.graph)
    for history, row in zip(HISTORIES, scores, strict=True):
        np.testing.assert_allclose(row, dense_log_scores(history, counts, config), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("second_hop", [0.0, 1.0])
def test_without_own_transitions_a_user_is_scored_as_by_the_others_alone(second_hop: float) -> None:
    config = replace(CONFIG, second_hop=second_hop)
    rows, users = events(HISTORIES)
    own = OwnEvents(rows, users, np.arange(len(HISTORIES)))
    scores = expert(HISTORIES, config).log_scores(Queries.of(HISTORIES), own)
    for user, history in enumerate(HISTORIES):
        others = [rows for index, rows in enumerate(HISTORIES) if index != user]
        expected = dense_log_scores(history, dense_counts(others, config.graph), config)
        np.testing.assert_allclose(scores[user], expected, rtol=1e-3, atol=1e-3)


def test_an_item_that_only_the_user_had_reaches_nothing_without_own_transitions() -> None:
    histories = [np.array([0, 1, 2]), np.array([3, 4])]
    rows, users = events(histories)
    config = replace(CONFIG, text=0.0)
    scores = expert(histories, config).log_scores(
        Queries.of([histories[0][:2]]), OwnEvents(rows[:3], users[:3], np.array([0]))
    )
    assert not scores.any()


def test_an_empty_history_scores_every_item_zero() -> None:
    scores = expert(HISTORIES, CONFIG).log_scores(Queries.of([np.empty(0, np.int64), HISTORIES[2]]))
    assert not scores[0].any()
    assert scores[1].any()


def test_only_the_most_frequent_followers_are_kept() -> None:
    histories = [np.array([0, 1])] * 3 + [np.array([0, 2])] * 2 + [np.array([0, 3])]
    graph = GraphConfig(window=1, backward=0.0, followers=2)
    counts = transition_counts(*events(histories), N_ITEMS, graph)
    assert counts[[0]].indices.tolist() == [1, 2]
    assert counts[[0]].data.tolist() == [3.0, 2.0]


def test_of_equally_frequent_followers_the_lower_rows_are_kept() -> None:
    histories = [np.array([0, row]) for row in (5, 2, 9, 1)]
    counts = transition_counts(*events(histories), N_ITEMS, GraphConfig(window=1, backward=0.0, followers=2))
    assert counts[[0]].indices.tolist() == [1, 2]


def test_without_a_transition_there_are_no_counts_and_texts_rank_alone() -> None:
    histories = [np.array([row]) for row in range(4)]
    scores = expert(histories, CONFIG).log_scores(Queries.of([np.array([0])]))
    np.testing.assert_allclose(scores[0], CONFIG.text * TEXT @ TEXT[0], rtol=1e-4, atol=1e-5)
