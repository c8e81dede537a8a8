"""Ranks the same users by several models, a group of users at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.golden import TOP
from edge_runtime.errors import PocketRecError
from edge_runtime.ranking import Floats, Rows, best_rows
from edge_runtime.transitions import TransitionScores
from export.lists import PADDING, TopRows
from export.users import TestUsers
from train.metrics.ranking import BATCH_USERS, Ranks, Score, rank_targets, summary
from train.metrics.ranking import Ranked as TargetRanks

# Scores of a group in memory at a time, for each model.
_MAX_SCORES = 16_000_000


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranking of test users by a model.

    Attributes:
        figures: metrics, see :func:`train.metrics.ranking.summary`.
        top_rows: ten best catalogue rows of each user, int64 ``[n, 10]``, padded with -1 if the catalogue is smaller.
        ranks: rank of each user's true item, 0 is best, history excluded.
    """

    figures: Mapping[str, Any]
    top_rows: TopRows
    ranks: Ranks


class RememberedTransitions(TransitionScores):
    """The scores of transitions for a group of users, computed once for all models that add them."""

    def __init__(self, transitions: TransitionScores) -> None:
        """Wrap the transitions of a bundle."""
        self._wrapped = transitions
        self._known: dict[bytes, Floats] = {}

    def scores(self, sequence: Rows) -> Floats:
        """Return the scores of the wrapped transitions; they must not be modified."""
        key = sequence.tobytes()
        if key not in self._known:
            self._known[key] = self._wrapped.scores(sequence)
        return self._known[key]

    def forget(self) -> None:
        """Free the memory."""
        self._known.clear()


@dataclass(slots=True)
class _Collected:
    """The ranks and lists of one model, filled group by group."""

    score: Score
    users: TestUsers
    ranked: TargetRanks = field(init=False)
    top_rows: TopRows = field(init=False)

    def __post_init__(self) -> None:
        n_users = len(self.users)
        self.ranked = TargetRanks(*(np.empty(n_users, dtype=np.int64) for _ in range(3)))
        self.top_rows = np.full((n_users, TOP), PADDING, dtype=np.int64)

    def add(self, group: NDArray[np.int64], n_items: int) -> None:
        """Rank the users of one group."""
        histories = [self.users.histories[user] for user in group]

        def score(batch: NDArray[np.int64]) -> Any:  # noqa: ANN401 - what the model returns
            scores = self.score(group[batch])
            for user, row in zip(group[batch], np.asarray(scores), strict=True):
                best = best_rows(row, TOP, self.users.histories[user])
                self.top_rows[user, : len(best)] = best
            return scores

        ranked = rank_targets(score, histories, self.users.targets[group], n_items)
        self.ranked.excluded[group], self.ranked.included[group] = ranked.excluded, ranked.included
        self.ranked.tied[group] = ranked.tied


def rank_together(
    models: Mapping[str, Score], users: TestUsers, n_items: int, *, before_group: Callable[[], None] = lambda: None
) -> dict[str, Ranking | PocketRecError]:
    """Rank the true next item of every user among the whole catalogue by each model.

    Args:
        models: score functions by name, which take indices of ``users``.
        users: the users.
        n_items: size of the catalogue.
        before_group: called before each group of users.

    Returns:
        For each model its ranking, or the error with which it failed.
    """
    collected = {name: _Collected(score, users) for name, score in models.items()}
    failed: dict[str, PocketRecError] = {}
    for group in _groups(users, n_items):
        before_group()
        for name, one in collected.items():
            if name not in failed:
                try:
                    one.add(group, n_items)
                except PocketRecError as error:
                    failed[name] = error
    return {
        name: failed.get(name) or Ranking(summary(one.ranked), one.top_rows, one.ranked.excluded)
        for name, one in collected.items()
    }


def _groups(users: TestUsers, n_items: int) -> Iterator[NDArray[np.int64]]:
    """Yield user indices, sorted by the length of the history, few enough for their scores to fit the memory."""
    size = max(1, min(BATCH_USERS, _MAX_SCORES // n_items))
    order = np.argsort([len(history) for history in users.histories], kind="stable")
    for start in range(0, len(order), size):
        yield order[start : start + size]
