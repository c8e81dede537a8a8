"""What RecFusion promises, measured: retrieval across modalities, a missing modality, and what the gates do.

A missing modality is missing from the items that are ranked; a user's state still rests on the whole items of the past.
``Fusion.without`` gives the table with which a model is evaluated on a target that has dropped the modality altogether.
"""

from collections.abc import Iterator, Mapping
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.batches import pad
from train.evaluation.ranking import BATCH_USERS, Ranks, ndcg, rank_targets, recall
from train.evaluation.retrieval import retrieval_ranks
from train.plugins.fusion import CHUNK_ITEMS, Fusion
from train.plugins.plugin import Past, Probe


def figures(fusion: Fusion, held_out: NDArray[np.bool_], probe: Probe) -> dict[str, float]:
    """Return every figure that can be measured here, by name.

    Args:
        fusion: in evaluation mode.
        held_out: items whose pairs were not learnt, bool ``[n_items]``.
        probe: what to measure on.
    """
    with torch.no_grad():
        return {
            **retrieval_figures(fusion, held_out),
            **item_gate_figures(fusion),
            **user_gate_figures(fusion, probe),
            **ranking_figures(fusion, probe),
        }


def retrieval_figures(fusion: Fusion, held_out: NDArray[np.bool_]) -> dict[str, float]:
    """Return R@1 and R@10 from each modality to each other one, among the items that have both."""
    alone = encoded_alone(fusion)
    has = fusion.encoder.has.cpu().numpy()
    found: dict[str, float] = {}
    for (first, query), (second, target) in permutations(enumerate(fusion.names), 2):
        both = np.flatnonzero(has[:, first] & has[:, second])
        if len(both) == 0:
            continue
        ranks = retrieval_ranks(alone[both, first], alone[both, second])
        name = f"{query}_to_{target}"
        found |= {f"{name}_items": float(len(both)), **_recalls(ranks, name)}
        if held_out[both].any():
            found |= _recalls(ranks[held_out[both]], f"{name}_held_out")
    return found


def encoded_alone(fusion: Fusion) -> Tensor:
    """Return each modality of each item, encoded without a look at the others, ``[n_items, M, width]``."""
    has = fusion.encoder.has
    chunks = [slice(start, start + CHUNK_ITEMS) for start in range(0, len(has), CHUNK_ITEMS)]
    return torch.cat([fusion.encoder(chunk, has[chunk], apart=True) for chunk in chunks])


def item_gate_figures(fusion: Fusion) -> dict[str, float]:
    """Return each modality's mean share where an item has it among others, and how undecided the gate is.

    The entropy is divided by that of equal weights: 1 where all that an item has counts the same.
    """
    has = fusion.visible()
    several = has.sum(dim=1) > 1
    gates = fusion.gates(fusion.pooled(has), has) / has.sum(dim=1, keepdim=True).clamp(min=1)
    found = {
        f"item_gate_{name}": float(gates[several & has[:, index], index].mean())
        for index, name in enumerate(fusion.names)
        if bool((several & has[:, index]).any())
    }
    if bool(several.any()):
        most = has[several].sum(dim=1).log()
        found["item_gate_entropy"] = float((torch.special.entr(gates[several]).sum(dim=1) / most).mean())
    return found


def user_gate_figures(fusion: Fusion, probe: Probe) -> dict[str, float]:
    """Return the mean of each modality's weight over users, as shares, and the entropy as for items.

    Measured on states before any plug-in and on whole histories: what earlier plug-ins do to a state is not seen here.
    """
    gate = fusion.user_gate
    if gate is None:
        return {}
    weights = []
    for rows, mask in _padded(probe):
        states = probe.plain_states(rows, mask)
        weights.append(gate(states[:, None], Past(rows, mask, probe.table))[:, 0] / gate.n_modalities)
    shares = torch.cat(weights)
    entropy = torch.special.entr(shares).sum(dim=1).mean() / np.log(gate.n_modalities)
    means = {f"user_gate_{name}": float(shares[:, index].mean()) for index, name in enumerate(fusion.names)}
    return {**means, "user_gate_entropy": float(entropy)}


def ranking_figures(fusion: Fusion, probe: Probe) -> dict[str, float]:
    """Return NDCG@10 with everything, and without each modality; history excluded."""
    states = torch.cat([probe.user_states(rows, mask) for rows, mask in _padded(probe)])
    found = {"ndcg@10": float(ndcg(_ranks(states, probe.table, probe), 10).mean())}
    for name in fusion.names:
        left = _ranks(states, fusion.without(probe.table, (name,)), probe)
        found[f"ndcg@10_without_{name}"] = float(ndcg(left, 10).mean())
    return found


def _ranks(states: Tensor, table: Tensor, probe: Probe) -> Ranks:
    def score(users: NDArray[np.int64]) -> Tensor:
        return states[torch.from_numpy(users).to(states.device)] @ table.T

    return rank_targets(score, probe.histories, probe.targets, len(table)).excluded


def _padded(probe: Probe) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(probe.histories), BATCH_USERS):
        rows, mask = pad(probe.histories[start : start + BATCH_USERS])
        yield rows.to(probe.table.device), mask.to(probe.table.device)


def _recalls(ranks: Ranks, name: str) -> Mapping[str, float]:
    return {f"{name}_r@{k}": float(recall(ranks, k).mean()) for k in (1, 10)}
