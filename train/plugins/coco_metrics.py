"""Metrics of CoCo on test users: use of the codebook, and whether knowledge is used where it helps."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.metrics.knowledge_use import KnowledgeDecision, decide_by_history, ranking_by_use
from train.plugins.knowledge_attention import helped
from train.plugins.plugin import EvaluationData, VisibleHistory
from train.plugins.prompt_codebook import perplexity

_BATCH = 512


def knowledge_metrics(
    align: Callable[[Tensor, VisibleHistory], Tensor], choose: Callable[[Tensor], Tensor], data: EvaluationData
) -> dict[str, float]:
    """Return use of the codebook, the effect of knowledge, and how well a user's history predicts that effect.

    ``prompts_per_user`` does not count the shared prompt. ``helps_by_past``, ``agreement`` (with the true target) and
    ``agreement_by_chance`` are over users whose history is long enough to decide by; ``judged`` is their share. The
    history is evaluated as on the device. ``ndcg@10_without`` ranks by the input states of CoCo, ``ndcg@10_with`` by
    its output states, and ``ndcg@10_decided`` by the choice between them that a device makes. With a plug-in after
    CoCo, none of them is the model's own.

    Args:
        align: maps states ``[n, 1, dim]`` and the visible events to the states with knowledge.
        choose: maps states ``[n, dim]`` to the selected prompts, bool ``[n, K]``.
        data: the test users; without any there are no metrics.
    """
    if not len(data.histories):
        return {}

    def pair(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        states = data.input_states(rows, mask)
        return states, align(states[:, None], VisibleHistory(rows, mask, data.table))[:, 0]

    decision = decide_by_history(data.histories, pair, data.table)
    targets = data.table[torch.from_numpy(data.targets).to(data.table.device, torch.int64)]
    helps = helped(decision.aligned, decision.without, targets).cpu().numpy()
    return (
        _codebook_use(choose, decision.without)
        | ranking_by_use(decision, data.histories, data.targets, data.table)
        | {"helps": float(helps.mean()), "judged": float(decision.known.mean())}
        | _agreement(decision, helps)
    )


def _codebook_use(choose: Callable[[Tensor], Tensor], states: Tensor) -> dict[str, float]:
    by_batch = [choose(part).float().sum(0) for part in torch.split(states, _BATCH)]
    usage = torch.stack(by_batch).sum(0)
    return {
        "prompt_perplexity": perplexity(usage),
        "prompts_used": float((usage > 0).float().mean()),
        "prompts_per_user": float(usage.sum()) / len(states),
    }


def _agreement(decision: KnowledgeDecision, helps: NDArray[np.bool_]) -> dict[str, float]:
    """Return how often history and target agree, and how often two independent judgements would.

    The latter is ``p q + (1 - p)(1 - q)``, with ``p`` the share of users whom knowledge helps judging by their history,
    and ``q`` judging by the target.
    """
    if not decision.known.any():
        return {}
    by_past, true = decision.helped[decision.known], helps[decision.known]
    p, q = float(by_past.mean()), float(true.mean())
    return {
        "helps_by_past": p,
        "agreement": float((by_past == true).mean()),
        "agreement_by_chance": p * q + (1.0 - p) * (1.0 - q),
    }
