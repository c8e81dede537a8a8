"""What CoCo promises, measured on test users: a codebook that is used, and knowledge where it helps."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_runtime.learning.utility import FEWEST_EVENTS, MOST_EVENTS, knowledge_helps
from train.batches import pad
from train.plugins.knowledge_attention import helped
from train.plugins.plugin import Past, Probe
from train.plugins.prompt_codebook import perplexity

_BATCH = 512


class _Cases(NamedTuple):
    """Events that states are to point to: first each user's true target, then those of the users' own past."""

    histories: Sequence[NDArray[np.int32]]
    wanted: NDArray[np.int64]
    users: NDArray[np.int64]


def knowledge_figures(
    align: Callable[[Tensor, Past], Tensor], choose: Callable[[Tensor], Tensor], probe: Probe
) -> dict[str, float]:
    """Return codebook use, the share of users for whom knowledge helps, and how well their own past tells.

    ``helps_by_past`` and ``agreement`` (with the true target) are over users with a past to judge by, ``judged`` is
    their share. The past is asked as the device asks it.

    Args:
        align: states ``[n, 1, dim]`` and what is known of their past to the same with knowledge.
        choose: states ``[n, dim]`` to the prompts that fit, bool ``[n, K]``.
        probe: the test users; none gives no figures.
    """
    n_users = len(probe.histories)
    if not n_users:
        return {}
    cases = _cases(probe)
    plain, aligned = _states(cases.histories, align, probe)
    wanted = probe.table[torch.from_numpy(cases.wanted).to(probe.table.device)]
    truly = helped(aligned[:n_users], plain[:n_users], wanted[:n_users]).cpu().numpy()
    usage = torch.cat([choose(part).float().sum(0, keepdim=True) for part in torch.split(plain[:n_users], _BATCH)]).sum(
        0
    )
    found = {
        "prompt_perplexity": perplexity(usage),
        "prompts_used": float((usage > 0).float().mean()),
        "helps": float(truly.mean()),
    }
    by_past, judged = _judged_by_past(cases, n_users, *(part.cpu().numpy() for part in (plain, aligned, wanted)))
    found["judged"] = float(judged.mean())
    if judged.any():
        found["helps_by_past"] = float(by_past[judged].mean())
        found["agreement"] = float((by_past == truly)[judged].mean())
    return found


def _cases(probe: Probe) -> _Cases:
    histories, wanted = list(probe.histories), [int(target) for target in probe.targets]
    users = list(range(len(histories)))
    for user, rows in enumerate(probe.histories):
        for end in range(max(1, len(rows) - MOST_EVENTS), len(rows)):
            histories.append(rows[:end])
            wanted.append(int(rows[end]))
            users.append(user)
    return _Cases(histories, np.array(wanted, dtype=np.int64), np.array(users, dtype=np.int64))


def _states(
    histories: Sequence[NDArray[np.int32]], align: Callable[[Tensor, Past], Tensor], probe: Probe
) -> tuple[Tensor, Tensor]:
    """Return the states after histories without knowledge and with it, both ``[n, dim]``."""
    plain = torch.empty(len(histories), probe.table.shape[1], device=probe.table.device)
    aligned = torch.empty_like(plain)
    for index in _by_length(histories):
        rows, mask = (part.to(probe.table.device) for part in pad([histories[case] for case in index]))
        plain[index] = probe.plain_states(rows, mask)
        aligned[index] = align(plain[index][:, None], Past(rows, mask, probe.table))[:, 0]
    return plain, aligned


def _by_length(histories: Sequence[NDArray[np.int32]]) -> Iterator[list[int]]:
    order = np.argsort([len(rows) for rows in histories], kind="stable")
    return (order[start : start + _BATCH].tolist() for start in range(0, len(order), _BATCH))


def _judged_by_past(
    cases: _Cases, n_users: int, plain: NDArray[np.float32], aligned: NDArray[np.float32], wanted: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what each user's past says, and whether there is enough of it, both ``[U]``."""
    n_events = np.bincount(cases.users[n_users:], minlength=n_users)
    ends = n_users + np.cumsum(n_events)
    says = np.zeros(n_users, dtype=np.bool_)
    for user, (end, n) in enumerate(zip(ends, n_events, strict=True)):
        own = slice(end - n, end)
        says[user] = knowledge_helps(plain[own], aligned[own], wanted[own])
    return says, n_events >= FEWEST_EVENTS
