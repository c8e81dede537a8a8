"""What users did, as arrays. Knows rows of the catalogue, no files and no models."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
RowArray = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Sequences:
    """Every user's events, oldest first, ``U`` users and ``E`` events.

    Attributes:
        user_ids: as they stand in the file, in the order of their first event there.
        offsets: int64 ``[U + 1]``; the events of user ``u`` are ``offsets[u]:offsets[u + 1]``.
        rows: int32 ``[E]``, rows of the catalogue.
        timestamps: int64 ``[E]``, whole seconds since 1970, or positions where the data has no clock.
    """

    user_ids: tuple[str, ...]
    offsets: IntArray
    rows: RowArray
    timestamps: IntArray

    def __len__(self) -> int:
        """Return how many users there are."""
        return len(self.user_ids)

    def __iter__(self) -> Iterator[RowArray]:
        """Yield the rows of each user, as views."""
        return (self.of(user) for user in range(len(self)))

    @property
    def n_events(self) -> int:
        """How many events all users have together."""
        return int(self.offsets[-1])

    @property
    def lengths(self) -> IntArray:
        """How many events each user has, int64 ``[U]``."""
        return np.diff(self.offsets)

    def of(self, user: int) -> RowArray:
        """Return the rows of one user, oldest first: a view, not a copy."""
        return self.rows[self.offsets[user] : self.offsets[user + 1]]

    def times_of(self, user: int) -> IntArray:
        """Return the timestamps of one user, beside :meth:`of`."""
        return self.timestamps[self.offsets[user] : self.offsets[user + 1]]

    def users(self) -> IntArray:
        """Return the user of every event, int64 ``[E]``."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def keep(self, kept: npt.NDArray[np.bool_]) -> "Sequences":
        """Return the sequences with only the events where ``kept`` ``[E]`` is true; every user stays."""
        lengths = np.bincount(self.users()[kept], minlength=len(self))
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
        return Sequences(self.user_ids, offsets, self.rows[kept], self.timestamps[kept])
