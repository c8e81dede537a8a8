"""What RecFusion promises, measured: retrieval across modalities, a missing modality, and what the gates do.

A missing modality is missing from RecFusion altogether: from the items that are ranked, from those of every user's
past, and from the user's gate. What other plug-ins, or stand-ins for the own vectors of new items, know of the modality
stays: where one of them replaces what RecFusion gives to item vectors, these lose nothing, and only the gate tells.
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
    """Return what the item's gate does, over the items that have several modalities, as :func:`_gate_figures`."""
    has = fusion.visible()
    return _gate_figures("item_gate", fusion.names, fusion.gates(fusion.pooled(has), has), has)


def user_gate_figures(fusion: Fusion, probe: Probe) -> dict[str, float]:
    """Return what the user's gate does, over the users whose past tells of several modalities; whole histories."""
    gate = fusion.user_gate
    if gate is None:
        return {}
    weights, known = [], []
    for rows, mask in _padded(probe):
        past = Past(rows, mask, probe.table)
        weights.append(gate(probe.before(rows, mask)[:, None], past, fusion.shown)[:, 0])
        known.append(gate.known(past, fusion.shown)[:, -1])
    return _gate_figures("user_gate", fusion.names, torch.cat(weights), torch.cat(known))


def _gate_figures(prefix: str, names: Sequence[str], weights: Tensor, known: Tensor) -> dict[str, float]:
    """Return each modality's mean share where it is known among others, and how undecided the gate is.

    The entropy is divided by that of equal weights: 1 where all that is known counts the same.

    Args:
        prefix: of the figures' names.
        names: the modalities.
        weights: of mean 1 over what is known, ``[n, M]``.
        known: bool ``[n, M]``.
    """
    several = known.sum(dim=1) > 1
    shares = weights * known / known.sum(dim=1, keepdim=True).clamp(min=1)
    found = {
        f"{prefix}_{name}": float(shares[several & known[:, index], index].mean())
        for index, name in enumerate(names)
        if bool((several & known[:, index]).any())
    }
    if bool(several.any()):
        most = known[several].sum(dim=1).log()
        found[f"{prefix}_entropy"] = float((torch.special.entr(shares[several]).sum(dim=1) / most).mean())
    return found


def ranking_figures(fusion: Fusion, probe: Probe) -> dict[str, float]:
    """Return NDCG@10 with everything, and without each modality where that can be made; history excluded."""
    found = {"ndcg@10": _mean_ndcg(probe)}
    if probe.remade is None:
        return found
    for name in fusion.names:
        with fusion.missing((name,)):
            found[f"ndcg@10_without_{name}"] = _mean_ndcg(probe.remade())
    return found


def _mean_ndcg(probe: Probe) -> float:
    states = torch.cat([probe.user_states(rows, mask) for rows, mask in _padded(probe)])

    def score(users: NDArray[np.int64]) -> Tensor:
        return states[torch.from_numpy(users).to(states.device)] @ probe.table.T

    ranks = rank_targets(score, probe.histories, probe.targets, len(probe.table)).excluded
    return float(ndcg(ranks, 10).mean())


def _padded(probe: Probe) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(probe.histories), BATCH_USERS):
        rows, mask = pad(probe.histories[start : start + BATCH_USERS])
        yield rows.to(probe.table.device), mask.to(probe.table.device)


def _recalls(ranks: Ranks, name: str) -> Mapping[str, float]:
    return {f"{name}_r@{k}": float(recall(ranks, k).mean()) for k in (1, 10)}
