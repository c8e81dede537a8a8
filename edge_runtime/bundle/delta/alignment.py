"""Which rows of two versions of a tensor are the same entry, where its rows move: codes in tiers, and transitions."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.codes import unpack_tiers
from edge_runtime.bundle.delta.tables import Tables

Keys = NDArray[np.int64]

_ROW_BITS: Final = 24
_SPARE: Final = np.int64(1) << 62


@dataclass(frozen=True, slots=True)
class Keyed:
    """A number for each row, strictly ascending, by which it is found in another version.

    Attributes:
        keys: int64 ``[n]``.
        is_halved: the rows are half bytes.
    """

    keys: Keys
    is_halved: bool = False


def keys_of(tables: Tables) -> dict[str, Keyed]:
    """Return the keys of the tensors whose rows move from release to release; of others, positions do.

    The tensors may be any: what has not the layout of SPEC sections 4 or 10 has no keys.
    """
    if {"count", "follower", "level"} <= tables.keys():
        return _of_transitions(tables)
    return _of_codes(tables) if "tier" in tables else {}


def _of_transitions(tables: Tables) -> dict[str, Keyed]:
    """Return item and follower as the key of an entry."""
    counts, followers, levels = (tables[name].values for name in ("count", "follower", "level"))
    n = len(followers)
    if counts.shape[1] != 1 or levels.shape[1] != 1 or not 1 <= followers.shape[1] <= _ROW_BITS // 8:
        return {}
    if int(counts.sum(dtype=np.int64)) != n or len(levels) != (n + 1) // 2:
        return {}
    rows = sum(followers[:, index].astype(np.int64) << 8 * index for index in range(followers.shape[1]))
    keys = np.repeat(np.arange(len(counts)), counts[:, 0]) << _ROW_BITS | rows
    if not (keys[1:] > keys[:-1]).all():
        return {}
    spare = np.full(n % 2, _SPARE)
    return {"follower": Keyed(keys), "level": Keyed(np.concatenate([keys, spare]), is_halved=True)}


def _of_codes(tables: Tables) -> dict[str, Keyed]:
    """Return the catalogue row as the key of an item's codes."""
    codes = {tier: tables[f"codes.{tier}"].values for tier in range(4) if f"codes.{tier}" in tables}
    n_items, packed = sum(map(len, codes.values())), tables["tier"].values
    if packed.shape[1] != 1 or len(packed) != -(-n_items // 4):
        return {}
    tier_of = unpack_tiers(packed[:, 0], n_items)
    rows = {tier: np.flatnonzero(tier_of == tier) for tier in codes}
    return {f"codes.{tier}": Keyed(rows[tier]) for tier in codes if len(rows[tier]) == len(codes[tier])}
