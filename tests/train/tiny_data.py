"""A data set for training in a second, in which users mostly take items in catalogue order."""

from pathlib import Path

import numpy as np

from train.data.dataset import Catalogue, Dataset, Report
from train.data.sequences import Sequences


def tiny_dataset(n_users: int = 60, n_items: int = 24, seed: int = 0) -> Dataset:
    """Return users that start at a random item and mostly continue with the next one, cyclically."""
    random = np.random.default_rng(seed)
    histories = []
    for _ in range(n_users):
        length = int(random.integers(4, 12))
        steps = np.where(random.random(length) < 0.9, 1, 2)
        histories.append(((random.integers(n_items) + np.cumsum(steps)) % n_items).astype(np.int32))
    offsets = np.concatenate(([0], np.cumsum([len(rows) for rows in histories]))).astype(np.int64)
    rows = np.concatenate(histories)
    ids = tuple(f"item-{row}" for row in range(n_items))
    nothing: tuple[tuple[str, ...], ...] = ((),) * n_items
    catalogue = Catalogue(
        ids, tuple(f"Thing number {row}" for row in range(n_items)), {"brand": nothing}, (None,) * n_items,
        (None,) * n_items, ((),) * n_items,
    )  # fmt: skip
    times = np.arange(len(rows), dtype=np.int64)
    users = tuple(f"user-{user}" for user in range(n_users))
    sequences = Sequences(users, offsets, rows, times)
    return Dataset(Path("tiny"), "tiny", catalogue, sequences, f"{seed:064x}", Report(len(rows), n_items, {}, {}, ()))
