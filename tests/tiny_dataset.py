"""A synthetic data set in memory: forty products, thirty users."""

from pathlib import Path

import numpy as np

from train.data.dataset import Catalogue, Dataset, Report
from train.data.sequences import Sequences

_BRANDS = ("Aster", "Birch", "Cedar", "Dahlia", "Elm")
_KINDS = ("Soap", "Shampoo", "Cream", "Balm")
_SCENTS = ("Rose", "Mint")


def make_dataset(n_users: int = 30, *, shuffled: bool = False) -> Dataset:
    """Return products of every brand, kind and scent, and users with purchases.

    Args:
        n_users: number of users.
        shuffled: assign the same purchases to other users, keeping their positions in the histories.
    """
    kinds = [(brand, kind, scent) for brand in _BRANDS for kind in _KINDS for scent in _SCENTS]
    n_items = len(kinds)
    rng = np.random.default_rng(0)
    rows = (n_items * rng.random((n_users, 5)) ** 2).astype(np.int32)
    if shuffled:
        rows = np.stack([np.roll(column, shift) for shift, column in enumerate(rows.T)], axis=1)
    catalogue = Catalogue(
        item_ids=tuple(f"p{row}" for row in range(n_items)),
        titles=tuple(f"{brand} {scent} {kind} No. {row}" for row, (brand, kind, scent) in enumerate(kinds)),
        fields={
            "brand": tuple((brand,) for brand, _, _ in kinds),
            "categories": tuple(("Care", kind) for _, kind, _ in kinds),
            "scent": tuple((scent,) for _, _, scent in kinds),
        },
        descriptions=(None,) * n_items,
        images=(None,) * n_items,
        videos=((),) * n_items,
    )
    sequences = Sequences(
        user_ids=tuple(f"u{user}" for user in range(n_users)),
        offsets=np.arange(0, 5 * n_users + 1, 5),
        rows=rows.ravel(),
        timestamps=np.arange(5 * n_users),
    )
    report = Report(n_event_rows=rows.size, n_item_rows=n_items, kept_out={}, skipped={}, warnings=())
    return Dataset(Path("made"), "made", catalogue, sequences, "0" * 64, report)
