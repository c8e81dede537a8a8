"""Leave-one-out split by time: the last event of each user is for the test, the one before for validation.

A user with fewer than :data:`LEAST_EVENTS` events only trains, and one with fewer than :data:`LEAST_TO_LEARN` leaves no
pair of events to learn from when two are held out. Numbers of users stay the same everywhere: user
``u`` of ``train`` is user ``u`` of the sequences that were split, and of every target.
"""

from dataclasses import dataclass

import numpy as np

from train.data.sequences import IntArray, RowArray, Sequences

LEAST_EVENTS = 3
LEAST_TO_LEARN = 4


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """One event to predict for each of ``T`` users.

    Attributes:
        users: int64 ``[T]``, ascending, users of ``sequences``.
        rows: int32 ``[T]``, the catalogue row to predict.
        sequences: the whole sequences, before the split.
        n_held_out: how many of a user's newest events the history lacks: 2 for validation, 1 for the test.
    """

    users: IntArray
    rows: RowArray
    sequences: Sequences
    n_held_out: int

    def __len__(self) -> int:
        """Return how many targets there are."""
        return len(self.users)

    def history(self, index: int) -> RowArray:
        """Return everything that user ``users[index]`` did before the target, oldest first: a view.

        For validation these are the user's train events; for the test the train events and then the
        validation event. The target itself is never part, but its row may be, when the user repeats an item.
        """
        return self.sequences.of(int(self.users[index]))[: -self.n_held_out]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The three parts of one log."""

    train: Sequences
    valid: Targets
    test: Targets


def leave_one_out(sequences: Sequences) -> Split:
    """Split by time: see the module. Ties in time are broken by the order of the file."""
    testable = np.flatnonzero(sequences.lengths >= LEAST_EVENTS).astype(np.int64)
    last = sequences.offsets[testable + 1] - 1
    kept = np.ones(sequences.n_events, dtype=np.bool_)
    kept[last] = kept[last - 1] = False
    return Split(
        train=sequences.keep(kept),
        valid=Targets(testable, sequences.rows[last - 1], sequences, n_held_out=2),
        test=Targets(testable, sequences.rows[last], sequences, n_held_out=1),
    )
