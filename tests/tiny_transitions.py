"""Adds random transitions, and vectors of their own to compare items by, to a tiny bundle."""

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.arrays import Array, dump_arrays, load_arrays
from edge_runtime.bundle.codes import read_codes
from edge_runtime.bundle.manifest import Catalogue, Tier, TransitionSettings
from edge_runtime.bundle.transitions import dump_transitions, levels_of, read_transitions
from edge_runtime.transitions import TransitionScores

RATIO = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class TinyTransitions:
    """What transitions a bundle gets.

    Attributes:
        largest: largest number of followers of an item.
        vectors: sizes of the vectors that items are compared by; None for the item embeddings.
        has_engines: False for a bundle with transitions alone.
    """

    largest: int = 5
    vectors: Catalogue | None = None
    has_engines: bool = True


VECTORS = Catalogue(40, 8, 16, (Tier(40, 4),))
"""Vectors for the 40 items of a tiny bundle."""

WITH_ENGINES = TinyTransitions(vectors=VECTORS)
ALONE = TinyTransitions(vectors=VECTORS, has_engines=False)


@dataclass(frozen=True, slots=True)
class Followers:
    """The followers of each item, as ``dump_transitions`` takes them."""

    offsets: NDArray[np.int64]
    followers: NDArray[np.int64]
    levels: NDArray[np.uint8]


def tiny_settings(n_entries: int, vectors: Catalogue | None) -> TransitionSettings:
    """Return settings in which every part of the score has an effect."""
    return TransitionSettings(
        newest=4,
        recency=0.6,
        second_hop=0.5,
        smoothing=0.01,
        similarity=2.0,
        weight=0.5,
        ratio=RATIO,
        n_entries=n_entries,
        vectors=vectors,
    )


def tiny_followers(n_items: int, rng: np.random.Generator, largest: int = 5) -> Followers:
    """Return up to ``largest`` followers of each item; every sixth item has none, and the number of all is odd."""
    counts = np.minimum(rng.integers(1, largest + 1, n_items), n_items - 1)
    counts[::6] = 0
    counts[1] += 1 - counts.sum() % 2
    chosen = [
        np.sort(rng.choice(np.delete(np.arange(n_items), item), count, replace=False))
        for item, count in enumerate(counts.tolist())
    ]
    offsets = np.concatenate([[0], np.cumsum(counts)])
    followers = np.concatenate(chosen).astype(np.int64)
    return Followers(offsets, followers, levels_of(offsets, rng.uniform(0.01, 1.0, len(followers)), RATIO))


def add_transitions(
    manifest: Manifest,
    contents: dict[str, tuple[str, bytes]],
    seed: int,
    choice: TinyTransitions,
    codes: dict[str, Array] | None,
) -> tuple[Manifest, TransitionScores]:
    """Add the files to ``contents``; return the manifest with the settings, and the scores.

    Args:
        manifest: the manifest of a bundle without transitions.
        contents: file name to role and bytes.
        seed: random seed.
        choice: what to add.
        codes: the arrays of ``similarity.safetensors``, with the sizes of ``choice.vectors``.
    """
    n_items = manifest.catalogue.n_items
    made = tiny_followers(n_items, np.random.default_rng(seed), choice.largest)
    arrays = dump_transitions(made.offsets, made.followers, made.levels, n_items)
    contents["transitions.safetensors"] = ("transitions", dump_arrays(arrays))
    if codes is not None:
        contents["similarity.safetensors"] = ("similarity", dump_arrays(codes))
    manifest = msgspec.structs.replace(
        manifest,
        required_features=(*manifest.required_features, "transitions"),
        transitions=tiny_settings(len(made.followers), choice.vectors),
        engines=manifest.engines if choice.has_engines else (),
    )
    if codes is None or choice.vectors is None:
        compared = read_codes(load_arrays(contents["codes.safetensors"][1], "codes"), manifest.catalogue)
    else:
        compared = read_codes(codes, choice.vectors)
    return manifest, TransitionScores(read_transitions(arrays, manifest), compared)
