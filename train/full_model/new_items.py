"""Vectors of items that a model has never met, from one encoding of their texts and without training.

They are what the model itself would give them, had they been in its catalogue from the start: what stands in for an own
vector (:mod:`train.items.stand_ins`), and what SAGE's map makes of the text on top of it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.full_model.model import Model
from train.items.features import Features, text_space
from train.items.stand_ins import StandIns
from train.plugins.sage import Sage


@torch.no_grad()
def new_item_vectors(model: Model, known: Features, counts: NDArray[np.int64], new: Features) -> Tensor:
    """Return the vectors ``[n, dim]`` of new items.

    Args:
        model: one whose item vectors SAGE changes, and nothing else does.
        known: features of the texts of the model's own catalogue.
        counts: how often each of its items occurs in training, int64 ``[n_items]``.
        new: features of the new items' texts, by the same extractor.

    Raises:
        ValueError: another plug-in changes item vectors, or SAGE's vocabulary is a dedicated one, or the features are
            of another extractor or of other items.
    """
    sage = _only_source(model)
    if known.extractor != sage.extractor or not len(known.vectors) == len(counts) == len(model.item):
        raise ValueError(
            f"expected features by {sage.extractor!r} and counts of the model's {len(model.item)} items, "
            f"got {len(known.vectors)} by {known.extractor!r} and {len(counts)} counts"
        )
    mapped = sage.map_texts(new)
    return mapped if sage.ignores_table else _stand_ins(model, known, counts, new) + mapped


def _only_source(model: Model) -> Sage:
    modules = [plugin.module for plugin in model.plugins if plugin.items is not None]
    if len(modules) == 1 and isinstance(modules[0], Sage):
        return modules[0]
    names = [plugin.name for plugin in model.plugins if plugin.items is not None]
    raise ValueError(
        f"expected SAGE with vocabulary='both' or 'reuse', and no other plug-in, to change item vectors; "
        f"got {', '.join(names) or 'none'}"
    )


def _stand_ins(model: Model, known: Features, counts: NDArray[np.int64], new: Features) -> Tensor:
    """Return what stands in for the own vectors of the new items, ``[n, dim]``."""
    n_known, n_new = len(known.vectors), len(new.vectors)
    own = torch.cat([model.item, model.item.new_zeros(n_new, model.item.shape[1])])
    if model.stand_ins is None:
        return own[n_known:]
    # One table of both, so that neighbours are found and weighed as they were for the model.
    vectors = np.concatenate([text_space(known), text_space(new)])[:, None]
    both = Features(known.extractor, vectors, (vectors != 0).any(2))
    stand_ins = StandIns(both, np.concatenate([counts, np.zeros(n_new, np.int64)])).to(own.device)
    found: Tensor = stand_ins(own, torch.arange(len(own), device=own.device) >= n_known)
    return found[n_known:]
