"""Redundancy of the lists that a model would show to some users of a training step."""

import torch
import torch.nn.functional as F
from torch import Tensor

from train.objectives.redundancy import list_weights, redundancy
from train.plugins.plugin import TrainingStep


def shown_redundancy(
    step: TrainingStep, text: Tensor, *, list_length: int, n_candidates: int, n_users: int, temperature: float
) -> Tensor:
    """Return the mean redundancy of the lists, a scalar; 0 if the catalogue is too small to choose from.

    Candidates are the top items of the whole catalogue, selected without gradients, because the top of a sample would
    be a different list. This needs memory of ``[n_users, n_items]``, and ``[n_users, n_candidates, width]``.

    Args:
        step: the training step.
        text: unit vectors, ``[n_items, width]``.
        list_length: items of a list.
        n_candidates: number of candidates of each user.
        n_users: maximum number of users sampled from the step.
        temperature: temperature of :func:`train.objectives.redundancy.list_weights`.
    """
    newest = step.last_indices
    drawn = newest[torch.randperm(len(newest), device=newest.device)[:n_users]]
    states = step.states[drawn]
    rows, allowed = best_candidates(states.detach(), step, drawn, min(n_candidates, len(step.table)))
    enough = allowed.sum(1) > list_length
    if not bool(enough.any()):
        return states.new_zeros(())
    rows, allowed, states = rows[enough], allowed[enough], states[enough]
    scores = (F.embedding(rows, step.table) @ states.unsqueeze(2)).squeeze(2)
    weights = list_weights(scores, allowed, list_length, temperature)
    return redundancy(weights, F.embedding(rows, text), list_length).mean()


@torch.no_grad()
def best_candidates(states: Tensor, step: TrainingStep, drawn: Tensor, n_candidates: int) -> tuple[Tensor, Tensor]:
    """Return the best rows ``[n, n_candidates]`` for each state, best first, and whether they may be recommended.

    Items of the user's history are excluded, except for the target of the state, which is still to come.

    Args:
        states: ``[n, dim]``.
        step: the training step.
        drawn: indices of the states in the step, int64 ``[n]``.
        n_candidates: number of candidates.
    """
    scores = states @ step.table.T
    histories = step.histories[step.users[drawn]]
    excluded = (step.mask[step.users[drawn]] > 0) & (histories != step.targets[drawn, None])
    state_of, _ = excluded.nonzero(as_tuple=True)
    scores[state_of, histories[excluded]] = -torch.inf
    top = scores.topk(n_candidates, dim=1)
    return top.indices, top.values > -torch.inf
