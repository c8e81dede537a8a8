"""Other ways to part a log than leave-one-out: new items, new users, both, a sample of users, one cut in time.

Each gives a :class:`Derived`: a split that any model can be trained on, and what was withheld from it. Users keep their
numbers, and rows stay catalogue rows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import DataError
from train.data.clock import has_clock
from train.data.sequences import IntArray, RowArray, Sequences
from train.data.split import LEAST_EVENTS, Split, Targets, leave_one_out
from train.metrics.histories import histories_of, only, with_histories

NEW_ITEMS_SHARE = 0.1
NEW_USERS_SHARE = 0.1
EXTREME_SHARE = 0.5
TRAIN_UNTIL, VALIDATE_UNTIL = 0.8, 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """What is learnt from, what is predicted, and what was kept from the model.

    Attributes:
        split: training events, validation and test targets.
        new_items: items that occur nowhere in training because they were held out, bool ``[n_items]``; None where no
            items were.
        withheld: rows of the events of new items that training was denied, without any target: what a shop would come
            to know of their popularity.
    """

    split: Split
    new_items: NDArray[np.bool_] | None = None
    withheld: RowArray | None = None


def hold_out_items(sequences: Sequences, share: float, n_items: int, *, seed: int) -> Derived:
    """Hold a share of the items out of training altogether; they are what the test asks for.

    Every event of a new item leaves the training sequences. A test target is a user's newest event of a new item among
    the last two events (those that leave-one-out holds back), behind a history without new items: they are put on the
    shelf just then. Validation keeps the leave-one-out targets that are no new item, so that what is chosen has seen
    none of them.

    Args:
        sequences: the whole log.
        share: of the items that occur in it, in (0, 1).
        n_items: size of the catalogue.
        seed: of the items that are drawn.

    Raises:
        DataError: no test or validation target is left.
    """
    plain = leave_one_out(sequences)
    new = _draw(np.unique(sequences.rows).astype(np.int64), share, n_items, seed)
    is_new = new[plain.train.rows]
    last, before = new[plain.test.rows], new[plain.valid.rows]
    tested = _join(only(plain.test, last), only(plain.valid, before & ~last))
    split = Split(
        plain.train.keep(~is_new),
        _without_items(only(plain.valid, ~before), new),
        _without_items(tested, new),
    )
    return Derived(_checked(split, "new items"), new, plain.train.rows[is_new])


def hold_out_users(sequences: Sequences, share: float, *, seed: int) -> Derived:
    """Hold a share of the testable users out of training; their last events are the test, behind whole histories.

    Raises:
        DataError: no test or validation target is left.
    """
    plain = leave_one_out(sequences)
    new = _draw(plain.test.users, share, len(sequences), seed)
    split = Split(
        plain.train.keep(~new[plain.train.users()]),
        only(plain.valid, ~new[plain.valid.users]),
        only(plain.test, new[plain.test.users]),
    )
    return Derived(_checked(split, "new users"))


def hold_out_both(sequences: Sequences, share: float, n_items: int, *, seed: int) -> Derived:
    """Hold a share of the users and of the items out: the new users' last events are the test, of any item.

    Old users train and validate on old items. New users come with all they did, new items too: for them the whole
    catalogue is there.

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
        _without_items(only(plain.valid, old_valid), new_items),
        only(plain.test, new_users[plain.test.users]),
    )
    return Derived(_checked(split, "extreme"), new_items, plain.train.rows[is_new])


def sample_users(sequences: Sequences, n_users: int, *, seed: int) -> Sequences:
    """Return the events of ``n_users`` testable users, drawn once from the seed; the others have none left.

    Everybody stays where there are no more than ``n_users``.

    Raises:
        ValueError: ``n_users`` is below 1.
    """
    if n_users < 1:
        raise ValueError(f"n_users must be at least 1, got {n_users}")
    testable = np.flatnonzero(sequences.lengths >= LEAST_EVENTS)
    if len(testable) <= n_users:
        return sequences
    kept = np.zeros(len(sequences), dtype=np.bool_)
    kept[np.random.default_rng(seed).choice(testable, n_users, replace=False)] = True
    return sequences.keep(kept[sequences.users()])


def split_by_time(sequences: Sequences) -> Derived:
    """Cut the log at two moments, the same for everybody: nothing of the future is learnt from.

    Training has the events before the moment by which 80 % of all events had happened. Validation asks for each user's
    first event from there on, up to the moment of 90 %; the test for the first one after that. Each stands behind all
    that the user did before; a user without a past is not asked for, and one second is never cut in two.

    Raises:
        DataError: timestamps are positions and no clock, or no test or validation target is left.
    """
    times = np.sort(sequences.timestamps)
    if not has_clock(int(times.max(initial=0))):
        raise DataError(
            f"the newest timestamp is {int(times.max(initial=0))}, a position; expected seconds since 1970. "
            "A split by time needs a real clock; use leave-one-out."
        )
    first, second = (times[int(share * len(times))] for share in (TRAIN_UNTIL, VALIDATE_UNTIL))
    split = Split(
        sequences.keep(sequences.timestamps < first),
        _first_between(sequences, first, second),
        _first_between(sequences, second, times[-1] + 1),
    )
    return Derived(_checked(split, "global time"))


def _draw(among: IntArray, share: float, n: int, seed: int) -> NDArray[np.bool_]:
    """Return a mask ``[n]`` of a share of ``among``, at least one."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must be in (0, 1), got {share}")
    drawn = np.zeros(n, dtype=np.bool_)
    n_drawn = min(len(among), max(1, round(share * len(among))))
    drawn[np.random.default_rng(seed).choice(among, n_drawn, replace=False)] = True
    return drawn


def _join(first: Targets, second: Targets) -> Targets:
    """Return the targets of both, of different users, ascending."""
    users = np.concatenate([first.users, second.users])
    rows = np.concatenate([first.rows, second.rows])
    histories = histories_of(first) + histories_of(second)
    order = np.argsort(users)
    joined = Targets(users[order], rows[order], first.sequences, n_held_out=1)
    return with_histories(joined, [histories[index] for index in order])


def _without_items(targets: Targets, items: NDArray[np.bool_]) -> Targets:
    """Take ``items`` out of the histories; who has nothing left is asked for nothing."""
    histories = [rows[~items[rows]] for rows in histories_of(targets)]
    left = np.array([len(rows) > 0 for rows in histories], dtype=np.bool_)
    return with_histories(only(targets, left), [rows for rows in histories if len(rows)])


def _first_between(sequences: Sequences, start: int, end: int) -> Targets:
    """Return each user's first event from ``start`` to before ``end``, where something came before ``start``."""
    users = sequences.users()
    n_before = np.bincount(users[sequences.timestamps < start], minlength=len(sequences))
    n_until = np.bincount(users[sequences.timestamps < end], minlength=len(sequences))
    asked = np.flatnonzero((n_before > 0) & (n_until > n_before))
    rows = sequences.rows[sequences.offsets[asked] + n_before[asked]]
    targets = Targets(asked, rows, sequences, n_held_out=1)
    return with_histories(targets, [sequences.of(int(user))[: n_before[user]] for user in asked])


def _checked(split: Split, what: str) -> Split:
    if not (len(split.valid) and len(split.test) and split.train.n_events):
        raise DataError(
            f"the split for {what} leaves {split.train.n_events} training events, {len(split.valid)} validation and "
            f"{len(split.test)} test targets; expected at least one of each. Give a longer log."
        )
    return split
