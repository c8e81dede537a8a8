"""Decides from the histories of many users whether to use knowledge for them.

The rule is the device's, :mod:`edge_runtime.learning.utility`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_runtime.learning.utility import MAX_EVENTS, MIN_EVENTS, knowledge_helps
from train.loop.batches import Rows, pad
from train.metrics.ranking import ndcg, rank_targets

_BATCH = 512

# Maps rows [n, length] and mask [n, length] to the states without knowledge and with it, both [n, dim].
Pair = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class KnowledgeDecision(NamedTuple):
    """Whether knowledge improves the ranking for ``U`` users, measured on their histories.

    Attributes:
        without: newest state of each user without knowledge, ``[U, dim]``.
        aligned: newest state of each user with knowledge, ``[U, dim]``.
        helped: whether knowledge helped on the history, bool ``[U]``; False if the history is too short.
        known: whether the history is long enough, bool ``[U]``.
    """

    without: Tensor
    aligned: Tensor
    helped: NDArray[np.bool_]
    known: NDArray[np.bool_]

    def chosen(self) -> Tensor:
        """Return the states that a device ranks with: with knowledge if it helped or the history is too short."""
        uses = torch.from_numpy(self.helped | ~self.known).to(self.aligned.device)
        return torch.where(uses[:, None], self.aligned, self.without)


def decide_by_history(histories: Sequence[Rows], pair: Pair, table: Tensor) -> KnowledgeDecision:
    """Predict the newest events of every user from the earlier ones, with and without knowledge.

    Args:
        histories: catalogue rows of each user, oldest first, at least one.
        pair: computes states without and with knowledge; called without gradients.
        table: item vectors, ``[n_items, dim]``.
    """
    cases, targets = list(histories), []
    n_events = np.zeros(len(histories), dtype=np.int64)
    for user, rows in enumerate(histories):
        ends = range(max(1, len(rows) - MAX_EVENTS), len(rows))
        cases += [rows[:end] for end in ends]
        targets += [int(rows[end]) for end in ends]
        n_events[user] = len(ends)
    without, aligned = _states(cases, pair, table)
    history_states = [part[len(histories) :].cpu().numpy() for part in (without, aligned)]
    vectors = table[torch.tensor(targets, dtype=torch.int64, device=table.device)].cpu().numpy()
    helped = np.zeros(len(histories), dtype=np.bool_)
    for user, end in enumerate(np.cumsum(n_events)):
        own = slice(end - n_events[user], end)
        helped[user] = knowledge_helps(history_states[0][own], history_states[1][own], vectors[own])
    newest = slice(len(histories))
    return KnowledgeDecision(without[newest], aligned[newest], helped, n_events >= MIN_EVENTS)


def ranking_by_use(
    decision: KnowledgeDecision, histories: Sequence[Rows], targets: NDArray[np.int32], table: Tensor
) -> dict[str, float]:
    """Return NDCG@10 without knowledge, with it, and with the choice of a device for each user; history excluded.

    Args:
        decision: states of ``U`` users, and which of them to use.
        histories: events of each user, which are excluded from recommendations.
        targets: next item of each user, int32 ``[U]``.
        table: item vectors, ``[n_items, dim]``: an item's score is its product with the state.
    """

    def score(states: Tensor) -> float:
        ranked = rank_targets(
            lambda users: states[torch.from_numpy(users).to(states.device)] @ table.T, histories, targets, len(table)
        )
        return float(np.mean(ndcg(ranked.excluded, 10)))

    return {
        "ndcg@10_without": score(decision.without),
        "ndcg@10_with": score(decision.aligned),
        "ndcg@10_decided": score(decision.chosen()),
    }


def _states(histories: Sequence[Rows], pair: Pair, table: Tensor) -> tuple[Tensor, Tensor]:
    without = torch.empty(len(histories), table.shape[1], device=table.device)
    aligned = torch.empty_like(without)
    for index in _by_length(histories):
        rows, mask = (part.to(table.device) for part in pad([histories[case] for case in index]))
        without[index], aligned[index] = pair(rows, mask)
    return without, aligned


def _by_length(histories: Sequence[Rows]) -> Iterator[list[int]]:
    order = np.argsort([len(rows) for rows in histories], kind="stable")
    return (order[start : start + _BATCH].tolist() for start in range(0, len(order), _BATCH))
