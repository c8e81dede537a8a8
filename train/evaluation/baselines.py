"""Baselines without training, as score functions for :func:`train.metrics.ranking.rank_targets`, and their metrics.

They are based on counts or on frozen text vectors.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.data.sequences import RowArray, Sequences
from train.data.split import Split
from train.evaluation.scenarios import scenarios
from train.evaluation.splits import DerivedSplit
from train.metrics.histories import histories_of, select_targets
from train.metrics.interests import Interests
from train.metrics.lists import Vectors
from train.metrics.ranking import Score, metrics, rank_targets
from train.transitions.expert import ExpertConfig, Queries, Similarities, TransitionsExpert, recency_weights
from train.transitions.graph import GraphConfig, transition_counts
from train.transitions.saved_search import settings_of
from train.transitions.similar import centred

# Number of newest events that are used, and the weight of each relative to the next newer one.
NEWEST = 5
DECAY = 0.4
# Weight of popularity, which only breaks ties.
_TIE_BREAK = 1e-4

MOST_POPULAR_NEW = "most popular among new"
NEAREST_TEXT = "nearest text"
TRANSITIONS = "transitions x texts"
# Sections of the metrics: new items as targets among the whole catalogue, and among new items.
NEW_ITEM = "new item"
AMONG_NEW = "new item, among new"


def popularity(rows: RowArray, n_items: int) -> Score:
    """Score each item by its number of occurrences in ``rows``, the same for all users.

    Over training events this is the popularity baseline. Over the withheld events of new items
    (:class:`train.evaluation.splits.DerivedSplit`) it is "most popular among new items", an optimistic baseline,
    because a shop would observe these events only later.
    """
    counts = np.bincount(rows, minlength=n_items).astype(np.float32)

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(counts, (len(users), 1))

    return score


def item_to_item(train: Sequences, histories: Sequence[RowArray], n_items: int) -> Score:
    r"""Score each item by how often it followed the newest events of the history (a first-order Markov chain).

    .. math:: s(j) = \sum_{a=0}^{4} 0.4^a \, P(j \mid h_{-1-a}) + 10^{-4} \, n_j / \max n

    with :math:`P` the relative frequency of consecutive events on different items. The last term is popularity, for
    items that never followed.
    """
    graph = GraphConfig(window=1, backward=0.0, followers=n_items)
    config = ExpertConfig(graph=graph, newest=NEWEST, recency=DECAY, second_hop=0.0)
    expert = TransitionsExpert(transition_counts(train.rows, train.users(), n_items, graph), config, Similarities())
    counts = np.bincount(train.rows, minlength=n_items)
    base = _TIE_BREAK * counts / max(1, counts.max(initial=0))

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        weights = recency_weights(Queries.of([histories[int(user)] for user in users]), n_items, config)
        first, _ = expert.steps(weights)
        scores: NDArray[np.float32] = (first.toarray() + base).astype(np.float32)
        return scores

    return score


def transitions_and_texts(split: Split, histories: Sequence[RowArray], vectors: Vectors) -> Score:
    """Score each item by the transitions expert (:mod:`train.transitions`) with settings by validation.

    The search for them takes some ten seconds.

    Args:
        split: training events and validation targets.
        histories: events of each user.
        vectors: unit vectors of the items' texts, ``[n_items, W]``, zeros for items without text.
    """
    return expert_scores(validated_expert(split, vectors), histories)


def validated_expert(split: Split, vectors: Vectors) -> TransitionsExpert:
    """Return the expert of :func:`transitions_and_texts`, for several groups of users; arguments as there."""
    train, n_items = split.train, len(vectors)
    similar = Similarities(centred(vectors))
    config = settings_of(train, split.valid, n_items, similar, seed=0).config
    return TransitionsExpert(transition_counts(train.rows, train.users(), n_items, config.graph), config, similar)


def expert_scores(expert: TransitionsExpert, histories: Sequence[RowArray]) -> Score:
    """Score each item for the given histories by an expert."""

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        return expert.log_scores(Queries.of([histories[int(user)] for user in users]))

    return score


def nearest_text(histories: Sequence[RowArray], vectors: Vectors) -> Score:
    r"""Score each item by the similarity of its text to those of the history.

    .. math:: s(j) = v_j \cdot \sum_{a=0}^{4} 0.4^a \, v_{h_{-1-a}}

    All vectors have unit length, so items are ranked by a weighted sum of cosines.

    Args:
        histories: events of each user.
        vectors: unit vectors of the items' texts, ``[n_items, W]``, zeros for items without text.
    """

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        queries = np.zeros((len(users), vectors.shape[1]), dtype=np.float32)
        for position, user in enumerate(users):
            newest = histories[int(user)][-NEWEST:][::-1]
            queries[position] = DECAY ** np.arange(len(newest), dtype=np.float32) @ vectors[newest]
        scores: NDArray[np.float32] = queries @ vectors.T
        return scores

    return score


def baseline_metrics_of_split(
    derived: DerivedSplit, vectors: Vectors, interests: Interests | None
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the metrics of each baseline by scenario: baseline to section to name to value.

    Args:
        derived: the split; if it has new items, the baselines among those are added.
        vectors: unit vectors of the items' texts, ``[n_items, W]``.
        interests: labels of the items, or None.
    """
    test, n_items = derived.split.test, len(vectors)
    histories = histories_of(test)
    masks = scenarios(derived.split, n_items, interests)
    metrics_by_section: dict[str, dict[str, dict[str, float]]] = {}
    baselines = {
        "popularity": popularity(derived.split.train.rows, n_items),
        "item to item": item_to_item(derived.split.train, histories, n_items),
        NEAREST_TEXT: nearest_text(histories, vectors),
        TRANSITIONS: transitions_and_texts(derived.split, histories, vectors),
    }
    for name, score in baselines.items():
        ranked = rank_targets(score, histories, test.rows, n_items)
        metrics_by_section[name] = {
            section: {"n_users": float(mask.sum())} | metrics(ranked.excluded[mask])
            for section, mask in masks.items()
            if mask.any()
        }
        metrics_by_section[name]["history included"] = metrics(ranked.included)
    for name, sections in new_item_baselines(derived, vectors).items():
        metrics_by_section[name] = metrics_by_section.get(name, {}) | sections
    return metrics_by_section


def new_item_baselines(derived: DerivedSplit, vectors: Vectors) -> dict[str, dict[str, dict[str, float]]]:
    """Return the metrics of baselines for new items, as :func:`baseline_metrics_of_split`; empty without new items.

    They are ranked among new items. The nearest text is also ranked among the whole catalogue, where popularity cannot
    be computed.
    """
    if derived.new_items is None or derived.withheld is None:
        return {}
    selected = select_targets(derived.split.test, derived.new_items[derived.split.test.rows])
    if not len(selected):
        return {}
    histories = histories_of(selected)
    popular, text = popularity(derived.withheld, len(vectors)), nearest_text(histories, vectors)
    mixed = transitions_and_texts(derived.split, histories, vectors)

    def metrics_of(score: Score, candidates: NDArray[np.bool_] | None) -> dict[str, float]:
        ranked = rank_targets(score, histories, selected.rows, len(vectors), candidates=candidates)
        return {"n_users": float(len(selected))} | metrics(ranked.excluded)

    return {
        MOST_POPULAR_NEW: {AMONG_NEW: metrics_of(popular, derived.new_items)},
        NEAREST_TEXT: {AMONG_NEW: metrics_of(text, derived.new_items), NEW_ITEM: metrics_of(text, None)},
        TRANSITIONS: {AMONG_NEW: metrics_of(mixed, derived.new_items), NEW_ITEM: metrics_of(mixed, None)},
    }
