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


# Number of nearest prompts of a user among which that of the next item counts as a match.
_MATCH = 5


def knowledge_metrics(
    align: Callable[[Tensor, VisibleHistory], Tensor],
    choose: Callable[[Tensor], Tensor],
    cosines: Callable[[Tensor, Tensor | None], Tensor],
    data: EvaluationData,
) -> dict[str, float]:
    """Return use of the codebook, the effect of knowledge, and how well a user's history predicts that effect.

    ``prompts_per_user`` does not count the shared prompt. ``helps`` is by score margin with the true target, as in
    training. ``helps_by_past``, ``agreement`` (with the true target) and
    ``agreement_by_chance`` are over users whose history is long enough to decide by; ``judged`` is their share. The
    history is evaluated as on the device. ``ndcg@10_without`` ranks by the input states of CoCo, ``ndcg@10_with`` by
    its output states, and ``ndcg@10_decided`` by the choice between them that a device makes. With a plug-in after
    CoCo, none of them is the model's own.

    Args:
        align: maps states ``[n, 1, dim]`` and the visible events to the states with knowledge.
        choose: maps states ``[n, dim]`` to the selected prompts, bool ``[n, K]``.
        cosines: maps vectors ``[n, dim]`` and their centre (that of states if None) to the cosines of their features
            with each prompt, ``[n, K]``.
        data: the test users; without any there are no metrics.
    """
    if not len(data.histories):
        return {}

    def pair(rows: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        states = data.input_states(rows, mask)
        return states, align(states[:, None], VisibleHistory(rows, mask, data.table))[:, 0]

    decision = decide_by_history(data.histories, pair, data.table)
    targets = torch.from_numpy(data.targets).to(data.table.device, torch.int64)
    parts = [torch.split(part, _BATCH) for part in (decision.aligned, decision.without, targets)]
    by_batch = [helped(aligned, plain, rows, data.table) for aligned, plain, rows in zip(*parts, strict=True)]
    helps = torch.cat(by_batch).cpu().numpy()
    return (
        _codebook_use(choose, decision.without)
        | prompt_matches(cosines(decision.without, None), cosines(data.table, data.table.mean(0))[targets])
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


def prompt_matches(of_users: Tensor, of_targets: Tensor) -> dict[str, float]:
    """Return how well prompts fit behaviour: AMR@5, the alignment match rate, and its value by chance.

    ``amr@5`` is the share of users for whom the prompt nearest to their next item is among the five nearest to them.
    The next item's feature is its vector relative to the mean item, rotated as states are. Chance is the same share
    with the next items of all users in place of one's own. The definition is ours.

    Args:
        of_users: cosine of each user's feature with each prompt, ``[n, K]``.
        of_targets: that of each user's next item, ``[n, K]``.
    """
    nearest = of_users.topk(min(_MATCH, of_users.shape[1]), dim=1).indices
    among = torch.zeros_like(of_users).scatter(1, nearest, 1.0)
    best = torch.nn.functional.one_hot(of_targets.argmax(1), of_users.shape[1]).to(among)
    return {
        f"amr@{_MATCH}": float((among * best).sum(1).mean()),
        f"amr@{_MATCH}_by_chance": float(among.mean(0) @ best.mean(0)),
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
