"""Splits other than leave-one-out: new items, new users, both, a sample of users, and a global split by time.

Each returns a :class:`DerivedSplit`: a split for training and evaluation, and the withheld data. User numbers and
catalogue rows are unchanged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.data.sequences import IntArray, RowArray, Sequences
from train.data.split import MIN_EVENTS, Split, Targets, leave_one_out
from train.data.timestamp_checks import is_unix_time
from train.errors import DataError
from train.metrics.histories import histories_of, select_targets, with_histories

NEW_ITEMS_SHARE = 0.1
NEW_USERS_SHARE = 0.1
EXTREME_SHARE = 0.5
TRAIN_UNTIL, VALIDATE_UNTIL = 0.8, 0.9


@dataclass(frozen=True, slots=True, eq=False)
class DerivedSplit:
    """A split, and the data that is withheld from training.

    Attributes:
        split: training events, validation and test targets.
        new_items: items that were held out of training, bool ``[n_items]``; None if no items were.
        withheld: catalogue rows of the withheld events of new items, without targets: what a shop would later observe
            of their popularity.
    """

    split: Split
    new_items: NDArray[np.bool_] | None = None
    withheld: RowArray | None = None


def hold_out_items(sequences: Sequences, share: float, n_items: int, *, seed: int) -> DerivedSplit:
    """Hold a share of the items out of training; test targets are events of these items.

    All events of new items are removed from the training sequences. A test target is a user's newest event of a new
    item among the last two events (those that leave-one-out holds out), with a history without new items, as if they
    had just been added to the catalogue. Validation uses the leave-one-out targets that are not new items, so that
    model selection does not use new items.

    Args:
        sequences: all events.
        share: share of the items that occur in them, in (0, 1).
        n_items: size of the catalogue.
        seed: random seed.

    Raises:
        DataError: no test or validation target is left.
    """
    plain = leave_one_out(sequences)
    new = _draw(np.unique(sequences.rows).astype(np.int64), share, n_items, seed)
    is_new = new[plain.train.rows]
    last, before = new[plain.test.rows], new[plain.valid.rows]
    tested = _join(select_targets(plain.test, last), select_targets(plain.valid, before & ~last))
    split = Split(
        plain.train.keep(~is_new),
        _without_items(select_targets(plain.valid, ~before), new),
        _without_items(tested, new),
    )
    return DerivedSplit(_checked(split, "new items"), new, plain.train.rows[is_new])


def hold_out_users(sequences: Sequences, share: float, *, seed: int) -> DerivedSplit:
    """Hold a share of the testable users out of training; their last events are test targets, with whole histories.

    Raises:
        DataError: no test or validation target is left.
    """
    plain = leave_one_out(sequences)
    new = _draw(plain.test.users, share, len(sequences), seed)
    split = Split(
        plain.train.keep(~new[plain.train.users()]),
        select_targets(plain.valid, ~new[plain.valid.users]),
        select_targets(plain.test, new[plain.test.users]),
    )
    return DerivedSplit(_checked(split, "new users"))


def hold_out_both(sequences: Sequences, share: float, n_items: int, *, seed: int) -> DerivedSplit:
    """Hold out a share of the users and of the items; test targets are the last events of new users, of any item.

    Old users train and validate on old items. New users have their whole histories, including new items, and are ranked
    over the whole catalogue.

    Raises:
        DataError: no test or validation target is left.
    """
    plain = leave_one_out(sequences)
    new_items = _draw(np.unique(sequences.rows).astype(np.int64), share, n_items, seed)
    new_users = _draw(plain.test.users, share, len(sequences), seed + 1)
    is_new = new_items[plain.train.rows]
    old_valid = ~new_users[plain.valid.users] & ~new_items[plain.valid.rows]
    split = Split(
        plain.train.keep(~is_new & ~new_users[plain.train.users()]),
        _without_items(select_targets(plain.valid, old_valid), new_items),
        select_targets(plain.test, new_users[plain.test.users]),
    )
    return DerivedSplit(_checked(split, "extreme"), new_items, plain.train.rows[is_new])


def sample_users(sequences: Sequences, n_users: int, *, seed: int) -> Sequences:
    """Return the events of ``n_users`` random testable users; other users are kept without events.

    All users are kept if there are no more than ``n_users``.

    Raises:
        ValueError: ``n_users`` is below 1.
    """
    if n_users < 1:
        raise ValueError(f"n_users must be at least 1, got {n_users}")
    testable = np.flatnonzero(sequences.lengths >= MIN_EVENTS)
    if len(testable) <= n_users:
        return sequences
    kept = np.zeros(len(sequences), dtype=np.bool_)
    kept[np.random.default_rng(seed).choice(testable, n_users, replace=False)] = True
    return sequences.keep(kept[sequences.users()])


def split_by_time(sequences: Sequences) -> DerivedSplit:
    """Split by time at two moments for all users, so that no future events are used in training.

    Training has the events before the moment by which 80 % of all events had happened. The validation target of a user
    is the first event from then on, up to the moment of 90 %; the test target is the first one after that. The history
    has all earlier events of the user; users without earlier events have no target, and equal timestamps are kept
    together.

    Raises:
        DataError: timestamps are positions and not seconds, or no validation or test target is left.
    """
    times = np.sort(sequences.timestamps)
    if not is_unix_time(int(times.max(initial=0))):
        raise DataError(
            f"the newest timestamp is {int(times.max(initial=0))}, which is a position; expected seconds since 1970. "
            "A split by time needs real timestamps; use leave-one-out instead."
        )
    first, second = (times[int(share * len(times))] for share in (TRAIN_UNTIL, VALIDATE_UNTIL))
    split = Split(
        sequences.keep(sequences.timestamps < first),
        _first_between(sequences, first, second),
        _first_between(sequences, second, times[-1] + 1),
    )
    return DerivedSplit(_checked(split, "global time"))


def _draw(among: IntArray, share: float, n: int, seed: int) -> NDArray[np.bool_]:
    """Return a mask ``[n]`` of a random share of ``among``, at least one."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must be in (0, 1), got {share}")
    drawn = np.zeros(n, dtype=np.bool_)
    n_drawn = min(len(among), max(1, round(share * len(among))))
    drawn[np.random.default_rng(seed).choice(among, n_drawn, replace=False)] = True
    return drawn


def _join(first: Targets, second: Targets) -> Targets:
    """Return the targets of both, which have different users, in the order of users."""
    users = np.concatenate([first.users, second.users])
    rows = np.concatenate([first.rows, second.rows])
    histories = histories_of(first) + histories_of(second)
    order = np.argsort(users)
    joined = Targets(users[order], rows[order], first.sequences, n_held_out=1)
    return with_histories(joined, [histories[index] for index in order])


def _without_items(targets: Targets, items: NDArray[np.bool_]) -> Targets:
    """Remove ``items`` from the histories, and users whose history becomes empty."""
    histories = [rows[~items[rows]] for rows in histories_of(targets)]
    left = np.array([len(rows) > 0 for rows in histories], dtype=np.bool_)
    return with_histories(select_targets(targets, left), [rows for rows in histories if len(rows)])


def _first_between(sequences: Sequences, start: int, end: int) -> Targets:
    """Return each user's first event from ``start`` to before ``end``, of users with events before ``start``."""
    users = sequences.users()
    n_before = np.bincount(users[sequences.timestamps < start], minlength=len(sequences))
    n_until = np.bincount(users[sequences.timestamps < end], minlength=len(sequences))
    selected = np.flatnonzero((n_before > 0) & (n_until > n_before))
    rows = sequences.rows[sequences.offsets[selected] + n_before[selected]]
    targets = Targets(selected, rows, sequences, n_held_out=1)
    return with_histories(targets, [sequences.of(int(user))[: n_before[user]] for user in selected])


def _checked(split: Split, what: str) -> Split:
    if not (len(split.valid) and len(split.test) and split.train.n_events):
        raise DataError(
            f"the split for {what} leaves {split.train.n_events} training events, {len(split.valid)} validation and "
            f"{len(split.test)} test targets; expected at least one of each. Provide a longer log."
        )
    return split
