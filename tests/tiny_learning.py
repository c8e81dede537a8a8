"""A bundle that learns, and histories from which there is something to learn, or nothing."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle import Manifest
from edge_runtime.bundle.arrays import dump_arrays
from edge_runtime.bundle.codes import read_codes
from edge_runtime.bundle.folder import open_folder, write_folder
from edge_runtime.bundle.manifest import LearningSettings
from tests.tiny_bundle import make_tiny_bundle
from tests.tiny_transitions import TinyTransitions

LEARNING: Final = LearningSettings(
    temperature=4.0,
    learning_rate=0.02,
    factor_rate=0.01,
    epsilon=0.05,
    weight_decay=0.005,
    beta1=0.9,
    beta2=0.99,
    updates=10,
    examples=128,
    candidates=512,
)
QUICK: Final = msgspec.structs.replace(LEARNING, temperature=1.0, learning_rate=0.2, updates=6, examples=40)
"""Settings with which the tiny bundle learns within some updates."""


def make_learning_bundle(
    folder: Path,
    settings: LearningSettings | None = QUICK,
    *,
    seed: int = 0,
    transitions: TinyTransitions | None = None,
    release: int = 1,
    target: str = "laptop-x86_64",
) -> Manifest:
    """Write the tiny bundle with settings of learning."""
    make_tiny_bundle(folder, seed=seed, transitions=transitions, release=release, target=target)
    return rewritten(folder, folder, learning=settings)


def rewritten(source: Path, folder: Path, *, files: dict[str, bytes] | None = None, **fields: object) -> Manifest:
    """Write a bundle again, with other files and other fields of the manifest."""
    bundle = open_folder(source)
    contents = {entry.name: (entry.role, bundle.read(entry)) for entry in bundle.manifest.files}
    contents |= {name: (contents[name][0], data) for name, data in (files or {}).items()}
    return write_folder(folder, msgspec.structs.replace(bundle.manifest, **fields), contents)


def other_b(folder: Path, scale: float = 0.1) -> bytes:
    """Return the file of an adapter with the same ``A`` and another ``B``."""
    arrays = dict(open_folder(folder).arrays("adapter"))
    noise = np.random.default_rng(7).normal(scale=scale, size=arrays["b"].shape)
    return dump_arrays({"a": arrays["a"], "b": arrays["b"] + noise.astype(np.float32)})


def one_taste(folder: Path, n_events: int = 48, *, n_liked: int = 3) -> list[str]:
    """Return a history of a few items that are alike, again and again: what comes next can be learned."""
    bundle = open_folder(folder)
    codes = read_codes(bundle.arrays("codes"), bundle.manifest.catalogue)
    vectors = codes.decode(np.arange(bundle.manifest.catalogue.n_items)).astype(np.float64)
    liked = np.argsort(vectors @ vectors[0])[::-1][:n_liked]
    random = np.random.default_rng(0)
    return [f"item-{row}" for row in _without_repeats(liked, n_events, random)]


def no_taste(folder: Path, n_events: int = 48, seed: int = 0) -> list[str]:
    """Return a history that is drawn from all items: nothing can be learned from it."""
    n_items = open_folder(folder).manifest.catalogue.n_items
    return [f"item-{row}" for row in np.random.default_rng(seed).integers(0, n_items, n_events)]


def _without_repeats(rows: NDArray[np.int64], n: int, random: np.random.Generator) -> list[int]:
    drawn = [int(random.choice(rows))]
    while len(drawn) < n:
        row = int(random.choice(rows))
        if row != drawn[-1]:
            drawn.append(row)
    return drawn
