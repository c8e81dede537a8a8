"""What CoCo promises, measured on test users: a codebook that is used, and knowledge where it helps."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.metrics.knowledge_use import Judged, judge_by_past, ranking_by_use
from train.plugins.knowledge_attention import helped
from train.plugins.plugin import Past, Probe
from train.plugins.prompt_codebook import perplexity

_BATCH = 512


def knowledge_figures(
    align: Callable[[Tensor, Past], Tensor], choose: Callable[[Tensor], Tensor], probe: Probe
) -> dict[str, float]:
    """Return codebook use, what knowledge does for users, and how well their own past tells whom it helps.

    ``prompts_per_user`` leaves out the one that all share. ``helps_by_past``, ``agreement`` (with the true target) and
    ``agreement_by_chance`` are over users with a past to judge by, ``judged`` is their share. The past is asked as the
    device asks it. ``ndcg@10_without`` ranks by the states that come to CoCo, ``ndcg@10_with`` by those that leave it,
    ``ndcg@10_decided`` as a device chooses between them: where a plug-in comes after CoCo, none is the model's own.

    Args:
        align: states ``[n, 1, dim]`` and what is known of their past to the same with knowledge.
        choose: states ``[n, dim]`` to the prompts that fit, bool ``[n, K]``.
        probe: the test users; none gives no figures.
    """
    if not len(probe.histories):
        return {}

    def pair(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        states = probe.before(rows, mask)
        return states, align(states[:, None], Past(rows, mask, probe.table))[:, 0]

    judged = judge_by_past(probe.histories, pair, probe.table)
    wanted = probe.table[torch.from_numpy(probe.targets).to(probe.table.device, torch.int64)]
    truly = helped(judged.aligned, judged.without, wanted).cpu().numpy()
    return (
        _codebook_use(choose, judged.without)
        | ranking_by_use(judged, probe.histories, probe.targets, probe.table)
        | {"helps": float(truly.mean()), "judged": float(judged.known.mean())}
        | _agreement(judged, truly)
    )


def _codebook_use(choose: Callable[[Tensor], Tensor], states: Tensor) -> dict[str, float]:
    by_batch = [choose(part).float().sum(0) for part in torch.split(states, _BATCH)]
    usage = torch.stack(by_batch).sum(0)
    return {
        "prompt_perplexity": perplexity(usage),
        "prompts_used": float((usage > 0).float().mean()),
        "prompts_per_user": float(usage.sum()) / len(states),
    }


def _agreement(judged: Judged, truly: NDArray[np.bool_]) -> dict[str, float]:
    """Return how often past and truth agree, and how often two verdicts that know nothing of each other would.

    That is ``p q + (1 - p)(1 - q)`` with the share ``p`` of users whom knowledge helps by their past, and ``q`` truly.
    """
    if not judged.known.any():
        return {}
    by_past, true = judged.helped[judged.known], truly[judged.known]
    p, q = float(by_past.mean()), float(true.mean())
    return {
        "helps_by_past": p,
        "agreement": float((by_past == true).mean()),
        "agreement_by_chance": p * q + (1.0 - p) * (1.0 - q),
    }
