"""The vectors that items are compared by: features of texts and pictures, centred and of unit length."""

import numpy as np
from numpy.typing import NDArray

from train.items.features import PluginInputs, text_space
from train.transitions.expert import Similarities


def similarities(inputs: PluginInputs) -> Similarities:
    """Return the vectors of a catalogue's texts and pictures; None for a modality that no item has."""
    images = inputs.image() if any(inputs.catalogue.images) else None
    return Similarities(centred(text_space(inputs.text())), None if images is None else centred(text_space(images)))


def centred(vectors: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return vectors ``[n_items, W]`` minus their mean, at unit length; zeros stay zeros.

    None if fewer than two items have a vector.
    """
    present = (vectors != 0.0).any(axis=1)
    if present.sum() < 2:
        return None
    moved = vectors[present] - vectors[present].mean(axis=0)
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    result = np.zeros_like(vectors)
    result[present] = np.divide(moved, length, out=np.zeros_like(moved), where=length > 1e-6)
    return result


def item_table(inputs: PluginInputs) -> NDArray[np.float32]:
    """Return item vectors whose cosines approximate those of the texts, float32 ``[n_items, inputs.dim]``.

    They are the principal components of the text vectors; pictures replace texts in a catalogue without texts.
    Zeros in a catalogue with neither.
    """
    similar = similarities(inputs)
    vectors = similar.image if similar.text is None else similar.text
    if vectors is None:
        return np.zeros((inputs.n_items, inputs.dim), dtype=np.float32)
    return principal_components(vectors, inputs.dim)


def principal_components(vectors: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Return the ``dim`` components of vectors ``[n, W]`` with the most variance, ``[n, dim]``; zeros beyond ``W``."""
    table = np.zeros((len(vectors), dim), dtype=np.float32)
    width = min(dim, vectors.shape[1])
    _, axes = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    table[:, :width] = vectors @ axes[:, ::-1][:, :width].astype(np.float32)
    return table
