"""Small logs and catalogues for which results can be computed by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from train.data.dataset import Catalogue, Dataset, Report
from train.data.sequences import Sequences
from train.data.split import Targets


def log(histories: Sequence[Sequence[int]], times: Sequence[Sequence[int]] | None = None) -> Sequences:
    """Return the sequences of users ``u0``, ``u1``, ...; timestamps are positions by default."""
    offsets = np.concatenate(([0], np.cumsum([len(rows) for rows in histories]))).astype(np.int64)
    clock = [list(range(len(rows))) for rows in histories] if times is None else times
    return Sequences(
        tuple(f"u{user}" for user in range(len(histories))),
        offsets,
        np.array([row for rows in histories for row in rows], dtype=np.int32),
        np.array([time for moments in clock for time in moments], dtype=np.int64),
    )


def catalogue(categories: Sequence[Sequence[str]], titles: Sequence[str] | None = None) -> Catalogue:
    """Return items with the given categories."""
    n = len(categories)
    names = tuple(f"Thing {row}" for row in range(n)) if titles is None else tuple(titles)
    fields = {"categories": tuple(tuple(each) for each in categories)} if any(categories) else {}
    return Catalogue(tuple(f"i{row}" for row in range(n)), names, fields, (None,) * n, (None,) * n, ((),) * n)


def dataset(sequences: Sequences, items: Catalogue) -> Dataset:
    """Return a dataset without a folder."""
    report = Report(sequences.n_events, len(items), {}, {}, ())
    return Dataset(Path("made"), "made", items, sequences, "0" * 64, report)


def rows(*values: int) -> NDArray[np.int32]:
    return np.array(values, dtype=np.int32)


def as_dict(targets: Targets) -> dict[int, tuple[list[int], int]]:
    """Return history and target of each user as plain numbers."""
    return {
        int(user): (targets.history(index).tolist(), int(targets.rows[index]))
        for index, user in enumerate(targets.users)
    }
