"""Metrics of RecFusion: retrieval across modalities, ranking without a modality, and statistics of the gates.

A modality is ablated within RecFusion only: for the items that are ranked, the items of every user's history, and the
user gate. Other plug-ins and the stand-ins of new items still use it. Where one of them replaces RecFusion's
contribution to item vectors, only the user gate shows the effect.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.loop.batches import pad
from train.metrics.ranking import BATCH_USERS, Ranks, ndcg, rank_targets, recall
from train.metrics.retrieval import retrieval_ranks
from train.plugins.fusion import CHUNK_ITEMS, Fusion
from train.plugins.plugin import EvaluationData, VisibleHistory


def recfusion_metrics(fusion: Fusion, held_out: NDArray[np.bool_], data: EvaluationData) -> dict[str, float]:
    """Return all available metrics, by name.

    Args:
        fusion: module in evaluation mode.
        held_out: items left out of the contrastive loss, bool ``[n_items]``.
        data: the test users.
    """
    with torch.no_grad():
        return {
            **retrieval_metrics(fusion, held_out),
            **item_gate_metrics(fusion),
            **user_gate_metrics(fusion, data),
            **ranking_metrics(fusion, data),
        }


def retrieval_metrics(fusion: Fusion, held_out: NDArray[np.bool_]) -> dict[str, float]:
    """Return R@1 and R@10 from each modality to each other one, over the items that have both."""
    alone = encode_separately(fusion)
    has = fusion.encoder.has.cpu().numpy()
    metrics: dict[str, float] = {}
    for (first, query), (second, target) in permutations(enumerate(fusion.names), 2):
        both = np.flatnonzero(has[:, first] & has[:, second])
        if len(both) == 0:
            continue
        ranks = retrieval_ranks(alone[both, first], alone[both, second])
        name = f"{query}_to_{target}"
        metrics |= {f"{name}_items": float(len(both)), **_recalls(ranks, name)}
        if held_out[both].any():
            metrics |= _recalls(ranks[held_out[both]], f"{name}_held_out")
    return metrics


def encode_separately(fusion: Fusion) -> Tensor:
    """Return each modality of each item, encoded separately, ``[n_items, M, width]``."""
    has = fusion.encoder.has
    chunks = [slice(start, start + CHUNK_ITEMS) for start in range(0, len(has), CHUNK_ITEMS)]
    return torch.cat([fusion.encoder(chunk, has[chunk], apart=True) for chunk in chunks])


def item_gate_metrics(fusion: Fusion) -> dict[str, float]:
    """Return statistics of the item gate over items with several modalities, see :func:`_gate_metrics`."""
    has = fusion.visible()
    return _gate_metrics("item_gate", fusion.names, fusion.gates(fusion.pooled(has), has), has)


def user_gate_metrics(fusion: Fusion, data: EvaluationData) -> dict[str, float]:
    """Return statistics of the user gate over users with several modalities in their whole history."""
    gate = fusion.user_gate
    if gate is None:
        return {}
    weights, known = [], []
    for rows, mask in _padded(data):
        history = VisibleHistory(rows, mask, data.table)
        weights.append(gate(data.input_states(rows, mask)[:, None], history, fusion.shown)[:, 0])
        known.append(gate.known(history, fusion.shown)[:, -1])
    return _gate_metrics("user_gate", fusion.names, torch.cat(weights), torch.cat(known))


def _gate_metrics(prefix: str, names: Sequence[str], weights: Tensor, known: Tensor) -> dict[str, float]:
    """Return each modality's mean share where it is known among others, and the relative entropy of the gate.

    The entropy is divided by that of equal weights: 1 if all known modalities weigh the same.

    Args:
        prefix: prefix of the metric names.
        names: names of the modalities.
        weights: weights of mean 1 over the known modalities, ``[n, M]``.
        known: mask of the known modalities, bool ``[n, M]``.
    """
    several = known.sum(dim=1) > 1
    shares = weights * known / known.sum(dim=1, keepdim=True).clamp(min=1)
    metrics = {
        f"{prefix}_{name}": float(shares[several & known[:, index], index].mean())
        for index, name in enumerate(names)
        if bool((several & known[:, index]).any())
    }
    if bool(several.any()):
        most = known[several].sum(dim=1).log()
        metrics[f"{prefix}_entropy"] = float((torch.special.entr(shares[several]).sum(dim=1) / most).mean())
    return metrics


def ranking_metrics(fusion: Fusion, data: EvaluationData) -> dict[str, float]:
    """Return NDCG@10 with all modalities, and without each one if vectors can be recomputed; history excluded."""
    metrics = {"ndcg@10": _mean_ndcg(data)}
    if data.rebuild is None:
        return metrics
    for name in fusion.names:
        with fusion.missing((name,)):
            metrics[f"ndcg@10_without_{name}"] = _mean_ndcg(data.rebuild())
    return metrics


def _mean_ndcg(data: EvaluationData) -> float:
    states = torch.cat([data.user_states(rows, mask) for rows, mask in _padded(data)])

    def score(users: NDArray[np.int64]) -> Tensor:
        return states[torch.from_numpy(users).to(states.device)] @ data.table.T

    ranks = rank_targets(score, data.histories, data.targets, len(data.table)).excluded
    return float(ndcg(ranks, 10).mean())


def _padded(data: EvaluationData) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(data.histories), BATCH_USERS):
        rows, mask = pad(data.histories[start : start + BATCH_USERS])
        yield rows.to(data.table.device), mask.to(data.table.device)


def _recalls(ranks: Ranks, name: str) -> Mapping[str, float]:
    return {f"{name}_r@{k}": float(recall(ranks, k).mean()) for k in (1, 10)}
