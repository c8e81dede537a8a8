"""Product codes of a catalogue that has grown: known items keep theirs, and new ones get codes of the same books."""

from collections.abc import Mapping

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from edge_runtime.bundle.arrays import Array
from edge_runtime.bundle.codes import pack_tiers, read_codes, unpack_tiers
from edge_runtime.bundle.manifest import Catalogue
from train.distill.codes import nearest_codes

Floats = NDArray[np.float32]


def grown_codes(
    arrays: Mapping[str, Array], sizes: Catalogue, new: Floats, tier_of_new: NDArray[np.uint8]
) -> tuple[Catalogue, dict[str, Array]]:
    """Return the sizes and arrays of ``codes.safetensors`` with items appended; the codes of known ones stay.

    Args:
        arrays: the codes, codebooks, scales and centres of the known items.
        sizes: their sizes.
        new: vectors of the new items, ``[n, dim]``.
        tier_of_new: their tiers, uint8 ``[n]``.
    """
    grown = dict(arrays)
    tier_of = np.concatenate([unpack_tiers(arrays["tier"], sizes.n_items), tier_of_new])
    grown["tier"] = pack_tiers(tier_of)
    tiers = []
    for tier, of_tier in enumerate(sizes.tiers):
        vectors = torch.from_numpy(new[tier_of_new == tier] - arrays[f"centre.{tier}"])
        books = arrays[f"codebook.{tier}"].astype(np.float32) * arrays[f"scale.{tier}"][:, None, None]
        codes = nearest_codes(vectors, torch.from_numpy(books), of_tier.n_codes).numpy().astype(np.uint8)
        # New rows are above all known ones, so that a tier stays in ascending row order.
        grown[f"codes.{tier}"] = np.concatenate([arrays[f"codes.{tier}"], codes])
        tiers.append(msgspec.structs.replace(of_tier, n_items=of_tier.n_items + len(codes)))
    return msgspec.structs.replace(sizes, n_items=len(tier_of), tiers=tuple(tiers)), grown


def tiers_of_new(tier_of: NDArray[np.uint8], counts: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the tiers of new items, uint8 ``[n]``: the first whose known items have in the median no more events.

    Others have the shortest codes. Known items stay in their tiers, because a move would cost the codes of an item.

    Args:
        tier_of: tiers of the known items, ``[n_known]``.
        counts: training events of all items, ``[n_items]``.
    """
    n_known, n_tiers = len(tier_of), int(tier_of.max(initial=0)) + 1
    medians = [np.median(counts[:n_known][tier_of == tier]) for tier in range(n_tiers - 1)]
    new = counts[n_known:]
    result = np.full(len(new), n_tiers - 1, dtype=np.uint8)
    for tier in reversed(range(n_tiers - 1)):
        result[new >= max(medians[tier], 1.0)] = tier
    return result


def grown_texts(arrays: Mapping[str, Array], sizes: Catalogue, texts: Floats) -> tuple[Catalogue, dict[str, Array]]:
    """Return text codes with those of new items appended.

    The codes are of components that were fitted to the earlier catalogue. The linear map to them is found again by
    least squares from the known items.

    Args:
        arrays: the codes of the known items' texts.
        sizes: their sizes.
        texts: text vectors of all items, ``[n_items, W]``.
    """
    known = read_codes(arrays, sizes).decode(np.arange(sizes.n_items))
    with_one = np.concatenate([texts, np.ones((len(texts), 1), dtype=np.float32)], axis=1)
    to_components = np.linalg.lstsq(with_one[: len(known)], known, rcond=1e-5)[0].astype(np.float32)
    new = with_one[len(known) :] @ to_components
    return grown_codes(arrays, sizes, new, np.full(len(new), len(sizes.tiers) - 1, dtype=np.uint8))
