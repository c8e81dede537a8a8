"""The events of all users as arrays."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
RowArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """The events of ``U`` users, oldest first, ``E`` in total.

    Attributes:
        user_ids: in the order of their first event in the file.
        offsets: int64 ``[U + 1]``; the events of user ``u`` are ``offsets[u]:offsets[u + 1]``.
        rows: int32 ``[E]``, catalogue rows.
        timestamps: int64 ``[E]``, whole seconds since 1970, or positions if the data have no dates.
    """

    user_ids: tuple[str, ...]
    offsets: IntArray
    rows: RowArray
    timestamps: IntArray

    def __len__(self) -> int:
        """Return the number of users."""
        return len(self.user_ids)

    def __iter__(self) -> Iterator[RowArray]:
        """Yield the rows of each user, as views."""
        return (self.of(user) for user in range(len(self)))

    @property
    def n_events(self) -> int:
        """Total number of events."""
        return int(self.offsets[-1])

    @property
    def lengths(self) -> IntArray:
        """Number of events of each user, int64 ``[U]``."""
        return np.diff(self.offsets)

    def of(self, user: int) -> RowArray:
        """Return the rows of one user, oldest first: a view, not a copy."""
        return self.rows[self.offsets[user] : self.offsets[user + 1]]

    def times_of(self, user: int) -> IntArray:
        """Return the timestamps of one user, aligned with :meth:`of`."""
        return self.timestamps[self.offsets[user] : self.offsets[user + 1]]

    def users(self) -> IntArray:
        """Return the user of every event, int64 ``[E]``."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def keep(self, kept: npt.NDArray[np.bool_]) -> "Sequences":
        """Return the sequences with only the events where ``kept``, bool ``[E]``, is true; all users remain."""
        lengths = np.bincount(self.users()[kept], minlength=len(self))
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return Sequences(self.user_ids, offsets, self.rows[kept], self.timestamps[kept])
