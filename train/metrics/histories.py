"""Modified histories for the same targets: truncated, noisy or shuffled. Training data is not modified."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from train.data.sequences import RowArray, Sequences
from train.data.split import Targets


def histories_of(targets: Targets) -> list[RowArray]:
    """Return the events of each user before the target, as views."""
    return [targets.history(index) for index in range(len(targets))]


def with_histories(targets: Targets, histories: Sequence[RowArray]) -> Targets:
    """Return the same users and targets with other histories, one for each target.

    Timestamps are replaced by positions, because inserted and moved events have no timestamps.
    """
    whole: list[RowArray] = [np.empty(0, np.int32)] * len(targets.sequences)
    for user, row, history in zip(targets.users, targets.rows, histories, strict=True):
        whole[user] = np.append(history, row)
    lengths = [len(rows) for rows in whole]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    times = np.arange(offsets[-1], dtype=np.int64) - np.repeat(offsets[:-1], lengths)
    sequences = Sequences(targets.sequences.user_ids, offsets, np.concatenate(whole).astype(np.int32), times)
    return Targets(targets.users, targets.rows, sequences, n_held_out=1)


def select_targets(targets: Targets, kept: NDArray[np.bool_]) -> Targets:
    """Return the targets selected by the mask ``kept`` ``[T]``."""
    return Targets(targets.users[kept], targets.rows[kept], targets.sequences, targets.n_held_out)


def cut_histories(targets: Targets, n_events: int) -> Targets:
    """Return the targets with histories truncated to the newest ``n_events``, as for new users.

    Raises:
        ValueError: ``n_events`` is below 1.
    """
    if n_events < 1:
        raise ValueError(f"n_events must be at least 1, got {n_events}")
    return with_histories(targets, [rows[-n_events:] for rows in histories_of(targets)])


def shuffle_histories(targets: Targets, *, seed: int) -> Targets:
    """Return the targets with the events of each history in random order."""
    random = np.random.default_rng(seed)
    return with_histories(targets, [random.permutation(rows) for rows in histories_of(targets)])


def insert_noise(targets: Targets, share: float, n_items: int, *, seed: int) -> Targets:
    """Return the targets with random clicks inserted into the histories.

    A history of ``n`` events gets ``share * n`` clicks, rounded up or down at random with the right mean. Each is on an
    item drawn uniformly from all but the target (a click on the target would exclude it), at a position drawn uniformly
    from the ``n + 1`` possible ones.

    Args:
        targets: targets and histories; not modified.
        share: clicks for each event, such as 0.1.
        n_items: size of the catalogue, at least 2.
        seed: random seed.

    Raises:
        ValueError: ``share`` is negative, or there is no item besides the target.
    """
    if share < 0 or n_items < 2:
        raise ValueError(f"expected a share of at least 0 and at least 2 items, got {share} and {n_items}")
    random = np.random.default_rng(seed)
    noisy = []
    for row, history in zip(targets.rows, histories_of(targets), strict=True):
        n_clicks = int(share * len(history) + random.random())
        clicks = random.integers(0, n_items - 1, n_clicks, dtype=np.int32)
        clicks += clicks >= row
        noisy.append(np.insert(history, random.integers(0, len(history) + 1, n_clicks), clicks))
    return with_histories(targets, noisy)
