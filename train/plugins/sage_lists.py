"""The lists that a model would show to some users of a training step, and how much they repeat themselves."""

import torch
import torch.nn.functional as F
from torch import Tensor

from train.objectives.redundancy import list_weights, redundancy
from train.plugins.plugin import Step


def shown_redundancy(
    step: Step, text: Tensor, *, list_length: int, n_candidates: int, n_users: int, temperature: float
) -> Tensor:
    """Return the mean redundancy of the lists, a scalar; 0 where the catalogue is too small to choose from.

    Candidates are the best of the whole catalogue, found without gradients: among a sample of items the list would be
    another one than is shown. The memory is ``[n_users, n_items]`` for that, and ``[n_users, n_candidates, width]``.

    Args:
        step: its users, their states and their histories.
        text: unit vectors, ``[n_items, width]``.
        list_length: items of a list.
        n_candidates: of each user.
        n_users: at most so many of the step's users are drawn.
        temperature: of :func:`train.objectives.redundancy.list_weights`.
    """
    newest = step.newest
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
def best_candidates(states: Tensor, step: Step, drawn: Tensor, n_candidates: int) -> tuple[Tensor, Tensor]:
    """Return the best rows ``[n, n_candidates]`` for each state, best first, and whether they may be shown.

    What a user has had is not shown, but for what the state is asked to predict: it is still to come.

    Args:
        states: ``[n, dim]``.
        step: the states' step.
        drawn: places of the states in it, int64 ``[n]``.
        n_candidates: how many.
    """
    scores = states @ step.table.T
    histories = step.histories[step.users[drawn]]
    had = (step.mask[step.users[drawn]] > 0) & (histories != step.targets[drawn, None])
    state_of, _ = had.nonzero(as_tuple=True)
    scores[state_of, histories[had]] = -torch.inf
    found = scores.topk(n_candidates, dim=1)
    return found.indices, found.values > -torch.inf
