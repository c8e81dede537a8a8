"""Chooses the expert's settings on validation events: coordinate descent over a few values of each setting.

A value replaces another only if the mean gain in NDCG@10 exceeds its standard error over the sampled users, so that a
small log keeps the defaults instead of fitting noise. How often new items follow others is chosen afterwards
(:mod:`train.transitions.new_item_search`): validation events are of known items.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from train.data.sequences import RowArray, Sequences
from train.data.split import Targets
from train.metrics.ranking import BATCH_USERS, excluded_ranks, ndcg
from train.transitions.comparing import Gains, is_better
from train.transitions.expert import (
    ExpertConfig,
    Floats,
    Queries,
    Similarities,
    TransitionsExpert,
    add_graph,
    cosines,
    reached,
    recency_weights,
)
from train.transitions.graph import MAX_WINDOW, GraphConfig, transition_counts
from train.transitions.new_item_search import choose_new_items

MAX_USERS = 2000
"""Number of users that settings are compared on; more of them take longer and change little."""

# Windows with more transitions than this take minutes to count and are not tried.
_MAX_TRANSITIONS = 40_000_000

_Variants = Callable[[ExpertConfig], list[ExpertConfig]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The result of a search.

    Attributes:
        config: the chosen settings.
        ndcg: NDCG@10 with the chosen settings on the sampled validation users.
        default_ndcg: NDCG@10 with the default settings on the same users.
        n_users: number of sampled users.
    """

    config: ExpertConfig
    ndcg: float
    default_ndcg: float
    n_users: int


def choose_settings(
    train: Sequences, valid: Targets, n_items: int, similar: Similarities, *, seed: int, max_users: int = MAX_USERS
) -> Chosen:
    """Return the settings that rank validation events best.

    Args:
        train: training events, whose transitions are counted.
        valid: validation targets.
        n_items: number of items.
        similar: vectors that items are compared by.
        seed: random seed of the sample of users.
        max_users: number of users to sample; 0 returns the defaults.
    """
    best = ExpertConfig(text=ExpertConfig().text if similar.text is not None else 0.0)
    if not len(valid) or max_users == 0:
        return Chosen(best, 0.0, 0.0, 0)
    sample = np.sort(np.random.default_rng(seed).permutation(len(valid))[:max_users])
    users = _Users([valid.history(int(index)) for index in sample], valid.rows[sample], train, n_items, similar)
    best_gains = users.gains([best])[0]
    default_ndcg = float(best_gains.mean())
    for variants in _coordinates(similar, train.n_events):
        tried = [config for config in variants(best) if config != best]
        for config, gains in zip(tried, users.gains(tried), strict=True):
            if is_better(gains, best_gains):
                best, best_gains = config, gains
    new_items = choose_new_items(train, valid, n_items, similar, best, seed=seed, max_users=max_users)
    best = replace(best, new_items=new_items)
    return Chosen(best, float(best_gains.mean()), default_ndcg, len(sample))


def _coordinates(similar: Similarities, n_events: int) -> list[_Variants]:
    """Return for each step the function from the best settings so far to those to compare them with."""
    graphs = [
        GraphConfig(window=window, decay=decay, backward=backward)
        for window, decay, backward in (
            (1, 1.0, 0.0), (2, 0.5, 0.1), (3, 0.5, 0.5), (5, 0.7, 0.1), (5, 0.7, 1.0), (MAX_WINDOW, 1.0, 1.0),
        )
        if window * n_events <= _MAX_TRANSITIONS or window <= GraphConfig().window
    ]  # fmt: skip
    unordered = [
        replace(graph, followers=number) for graph in graphs if graph.window == MAX_WINDOW for number in (16, 64)
    ]
    histories = ((1, 1.0), (3, 0.6), (5, 0.8), (10, 0.8), (MAX_WINDOW, 1.0))
    texts = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0) if similar.text is not None else (0.0,)
    mixed = list(product(texts, (1e-4, 3e-4, 1e-3, 1e-2)))
    steps: list[_Variants] = [
        lambda best: [replace(best, graph=graph) for graph in graphs],
        lambda best: [replace(best, newest=newest, recency=recency) for newest, recency in histories],
        lambda best: [replace(best, graph=replace(best.graph, followers=number)) for number in (16, 64, 128)],
        lambda best: [replace(best, second_hop=weight) for weight in (0.0, 0.3)],
        lambda best: [replace(best, text=text, smoothing=smoothing) for text, smoothing in mixed],
        # Where the order says nothing, whole histories are best on both sides, with few followers and little text;
        # each of these changes alone is none.
        lambda best: [
            replace(best, graph=graph, newest=MAX_WINDOW, recency=1.0, second_hop=0.0, text=text, smoothing=smoothing)
            for graph, (text, smoothing) in product(unordered, mixed)
            if text <= 1.0
        ],
    ]
    if similar.image is not None:
        steps.append(lambda best: [replace(best, image=weight) for weight in (1.0, 2.0, 4.0)])
    return steps


class _Users:
    """The sampled users; what several settings share is computed once for each batch of them."""

    def __init__(
        self,
        histories: Sequence[RowArray],
        targets: NDArray[np.int32],
        train: Sequences,
        n_items: int,
        similar: Similarities,
    ) -> None:
        self._histories, self._targets = histories, targets
        self._n_items, self._similar = n_items, similar
        users = train.users()
        self._counts = cache(lambda graph: transition_counts(train.rows, users, n_items, graph))

    def gains(self, configs: Sequence[ExpertConfig]) -> list[Gains]:
        """Return NDCG@10 of each user with each of the settings."""
        parts = [
            self._batch_gains(slice(start, start + BATCH_USERS), configs)
            for start in range(0, len(self._targets), BATCH_USERS)
        ]
        return [np.concatenate(gains) for gains in zip(*parts, strict=True)]

    def _batch_gains(self, batch: slice, configs: Sequence[ExpertConfig]) -> list[Gains]:
        histories, targets = self._histories[batch], self._targets[batch]
        queries = Queries.of(histories)

        @cache
        def weights(newest: int, recency: float) -> csr_array:
            return recency_weights(queries, self._n_items, ExpertConfig(newest=newest, recency=recency))

        @cache
        def similarity(vectors: str, newest: int, recency: float) -> Floats:
            return cosines(weights(newest, recency), getattr(self._similar, vectors))

        @cache
        def steps(graph: GraphConfig, newest: int, recency: float) -> tuple[csr_array, csr_array | None]:
            expert = TransitionsExpert(self._counts(graph), ExpertConfig(graph=graph), Similarities())
            return expert.steps(weights(newest, recency))

        @cache
        def reached_by(graph: GraphConfig, newest: int, recency: float, second_hop: float) -> csr_array:
            first, second = steps(graph, newest, recency)
            return reached(first, second if second_hop > 0.0 else None, second_hop)

        def score(config: ExpertConfig) -> Floats:
            events = config.newest, config.recency
            total = np.zeros((len(histories), self._n_items), dtype=np.float32)
            for weight, vectors in ((config.text, "text"), (config.image, "image")):
                if weight > 0.0:
                    total += np.float32(weight) * similarity(vectors, *events)
            return add_graph(total, reached_by(config.graph, *events, config.second_hop), config.smoothing)

        return [ndcg(excluded_ranks(torch.from_numpy(score(each)), histories, targets), 10) for each in configs]
