"""Leave-one-out split by time: each user's last event is the test target, the one before the validation target.

Users with fewer than :data:`MIN_EVENTS` events are used for training only. Users with at least
:data:`MIN_EVENTS_TO_TRAIN` events keep a pair of training events after two are held out. User indices are the same in
all parts of the split.
"""

from dataclasses import dataclass

import numpy as np

from train.data.sequences import IntArray, RowArray, Sequences

MIN_EVENTS = 3
MIN_EVENTS_TO_TRAIN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """One event to predict for each of ``T`` users.

    Attributes:
        users: int64 ``[T]``, ascending, users of ``sequences``.
        rows: int32 ``[T]``, the catalogue row to predict.
        sequences: the whole sequences, before the split.
        n_held_out: number of newest events that the history excludes: 2 for validation, 1 for the test.
    """

    users: IntArray
    rows: RowArray
    sequences: Sequences
    n_held_out: int

    def __len__(self) -> int:
        """Return the number of targets."""
        return len(self.users)

    def history(self, index: int) -> RowArray:
        """Return the events of user ``users[index]`` before the target, oldest first: a view.

        For validation these are the training events, for the test also the validation event. The history may contain
        the item of the target, if the user had an earlier event with it.
        """
        return self.sequences.of(int(self.users[index]))[: -self.n_held_out]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Training events, validation and test targets."""

    train: Sequences
    valid: Targets
    test: Targets


def leave_one_out(sequences: Sequences) -> Split:
    """Split by time, as described above. Ties keep the order of the file."""
    testable = np.flatnonzero(sequences.lengths >= MIN_EVENTS).astype(np.int64)
    last = sequences.offsets[testable + 1] - 1
    kept = np.ones(sequences.n_events, dtype=np.bool_)
    kept[last] = kept[last - 1] = False
    return Split(
        train=sequences.keep(kept),
        valid=Targets(testable, sequences.rows[last - 1], sequences, n_held_out=2),
        test=Targets(testable, sequences.rows[last], sequences, n_held_out=1),
    )
