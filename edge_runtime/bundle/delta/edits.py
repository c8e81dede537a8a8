"""Changed, inserted and removed rows of a table of bytes."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from edge_runtime.bundle.delta.cursor import Cursor, dump_array, dump_numbers

MAX_EDITS: Final = 1 << 20
"""Maximum number of edits of a tensor, so that a reader's memory for them is bounded."""

_BLOCK: Final = 1 << 22
"""Rows that are compared at a time."""

Rows = NDArray[np.int64]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Runs:
    """Rows of two tables that belong together: ``length`` rows from ``old`` and from ``new``, ascending in both.

    Attributes:
        old, new, length: int64 ``[n]``; no length is 0.
    """

    old: Rows
    new: Rows
    length: Rows

    @classmethod
    def of(cls, old: Rows, new: Rows, length: Rows) -> Self:
        """Return runs, without those of no rows."""
        filled = length > 0
        return cls(old[filled], new[filled], length[filled])

    @classmethod
    def at_same_positions(cls, old: Bytes, new: Bytes) -> Self:
        """Return the equal rows of two tables ``[n, width]`` by position."""
        n = min(len(old), len(new))
        is_same = (old[:n] == new[:n]).all(axis=1)
        edges = np.flatnonzero(np.diff(is_same.astype(np.int8), prepend=0, append=0))
        starts, stops = edges[::2], edges[1::2]
        return cls(starts, starts, stops - starts)

    def equal(self, old: Bytes, new: Bytes) -> Self:
        """Return the runs all of whose rows are equal in both tables."""
        stops = np.cumsum(self.length)
        bounds = np.unique(np.searchsorted(stops, np.arange(0, int(stops[-1]) if len(stops) else 0, _BLOCK)))
        kept = []
        for start, stop in pairwise([*bounds.tolist(), len(stops)]):
            length = self.length[start:stop]
            first = np.cumsum(length) - length
            steps = np.arange(int(length.sum())) - np.repeat(first, length)
            pairs = (np.repeat(starts[start:stop], length) + steps for starts in (self.old, self.new))
            differs = (old[next(pairs)] != new[next(pairs)]).any(axis=1)
            kept.append(np.add.reduceat(differs, first, dtype=np.int64) == 0)
        is_kept = np.concatenate([np.zeros(0, dtype=bool), *kept])
        return type(self)(self.old[is_kept], self.new[is_kept], self.length[is_kept])


@dataclass(frozen=True, slots=True)
class Edits:
    """Each edit copies ``skip`` rows of the older table, leaves out ``remove`` of them, and puts new rows there.

    What follows the last edit is copied.

    Attributes:
        skip, remove, insert: numbers of rows ``[n]``.
        values: the new rows, uint8 ``[insert.sum(), width]``.
    """

    skip: Rows
    remove: Rows
    insert: Rows
    values: Bytes

    @classmethod
    def between(cls, new: Bytes, kept: Runs, n_old: int) -> Self:
        """Return the edits that lead from a table of ``n_old`` rows to ``new`` and keep the rows of some runs."""
        old_stops, new_stops = (np.concatenate([[0], starts + kept.length]) for starts in (kept.old, kept.new))
        before = np.append(kept.old, n_old) - old_stops
        after = np.append(kept.new, len(new)) - new_stops
        places = np.flatnonzero(before + after)
        n_kept = np.concatenate([[0], np.cumsum(kept.length)])[places]
        values = new[_in_runs(new_stops[places], after[places], len(new))]
        return cls(np.diff(n_kept, prepend=0), before[places], after[places], values)

    def dump(self) -> bytes:
        """Return the bytes; of the values, all first bytes come first."""
        lists = (dump_array(numbers) for numbers in (self.skip, self.remove, self.insert))
        return b"".join((dump_numbers(len(self.skip)), *lists, self.values.T.tobytes()))

    @classmethod
    def read(cls, cursor: Cursor, n_old: int, n_new: int, width: int) -> Self:
        """Read edits from ``n_old`` to ``n_new`` rows of ``width`` bytes.

        Raises:
            DeltaError: they do not lead from the one number to the other.
        """
        n = cursor.number()
        if n > MAX_EDITS:
            raise cursor.error(f"found {n:,} edits, expected at most {MAX_EDITS:,}")
        skip, remove, insert = (cursor.numbers(n) for _ in range(3))
        if (skip[1:] == 0).any():
            raise cursor.error("found two edits at the same row, expected one")
        most = max(n_old, n_new)
        if max(int(numbers.max(initial=0)) for numbers in (skip, remove, insert)) > most:  # their sums could overflow
            raise cursor.error(f"found an edit of more rows than the {most:,} of the larger version")
        n_used, n_removed, n_inserted = int(skip.sum() + remove.sum()), int(remove.sum()), int(insert.sum())
        if n_used > n_old or n_old - n_removed + n_inserted != n_new:
            raise cursor.error(
                f"found edits of {n_used:,} rows that lead to {n_old - n_removed + n_inserted:,}, expected edits of at "
                f"most {n_old:,} rows that lead to {n_new:,}"
            )
        values = np.frombuffer(cursor.take(n_inserted * width), np.uint8).reshape(width, n_inserted).T
        return cls(skip, remove, insert, values)

    def apply(self, old: Bytes) -> Bytes:
        """Return the newer table; ``old`` has the number of rows that the edits were read for."""
        new = np.empty((len(old) - int(self.remove.sum()) + len(self.values), old.shape[1]), dtype=np.uint8)
        used = made = inserted = 0
        for skip, remove, insert in zip(self.skip.tolist(), self.remove.tolist(), self.insert.tolist(), strict=True):
            new[made : made + skip] = old[used : used + skip]
            used += skip + remove
            made += skip
            new[made : made + insert] = self.values[inserted : inserted + insert]
            made += insert
            inserted += insert
        new[made:] = old[used:]
        return new


def _in_runs(starts: Rows, lengths: Rows, n: int) -> NDArray[np.bool_]:
    """Return which of ``n`` rows are in one of some runs, which do not touch each other."""
    steps = np.zeros(n + 1, dtype=np.int8)
    filled = lengths > 0
    steps[starts[filled]] = 1
    steps[(starts + lengths)[filled]] = -1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(bool)
