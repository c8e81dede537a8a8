"""How well the semantic space tells what comes next, with no behaviour of the item in it."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.loop.batches import pad
from train.metrics.ranking import rank_targets, recall
from train.objectives.contrast import directions
from train.plugins.llmrec_history import newest_means
from train.plugins.llmrec_space import SemanticSpace
from train.plugins.plugin import Probe

_BATCH_USERS = 512
# A history this long is as good as whole: what lies before weighs nothing at any usual decay.
_NEWEST = 50


def retrieval_figures(space: SemanticSpace, probe: Probe, decay: float) -> dict[str, float]:
    """Return cosines and Recall@10 of histories to next items, among all items, the history's own excluded.

    ``aligned`` is by the learnt maps, ``frozen`` by the whitened text vectors as they came: the difference is what was
    learnt. ``cosine_to_any`` is the mean cosine to all items, which a high ``cosine`` alone would hide.
    """
    means, known = (torch.cat(parts) for parts in zip(*_histories(space, probe, decay), strict=True))
    frozen = space.whitening(directions(means)) * known[:, None]
    frozen_items = space.whitening(space.frozen) * space.described[:, None]
    pairs = {"aligned": (space.histories(means, known), space.items()), "frozen": (frozen, frozen_items)}
    found: dict[str, float] = {}
    for name, (users, items) in pairs.items():
        figures = _retrieval(directions(users), directions(items), probe)
        found |= {f"{name}_{figure}": value for figure, value in figures.items()}
    return found


def _histories(space: SemanticSpace, probe: Probe, decay: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield frozen means ``[n, width]``, and whether there is anything in them, 1 or 0 ``[n]``."""
    for start in range(0, len(probe.histories), _BATCH_USERS):
        rows, mask = pad([rows[-_NEWEST:] for rows in probe.histories[start : start + _BATCH_USERS]])
        rows, mask = rows.to(space.frozen.device), mask.to(space.frozen.device)
        counts = space.speaking(rows, mask)
        yield newest_means(space.frozen, rows, counts, decay), counts.amax(1)


def _retrieval(users: Tensor, items: Tensor, probe: Probe) -> Mapping[str, float]:
    """Return the figures of directions ``[U, dim]`` and ``[n_items, dim]``."""
    wanted = items[torch.from_numpy(probe.targets.astype(np.int64)).to(items.device)]

    def score(index: NDArray[np.int64]) -> Tensor:
        return users[torch.from_numpy(index).to(users.device)] @ items.T

    ranked = rank_targets(score, probe.histories, probe.targets, len(items))
    return {
        "cosine": float((users * wanted).sum(1).mean()),
        "cosine_to_any": float((users @ items.mean(0)).mean()),
        "recall@10": float(recall(ranked.excluded, 10).mean()),
    }
