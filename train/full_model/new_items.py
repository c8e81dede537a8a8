"""Vectors of items that are new to a trained model, from one encoding of their texts, without training.

They equal the vectors that the model would compute if the items had been in its catalogue: a stand-in for the ID
embedding (:mod:`train.items.stand_ins`) plus SAGE's projection of the text.
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
        model: a model in which SAGE is the only plug-in that changes item vectors.
        known: features of the texts of the model's own catalogue.
        counts: occurrences of each of its items in training, int64 ``[n_items]``.
        new: features of the new items' texts, by the same extractor.

    Raises:
        ValueError: another plug-in changes item vectors, SAGE's vocabulary is dedicated, or the features are from a
            different extractor or of other items.
    """
    sage = _sage_of(model)
    if known.extractor != sage.extractor or not len(known.vectors) == len(counts) == len(model.item):
        raise ValueError(
            f"expected features by {sage.extractor!r} and counts of the model's {len(model.item)} items, "
            f"got {len(known.vectors)} by {known.extractor!r} and {len(counts)} counts"
        )
    mapped = sage.map_texts(new)
    return mapped if sage.ignores_table else _stand_ins(model, known, counts, new) + mapped


def _sage_of(model: Model) -> Sage:
    modules = [plugin.module for plugin in model.plugins if plugin.items is not None]
    if len(modules) == 1 and isinstance(modules[0], Sage):
        return modules[0]
    names = [plugin.name for plugin in model.plugins if plugin.items is not None]
    raise ValueError(
        f"expected SAGE with vocabulary='both' or 'reuse', and no other plug-in, to change item vectors; "
        f"got {', '.join(names) or 'none'}"
    )


def _stand_ins(model: Model, known: Features, counts: NDArray[np.int64], new: Features) -> Tensor:
    """Return stand-ins for the ID embeddings of the new items, ``[n, dim]``."""
    n_known, n_new = len(known.vectors), len(new.vectors)
    embeddings = torch.cat([model.item, model.item.new_zeros(n_new, model.item.shape[1])])
    if model.stand_ins is None:
        return embeddings[n_known:]
    # One table of both, so that neighbours and their weights are computed as for the model.
    vectors = np.concatenate([text_space(known), text_space(new)])[:, None]
    both = Features(known.extractor, vectors, (vectors != 0).any(2))
    stand_ins = StandIns(both, np.concatenate([counts, np.zeros(n_new, np.int64)])).to(embeddings.device)
    result: Tensor = stand_ins(embeddings, torch.arange(len(embeddings), device=embeddings.device) >= n_known)
    return result[n_known:]
